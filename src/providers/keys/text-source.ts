import { readFile } from 'node:fs/promises';
import { type Clock, withDeadline } from '../../clock.js';
import { AuthenticationError, ConfigurationError } from '../../errors.js';
import { mountedText, mountedTextFault } from '../../option-check/mounted-text.js';
import { fingerprintOf } from '../../token/token-key.js';
import { concealedCause } from '../../redaction/own-cause.js';
import { noteSecret } from '../../redaction/known-secrets.js';

/** A text, a function that reads it, or a file that holds it (a mounted secret, a projected service account token). */
export type TextSource = string | (() => string | Promise<string>) | { readonly file: string };

/** A vault that has not answered by then is asked again by the next flight. */
const DEADLINE_MS = 5_000;

/** Checks whether `source` names a file. */
export function isFile(source: unknown): source is { readonly file: string } {
  return typeof source === 'object' && source !== null && typeof (source as { file?: unknown }).file === 'string';
}

/** @throws {ConfigurationError} unless `source` is a text without a line break at its end, a function, or `{ file }` */
export function checkTextSource(source: unknown, name: string): void {
  noteSecret(source);
  if (typeof source === 'function' || isFile(source)) return;
  if (source === undefined)
    throw new ConfigurationError(`${name} is undefined. Is the variable that it is read from set?`);
  if (typeof source !== 'string' || source === '')
    throw new ConfigurationError(`${name} must be a text that is not empty, a function, or { file }.`);
  const fault = mountedTextFault(source);
  if (fault !== undefined)
    throw new ConfigurationError(`${name} ${fault}. Was it read from a file? Give { file }, or trim it.`);
}

/**
 * Reads a source. A line break at the end of what a function or file holds is cut, a byte order mark before it, too.
 * @param name the option it was given as, for messages
 * @throws {AuthenticationError} FORGE_AUTH_CREDENTIAL_FAILED when it cannot be read, or holds no text
 */
export async function readTextSource(source: TextSource, name: string, clock: Clock): Promise<string> {
  noteSecret(source);
  if (typeof source === 'string') return source;
  const value = await readWithin(isFile(source) ? () => readFile(source.file, 'utf8') : source, name, clock);
  const text = typeof value === 'string' ? mountedText(value) : value;
  noteSecret(text);
  if (typeof text === 'string' && text !== '') return text;
  const why = isFile(source) ? 'its file is empty' : 'its function returned no text';
  throw unreadable(name, why, false);
}

/**
 * Calls a function that reads something, within a time.
 * @throws {AuthenticationError} FORGE_AUTH_CREDENTIAL_FAILED when it throws, or does not return
 */
export async function readWithin<T>(read: () => T | Promise<T>, name: string, clock: Clock): Promise<T> {
  try {
    // An async function, so that one that throws at once is a rejection like any other.
    return await withDeadline(clock, (async () => read())(), DEADLINE_MS, () =>
      unreadable(name, `its function did not answer within ${DEADLINE_MS} ms`, true),
    );
  } catch (cause) {
    if (cause instanceof AuthenticationError || cause instanceof ConfigurationError) throw cause;
    const missing = (cause as { code?: unknown } | undefined)?.code === 'ENOENT';
    const thrown = concealedCause(cause);
    throw unreadable(name, missing ? 'its file does not exist' : `its function threw ${thrown.summary}`, true, thrown);
  }
}

/**
 * Identifies a source in a key: a text by its fingerprint, a file by its path and by whom what it holds speaks for, since
 * another machine may have another one there; a function is not known.
 * @throws {AuthenticationError} FORGE_AUTH_CREDENTIAL_FAILED when a file cannot be read
 */
export async function sourceIdentity(source: TextSource | undefined, name: string, clock: Clock): Promise<string> {
  if (source === undefined || typeof source === 'function') return '';
  if (!isFile(source)) return fingerprintOf([source]);
  return `file ${source.file} ${fingerprintOf(subjectOf(await readTextSource(source, name, clock)))}`;
}

/** Issuer and subject of a JWT, which stay when it is replaced by its successor; of any other text all of it. */
function subjectOf(text: string): readonly string[] {
  const [, payload = ''] = text.split('.');
  try {
    const { iss = '', sub } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<string, unknown>;
    if (typeof iss === 'string' && typeof sub === 'string') return [iss, sub];
  } catch {
    // No JWT.
  }
  return [text];
}

function unreadable(name: string, why: string, transient: boolean, cause?: unknown): AuthenticationError {
  return new AuthenticationError(`${name} could not be read: ${why}.`, {
    code: 'FORGE_AUTH_CREDENTIAL_FAILED',
    transient,
    ...(cause === undefined ? undefined : { cause }),
  });
}
