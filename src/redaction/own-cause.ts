import { OptionThrew } from '../option-check/option-threw.js';
import { defineOwn } from '../option-check/own-options.js';
import { maskSecrets } from './known-secrets.js';
import { RedactedCause } from './redact.js';

/** Options of how much of an error that the app's own code threw is shown. */
export interface CauseOptions {
  /** True when its message is shown, every known secret masked; else only its name, code and stack are. */
  readonly reveal: boolean;
  readonly secrets?: Iterable<string>;
}

/** Checks whether the app's own errors are shown whole by default: where its developers are. */
export function revealsByDefault(): boolean {
  return process.env['NODE_ENV'] !== 'production';
}

/**
 * Our copy of what the app's own code threw: a provider, a hook, a transport, a body function. In development with its
 * message, without which nobody finds the mistake.
 */
export function ownCause(thrown: unknown, { reveal, secrets = [] }: CauseOptions): RedactedCause {
  if (thrown instanceof RedactedCause) return thrown;
  return reveal ? new RevealedCause(thrown, secrets) : new RedactedCause(thrown);
}

/**
 * Our copy of what the app's own code threw, deep inside, where nobody knows yet whether it may be shown: it shows name,
 * code and stack, until {@link revealOwnCause} is asked further up.
 */
export function concealedCause(thrown: unknown): RedactedCause {
  return thrown instanceof RedactedCause ? thrown : new ConcealedCause(thrown);
}

/** Shows the message of what the app's own code threw, in an error that ends in it, or whose cause does. */
export function revealOwnCause(error: unknown, reveal: boolean): void {
  if (!reveal) return;
  // An error may be its own cause.
  const seen = new Set<unknown>();
  for (let current = error; current instanceof Error && !seen.has(current); current = current.cause) {
    seen.add(current);
    const { cause } = current;
    if (cause instanceof ConcealedCause) show(error as Error, current, cause);
  }
}

/** Does work; of an error in it, shows what the app's own code threw as far as it may be seen. */
export async function revealing<T>(work: Promise<T>, reveal: boolean): Promise<T> {
  try {
    return await work;
  } catch (error) {
    revealOwnCause(error, reveal);
    throw error;
  }
}

/** Errors say what was thrown in their messages, too, those around them perhaps as well. */
function show(outermost: Error, holder: Error, concealed: ConcealedCause): void {
  const { revealed } = concealed;
  for (let error: unknown = outermost; error instanceof Error && error !== concealed; error = error.cause) {
    const before = error.message;
    error.message = before.replace(`threw ${concealed.summary}`, () => `threw ${revealed.summary}`);
    error.stack = error.stack?.replace(before, () => (error as Error).message) ?? '';
  }
  defineOwn(holder, 'cause', { value: revealed, enumerable: false, configurable: true, writable: true });
}

class ConcealedCause extends RedactedCause {
  /** Made at once, of nothing but what may be shown: the error itself is not kept. */
  readonly #revealed: RevealedCause;

  constructor(thrown: unknown) {
    super(thrown);
    this.#revealed = new RevealedCause(thrown, []);
  }

  get revealed(): RevealedCause {
    return this.#revealed;
  }
}

/** An error of the app's own as its developer may see it: name, code, stack, and its message without secrets. */
class RevealedCause extends RedactedCause {
  readonly #words: string;

  constructor(thrown: unknown, secrets: Iterable<string>) {
    super(thrown);
    this.#words = maskSecrets(messageOf(OptionThrew.original(thrown)), secrets);
    if (this.#words === '') return;
    const { frames } = this;
    this.message = this.#words;
    this.stack = `${this.summary}${frames}`;
  }

  override get summary(): string {
    return this.#words === '' ? super.summary : `${this.name}: ${this.#words}`;
  }
}

function messageOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  try {
    const { message } = thrown as { message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    return '';
  }
}
