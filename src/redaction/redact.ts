/**
 * Redaction by allow-list: what is not known to be harmless is not shown.
 */
import { OptionThrew } from '../option-check/option-threw.js';
import { defineOwn } from '../option-check/own-options.js';
import { isSecret } from './echoed-secret.js';

/** Shown in place of a value that may be secret. */
export const REDACTED = '[redacted]';

/** Headers whose values show nothing about a caller. Everything else is masked. */
const HARMLESS_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'age',
  'allow',
  'cache-control',
  'connection',
  'content-encoding',
  'content-language',
  'content-length',
  'content-type',
  'date',
  'expires',
  'host',
  'keep-alive',
  'last-modified',
  'retry-after',
  'server',
  'transfer-encoding',
  'user-agent',
  'vary',
  'x-correlation-id',
  'x-request-id',
]);

/** A name that can be sent: anything else is a mistake, and may be anything. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

/** Names of classes: written in code, never data. */
const CLASS_NAME = /^[A-Za-z_$][\w$]{0,63}$/;

/** Codes of Node, OpenSSL, zlib and the libraries below us: careless code puts other things into `code`, too. */
const ERROR_CODE =
  /^(?:E[A-Z0-9]{2,15}|(?:ABORT|CERT|CONNECTION|CRL|DEPTH_ZERO|EAI|ERR|ERROR_IN|FORGE_AUTH|HOSTNAME|HPE|INVALID|NR|OAUTH|PATH|SELF_SIGNED|UNABLE_TO|UND_ERR|Z)_[A-Z0-9_]{1,60})$/;

/** The system calls of a connection or a file. */
const SYSTEM_CALL =
  /^(?:accept|bind|close|connect|getaddrinfo|getnameinfo|listen|open|query[A-Z]\w{0,8}|read|shutdown|spawn|stat|write)$/;

/** A frame of a stack: a function, a file, a line and a column. */
const FRAME =
  /^\s{4}at (?:(?:async |new )?[^\s/(]+(?: \[as [^\s\]]+\])? \()?(?:async )?(?:file:|node:|\/|[A-Za-z]:\\)[^\s()]*:\d+:\d+\)?$/;

/**
 * Origin and path of a URL: no user info, no query, no fragment.
 * Anything that is no absolute URL is answered as `[invalid url]`.
 */
export function redactUrl(url: string): string {
  try {
    const { origin, protocol, host, pathname } = new URL(url);
    if (host === '') return '[invalid url]';
    return (origin === 'null' ? `${protocol}//${host}` : origin) + pathname;
  } catch {
    return '[invalid url]';
  }
}

/**
 * A copy of `headers` in which every value that is not known to be harmless is masked.
 * @param secrets what a service may echo into any header
 */
export function redactHeaders(
  headers: Readonly<Record<string, unknown>>,
  sensitiveKeys: Iterable<string> = [],
  secrets: readonly string[] = [],
): Record<string, string> {
  const sensitive = new Set(Array.from(sensitiveKeys, (key) => key.toLowerCase()));
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const key = name.toLowerCase();
    const text = String(value);
    const harmless = HARMLESS_HEADERS.has(key) && !sensitive.has(key) && !isSecret(text, secrets);
    const shownName = HEADER_NAME.test(name) && !isSecret(name, secrets) ? name : REDACTED;
    shown[shownName] = harmless ? text : REDACTED;
  }
  return shown;
}

/** Attributes of what an error says of itself, as engines write them: no loop shows it, a tool may rewrite it. */
const HIDDEN = { enumerable: false, configurable: true, writable: true } as const;

/**
 * Our own copy of a foreign error: its name, code and system call, and the frames of its stack.
 * Never its message, properties or cause: those quote bodies, headers and input.
 */
export class RedactedCause extends Error {
  declare readonly code?: string;
  declare readonly syscall?: string;

  readonly #option: string | undefined;

  constructor(thrown: unknown) {
    const original = OptionThrew.original(thrown);
    const name = isInstance(Error, original)
      ? (matching(CLASS_NAME, property(property(original, 'constructor'), 'name')) ?? 'Error')
      : typeof original;
    const code = matching(ERROR_CODE, property(original, 'code'));
    super(code === undefined ? name : `${name} (${code})`);
    defineOwn(this, 'name', { value: name, ...HIDDEN });
    this.#option = OptionThrew.optionOf(thrown);
    if (code !== undefined) this.code = code;
    const syscall = matching(SYSTEM_CALL, property(original, 'syscall'));
    if (syscall !== undefined) this.syscall = syscall;
    defineOwn(this, 'stack', { value: [this.message, ...framesOf(original)].join('\n'), ...HIDDEN });
  }

  /** As of a `ForgeAuthError`: what cannot be asked is none. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(this, value);
  }

  /** For messages: `TypeError`, `VaultError (ECONNREFUSED)`. */
  get summary(): string {
    return this.message;
  }

  /** The option whose function threw it, for messages; undefined where that is not known. */
  get option(): string | undefined {
    return this.#option;
  }

  /** Frames of its stack, each on a line of its own. */
  get frames(): string {
    const [, ...frames] = (this.stack ?? '').split('\n');
    return frames.map((frame) => `\n${frame}`).join('');
  }
}

/**
 * Describes a value that an option does not take: numbers and switches as they are, of anything else its type
 * alone. A secret may have come into the wrong option.
 */
export function shownValue(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  return typeof value === 'string' ? `a text of ${value.length} characters` : `of type ${typeof value}`;
}

/** Checks whether `value` is an error code as Node and the libraries below us write them. */
export function isErrorCode(value: unknown): value is string {
  return matching(ERROR_CODE, value) !== undefined;
}

/** As `instanceof`, without its errors: anything may be thrown, a proxy that answers no question too. */
export function isInstance(type: unknown, value: unknown): boolean {
  try {
    return Function.prototype[Symbol.hasInstance].call(type, value);
  } catch {
    return false;
  }
}

function property(value: unknown, key: string): unknown {
  try {
    const isOne = (typeof value === 'object' && value !== null) || typeof value === 'function';
    return isOne ? (value as Record<string, unknown>)[key] : undefined;
  } catch {
    return undefined;
  }
}

function matching(pattern: RegExp, value: unknown): string | undefined {
  return typeof value === 'string' && pattern.test(value) ? value : undefined;
}

/** Returns the lines after the message, which may quote anything, a stack included. */
function framesOf(original: unknown): string[] {
  const [stack, message] = [property(original, 'stack'), property(original, 'message')];
  if (typeof stack !== 'string') return [];
  const end = typeof message === 'string' && stack.includes(message) ? stack.indexOf(message) + message.length : 0;
  return stack
    .slice(end)
    .split('\n')
    .filter((line) => FRAME.test(line));
}
