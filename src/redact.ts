/**
 * Redaction by allow-list: what is not known to be harmless is not shown.
 */

/** Shown in place of a value that may be secret. */
export const REDACTED = '[redacted]';

/** Headers whose values tell nothing about a caller. Everything else is masked. */
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

/** Error codes and system call names: short words, never data. */
const HARMLESS_WORD = /^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/;

/**
 * Origin and path of a URL: no user info, no query, no fragment.
 * Anything that is no absolute URL is answered as `[invalid url]`.
 */
export function redactUrl(url: string): string {
  try {
    const { origin, protocol, host, pathname } = new URL(url);
    return (origin === 'null' ? `${protocol}//${host}` : origin) + pathname;
  } catch {
    return '[invalid url]';
  }
}

/** A copy of `headers` in which every value that is not known to be harmless is masked. */
export function redactHeaders(
  headers: Readonly<Record<string, unknown>>,
  sensitiveKeys: Iterable<string> = [],
): Record<string, string> {
  const sensitive = new Set(Array.from(sensitiveKeys, (key) => key.toLowerCase()));
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    shown[name] = HARMLESS_HEADERS.has(key) && !sensitive.has(key) ? String(value) : REDACTED;
  }
  return shown;
}

/**
 * Our own copy of a foreign error: its name, code and system call, and the frames of its stack.
 * Never its message, properties or cause: those quote bodies, headers and input.
 */
export class RedactedCause extends Error {
  declare readonly code?: string;
  declare readonly syscall?: string;

  constructor(original: unknown) {
    const name = original instanceof Error ? (word(original.constructor.name) ?? 'Error') : typeof original;
    const code = word(property(original, 'code'));
    super(code === undefined ? name : `${name} (${code})`);
    Object.defineProperty(this, 'name', { value: name, enumerable: false, configurable: true });
    if (code !== undefined) this.code = code;
    const syscall = word(property(original, 'syscall'));
    if (syscall !== undefined) this.syscall = syscall;
    Object.defineProperty(this, 'stack', {
      value: [this.message, ...framesOf(original)].join('\n'),
      enumerable: false,
      configurable: true,
      writable: true,
    });
  }
}

function property(value: unknown, key: string): unknown {
  try {
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  } catch {
    return undefined;
  }
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && HARMLESS_WORD.test(value) ? value : undefined;
}

/** Lines `    at …` only: an error's first lines are its message, which may quote anything. */
function framesOf(original: unknown): string[] {
  const stack = property(original, 'stack');
  if (typeof stack !== 'string') return [];
  return stack.split('\n').filter((line) => /^\s{4}at \S+ \(?(?:file|node|\/|[A-Za-z]:\\|async |new )/.test(line));
}
