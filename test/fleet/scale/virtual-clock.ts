import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from 'nestjs-forge-auth';

interface Timer {
  readonly due: number;
  readonly order: number;
  task: (() => void) | undefined;
}

/** Time that passes as fast as the machine can: for thousands of processes in one, each with timers of its own. */
export class VirtualClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  #order = 0;
  #seed = 1;
  /** A binary heap, the next one due first. */
  readonly #timers: Timer[] = [];

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  /** The same sequence in every run. */
  random(): number {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    return this.#seed / 2_147_483_647;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer: Timer = { due: this.#now + Math.max(0, Math.ceil(delayMs)), order: (this.#order += 1), task };
    this.#push(timer);
    return () => (timer.task = undefined);
  }

  /** Lets `ms` pass. What is due in the same millisecond runs together, then promises settle. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await turn();
    for (let next = this.#timers[0]; next !== undefined && next.due <= end; next = this.#timers[0]) {
      this.#now = next.due;
      let ran = false;
      for (let due = this.#timers[0]; due !== undefined && due.due === this.#now; due = this.#timers[0]) {
        this.#pop();
        ran ||= due.task !== undefined;
        due.task?.();
      }
      if (ran) await turn();
    }
    this.#now = end;
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Timer;
      if (isBefore(above, timer)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#timers;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) child += 1;
      if (isBefore(last, heap[child] as Timer)) break;
      heap[at] = heap[child] as Timer;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.due < other.due || (one.due === other.due && one.order < other.order);
}
