import type { Claims } from '../../stories/claims.js';
import type { Fleet } from '../fleet.js';
import type { Place } from '../places/place.js';
import type { FleetWorld } from '../world.js';

/** Scene of a story of the fleet. All counts start at zero. */
export interface FleetScene {
  /** The servers, which count. */
  readonly world: FleetWorld;
  readonly fleet: Fleet;
  /** Storage of the tokens. */
  readonly place: Place;
  /** Claims to be shown. */
  readonly claims: Claims;
}

/** One thing that the package promises to a fleet, shown. */
export interface FleetStory {
  readonly title: string;
  tell(scene: FleetScene): Promise<void>;
}
