/** Options of a {@link Lazy}. */
export interface LazyOptions {
  /** Keeps a failure for all who come later: what cannot succeed is not tried again. @default false, the next to ask opens anew */
  readonly keepsFailure?: boolean;
}

/**
 * A value that is opened when it is first needed: once, for all who ask while it is being opened and afterwards.
 *
 * @typeParam Args what its opening depends on; those of whoever asks first count
 */
export class Lazy<T, Args extends unknown[] = []> {
  readonly #open: (...args: Args) => T | Promise<T>;
  readonly #keepsFailure: boolean;
  #opening: Promise<T> | undefined;
  #value: T | undefined;
  #refusal: (() => Error) | undefined;

  constructor(open: (...args: Args) => T | Promise<T>, { keepsFailure = false }: LazyOptions = {}) {
    this.#open = open;
    this.#keepsFailure = keepsFailure;
  }

  /** Returns one whose value is known already. */
  static of<T>(value: T): Lazy<T> {
    const lazy = new Lazy(() => value);
    lazy.#value = value;
    lazy.#opening = Promise.resolve(value);
    return lazy;
  }

  /** The value; undefined until it is open. */
  get value(): T | undefined {
    return this.#value;
  }

  /** Returns the value, opened if need be. @throws what its opening failed with */
  open(...args: Args): Promise<T> {
    return this.#opening ?? this.#begin(args);
  }

  /** Has the next to ask open it anew; whoever asked before is given what was being opened then. */
  reset(): void {
    this.#opening = undefined;
    this.#value = undefined;
  }

  /**
   * Opens nothing from now on. Returns the value for its owner to end: the one that is open, or that is being opened.
   * @param refusal what whoever asks for one that was never opened is given
   */
  async close(refusal: () => Error): Promise<T | undefined> {
    this.#refusal = refusal;
    return this.#opening?.catch(() => undefined);
  }

  #begin(args: Args): Promise<T> {
    const opening = this.#run(args);
    this.#opening = opening;
    // Before anybody else who waits for it: one who asks again after a failure is to find none under way.
    void this.#settle(opening);
    return opening;
  }

  async #settle(opening: Promise<T>): Promise<void> {
    try {
      const value = await opening;
      if (this.#opening === opening) this.#value = value;
    } catch {
      if (this.#opening === opening && !this.#keepsFailure) this.#opening = undefined;
    }
  }

  async #run(args: Args): Promise<T> {
    if (this.#refusal !== undefined) throw this.#refusal();
    return this.#open(...args);
  }
}

/** Returns a function whose code is loaded at its first call: until then nobody pays for it. */
export function loadedWhenCalled<Args extends unknown[], R>(
  load: () => Promise<(...args: Args) => Promise<R>>,
): (...args: Args) => Promise<R> {
  const loaded = new Lazy(load);
  return (...args) => loaded.value?.(...args) ?? loaded.open().then((run) => run(...args));
}

/** Opening that comes later, given in place of the options of its class. */
export class Deferred<How> {
  readonly how: How;

  constructor(how: How) {
    this.how = how;
  }
}
