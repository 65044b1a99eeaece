import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';

/** Parts of a caller: on whose behalf code runs. */
export interface CallerInit {
  /** The access token that the caller came with, without its scheme. */
  bearerToken?: string | undefined;
  /** The caller, as the app names its users. Left out: unknown. */
  subject?: string | undefined;
}

/** Caller on whose behalf code runs. Prints and serialises without its token. */
export class Caller {
  readonly #bearerToken: string | undefined;
  readonly #subject: () => string | undefined;

  constructor(bearerToken: string | undefined, subject: () => string | undefined) {
    this.#bearerToken = bearerToken;
    this.#subject = subject;
  }

  get bearerToken(): string | undefined {
    return this.#bearerToken;
  }

  get subject(): string | undefined {
    return this.#subject();
  }

  toJSON(): string {
    return '[Caller]';
  }

  [inspect.custom](): string {
    return '[Caller]';
  }
}

/** A context that the app keeps itself, as far as it is used here: the service of `nestjs-cls`. */
export interface AmbientContext {
  isActive(): boolean;
  get(key: symbol): unknown;
  set(key: symbol, value: unknown): void;
  run<T>(options: { ifNested: 'inherit' }, work: () => T): T;
}

const KEY = Symbol('nestjs-forge-auth.caller');
const callers = new AsyncLocalStorage<Caller>();
/** Contexts of the applications of this process: what reads the caller is static, and knows none of them. */
const ambients = new Map<AmbientContext, number>();

/** Has callers kept in a context of the app's, too, until the returned function is called. */
export function joinContext(ambient: AmbientContext): () => void {
  ambients.set(ambient, (ambients.get(ambient) ?? 0) + 1);
  let joined = true;
  return () => {
    if (!joined) return;
    joined = false;
    const left = (ambients.get(ambient) ?? 1) - 1;
    if (left === 0) ambients.delete(ambient);
    else ambients.set(ambient, left);
  };
}

/** Returns the caller on whose behalf the code runs that calls this; undefined outside of any request. */
export function currentCaller(): Caller | undefined {
  for (const ambient of ambients.keys()) {
    const caller = ambient.isActive() ? ambient.get(KEY) : undefined;
    if (caller instanceof Caller) return caller;
  }
  return callers.getStore();
}

/** Runs `work`, and whatever it starts, on behalf of `caller`. */
export function runAs<T>(caller: Caller, work: () => T): T {
  let wrapped = (): T => callers.run(caller, work);
  for (const ambient of ambients.keys()) {
    if (!ambient.isActive()) continue;
    const inner = wrapped;
    wrapped = () =>
      ambient.run({ ifNested: 'inherit' }, () => {
        ambient.set(KEY, caller);
        return inner();
      });
  }
  return wrapped();
}
