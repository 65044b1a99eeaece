import { maskSecrets } from './known-secrets.js';
import { RedactedCause } from './redact.js';

/** How much of an error that the app's own code threw is shown. */
export interface CauseOptions {
  /** Whether its message is, every known secret masked; else its name, code and stack alone. */
  readonly reveal: boolean;
  readonly secrets?: Iterable<string>;
}

/** Whether the app's own errors are shown whole, unless it says otherwise: where its developers are. */
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

/** An error of the app's own as its developer may see it: name, code, stack, and its message without secrets. */
class RevealedCause extends RedactedCause {
  constructor(thrown: unknown, secrets: Iterable<string>) {
    super(thrown);
    const message = maskSecrets(messageOf(thrown), secrets);
    if (message === '') return;
    const { frames } = this;
    this.message = message;
    this.stack = `${this.summary}${frames}`;
  }

  override get summary(): string {
    return `${this.name}: ${this.message}`;
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
