/** Request of a process of the fleet to its parent. */
export interface StoreRequest {
  readonly id: string;
  readonly method: keyof SharedStore;
  readonly args: readonly unknown[];
}

/** Message of the parent to a process of the fleet. */
export interface ParentMessage {
  readonly answer?: { readonly id: string; readonly value: unknown };
  /** A message that one of the processes has published. */
  readonly heard?: string;
  /** True when the store answers from now on. */
  readonly up?: boolean;
}

interface Stored {
  readonly value: string;
  readonly until: number;
}

interface HeldLease {
  readonly owner: string;
  until: number;
}

/** Tokens, leases and messages of several processes, in the memory of one: what Redis does for a fleet, in small. */
export class SharedStore {
  readonly #publish: (message: string) => void;
  readonly #values = new Map<string, Stored>();
  readonly #leases = new Map<string, HeldLease>();
  readonly #generations = new Map<string, number>();

  constructor(publish: (message: string) => void) {
    this.#publish = publish;
  }

  get(key: string): string | undefined {
    const stored = this.#values.get(key);
    return stored !== undefined && stored.until > Date.now() ? stored.value : undefined;
  }

  set(key: string, value: string, ttlMs = Number.POSITIVE_INFINITY): void {
    this.#values.set(key, { value, until: Date.now() + ttlMs });
  }

  /** Writes, unless somebody has a later generation. Answers whether it did. */
  setIfNewer(key: string, value: string, ttlMs: number, generation: number): boolean {
    if ((this.#generations.get(key) ?? 0) > generation) return false;
    this.#generations.set(key, generation);
    this.set(key, value, ttlMs);
    return true;
  }

  /** The generation of a lease that is granted; null while somebody else holds it. */
  acquire(key: string, owner: string, ttlMs: number): number | null {
    const held = this.#leases.get(key);
    if (held !== undefined && held.until > Date.now()) return null;
    this.#leases.set(key, { owner, until: Date.now() + ttlMs });
    const generation = Math.max((this.#generations.get(key) ?? 0) + 1, Date.now());
    this.#generations.set(key, generation);
    return generation;
  }

  extend(key: string, owner: string, ttlMs: number): boolean {
    const held = this.#leases.get(key);
    if (held?.owner !== owner) return false;
    held.until = Date.now() + ttlMs;
    return true;
  }

  release(key: string, owner: string): void {
    if (this.#leases.get(key)?.owner === owner) this.#leases.delete(key);
  }

  publish(message: string): void {
    this.#publish(message);
  }
}
