import { setImmediate as macrotask } from 'node:timers/promises';
import type { Clock } from '../clock.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link FakeClock}. */
export interface FakeClockOptions {
  /** The time at first, in epoch milliseconds. @default 2026-01-01T00:00:00Z */
  now?: number;
  /** Numbers that `random()` returns: always the same, or the next of a seeded sequence. @default 0.5 */
  random?: number | { seed: number };
}

interface Timer {
  readonly due: number;
  readonly task: () => void;
}

/** A {@link Clock} whose time passes only when a test says so. */
export class FakeClock implements Clock {
  #wall: number;
  /** Time that timers go by: it never jumps. */
  #elapsed = 0;
  readonly #timers = new Set<Timer>();
  readonly #random: () => number;

  constructor(options: FakeClockOptions = {}) {
    const { now = Date.UTC(2026, 0, 1), random = 0.5 } = ownOptions(options);
    this.#wall = now;
    this.#random = typeof random === 'number' ? () => random : sequence(random.seed);
  }

  /** Number of timers that are set and have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Time until the next timer fires, in milliseconds; undefined when none is set. */
  get nextIn(): number | undefined {
    const next = this.#next();
    return next && next.due - this.#elapsed;
  }

  now(): number {
    return this.#wall;
  }

  /** Time that passed, whatever `jump` did to the time of day. */
  monotonic(): number {
    return this.#elapsed;
  }

  random(): number {
    return this.#random();
  }

  after(delayMs: number, task: () => void): () => void {
    const timer: Timer = { due: this.#elapsed + Math.max(0, delayMs), task };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /**
   * Lets `ms` pass: fires each timer at its time, in order, also those that are set on the way.
   *
   * Before and after each timer, promises settle and the event loop turns, so a little I/O gets done. An HTTP exchange
   * takes more than that: await what it brings about (`server.received(1)`, the call itself), then advance.
   * @throws whatever a timer's task throws.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (let next = this.#next(); next && next.due <= end; next = this.#next()) {
      this.#pass(next.due - this.#elapsed);
      this.#timers.delete(next);
      next.task();
      await settle();
    }
    this.#pass(end - this.#elapsed);
  }

  /** Moves the time of day, as NTP or an operator would: `now()` jumps, timers do not notice. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  #pass(ms: number): void {
    this.#elapsed += Math.max(0, ms);
    this.#wall += Math.max(0, ms);
  }

  /** The first timer due; of several due at once, the one set first. */
  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (!next || timer.due < next.due) next = timer;
    return next;
  }
}

/** Lets promises settle and the event loop turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await macrotask();
}

/** Mulberry32: small, and the same on every machine. */
function sequence(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
