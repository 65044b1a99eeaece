import type { Observers } from '../observer.js';
import type { ForgeAuthState } from './state.js';

/** What a {@link Telemetry} sees of an application. */
export interface ObservedApplication {
  readonly observer: Observers;
  /** What every service is doing. */
  describe(): ForgeAuthState;
}

/** Measures and traces an application. `nestjs-forge-auth/opentelemetry` has one. */
export interface Telemetry {
  /** Starts to observe. Returns what ends it; called when the application closes. */
  attach(application: ObservedApplication): () => void;
}
