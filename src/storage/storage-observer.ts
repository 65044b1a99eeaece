import { type Clock, millisecondsSince } from '../clock.js';
import { TimeoutError } from '../errors.js';
import type { ForgeAuthEvent, Observers } from '../observer.js';
import { refusalOf } from './outage-reason.js';

type EventOf<Type extends ForgeAuthEvent['type']> = Extract<ForgeAuthEvent, { type: Type }>;

/** Command of a storage, as events name it. */
export type StorageCommand = EventOf<'storage'>['command'];
/** Outcome of a command, as events name it. */
export type StorageOutcome = EventOf<'storage'>['outcome'];

/** Emits the events of one storage and its lock. Costs nothing where nobody listens. */
export class StorageObserver {
  readonly #clock: Clock;
  readonly #observers: Observers | undefined;

  constructor(clock: Clock, observers: Observers | undefined) {
    this.#clock = clock;
    this.#observers = observers;
  }

  /** @param startedAt monotonic milliseconds, as everywhere here */
  command(command: StorageCommand, outcome: StorageOutcome, startedAt: number): void {
    if (this.#observers?.active !== true) return;
    this.#observers.emit({ type: 'storage', ...this.#since(startedAt), command, outcome });
  }

  answered(command: StorageCommand, answer: unknown, startedAt: number): void {
    const missed = answer === undefined || answer === null;
    const outcome = command === 'get' ? (missed ? 'miss' : 'hit') : answer === false ? 'refused' : 'ok';
    this.command(command, outcome, startedAt);
  }

  failed(command: StorageCommand, error: unknown, startedAt: number): void {
    const refused = refusalOf(error) !== undefined;
    this.command(command, error instanceof TimeoutError ? 'timeout' : refused ? 'refused' : 'failed', startedAt);
  }

  lock(outcome: EventOf<'lock'>['outcome'], startedAt: number): void {
    if (this.#observers?.active !== true) return;
    this.#observers.emit({ type: 'lock', ...this.#since(startedAt), outcome });
  }

  #since(startedAt: number): Pick<EventOf<'storage'>, 'at' | 'service' | 'durationMs'> {
    return { at: this.#clock.now(), service: undefined, durationMs: millisecondsSince(this.#clock, startedAt) };
  }

  state(state: 'up' | 'down'): void {
    if (this.#observers?.active !== true) return;
    this.#observers.emit({ type: 'storage_state', at: this.#clock.now(), service: undefined, state });
  }
}
