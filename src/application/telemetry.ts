import type { Observers } from '../observer.js';
import type { ForgeAuthState } from './state.js';

/** View of an application that a {@link Telemetry} has. */
export interface ObservedApplication {
  readonly observer: Observers;
  /** Returns the state of every service. */
  describe(): ForgeAuthState;
}

/** Measures and traces an application. `nestjs-forge-auth/opentelemetry` has one. */
export interface Telemetry {
  /** Starts to observe. Returns what ends it; called when the application closes. */
  attach(application: ObservedApplication): () => void;
}
