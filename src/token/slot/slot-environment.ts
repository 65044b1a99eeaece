import type { Clock } from '../../clock.js';
import type { ForgeLogger } from '../../logger.js';
import type { GuardedStorage } from '../../storage/guarded-storage.js';
import type { SlotSettings } from '../token-settings.js';

/** What a slot needs around it. */
export interface SlotEnvironment {
  /** For messages: `"orders"`, or `"orders", step "app_token"`. */
  readonly owner: string;
  readonly serviceName: string | undefined;
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  /** Asked for at each flight: an application's storage is known only when it has started. */
  readonly storage: () => GuardedStorage | undefined;
  readonly settings: SlotSettings;
  /** In `[0, 1)`, one per process: spreads the refreshes of a fleet. */
  readonly jitter: number;
}
