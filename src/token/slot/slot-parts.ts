import type { RejectionTracker } from './rejection-tracker.js';
import type { SlotBackoff } from './slot-backoff.js';
import type { SlotEvents } from './slot-events.js';
import type { SlotObserver } from './slot-observer.js';
import type { TokenStore } from './token-store.js';

/** Parts of a slot that its tokens, their renewals and their withdrawal work with. */
export interface SlotParts {
  readonly store: TokenStore;
  readonly backoff: SlotBackoff;
  readonly rejections: RejectionTracker;
  readonly events: SlotEvents;
  readonly observer: SlotObserver;
}
