import type { World } from '../upstream/world.js';
import type { Claims } from './claims.js';
import type { Visitors } from './visitors.js';

/** Scene of a story. All counts start at zero. */
export interface Scene {
  /** The servers, which count. */
  readonly world: World;
  /** The app's callers. */
  readonly visitors: Visitors;
  /** Claims to be shown. */
  readonly claims: Claims;
}

/** One thing that the package promises, shown. */
export interface Story {
  readonly title: string;
  tell(scene: Scene): Promise<void>;
}
