import { AuthenticationError, ConfigurationError, ForgeAuthError } from '../errors.js';
import type { CredentialSource } from './authenticator.js';
import { mountedText, mountedTextFault } from '../option-check/mounted-text.js';
import { concealedCause } from '../redaction/own-cause.js';
import { noteSecret } from '../redaction/known-secrets.js';

/** @throws {ConfigurationError} unless `source` is a text that a header can carry, or a function */
export function checkCredential(source: unknown, what: string): void {
  noteSecret(source);
  if (typeof source === 'function') return;
  if (source === undefined)
    throw new ConfigurationError(`${what} is undefined. Is the variable that it is read from set?`);
  if (typeof source !== 'string' || source === '')
    throw new ConfigurationError(`${what} must be a text that is not empty, or a function.`);
  checkMounted(source, what);
  if (!/^[\x20-\x7e]+$/.test(source))
    throw new ConfigurationError(`${what} has characters that no header can carry. Give it without them.`);
}

/** @throws {ConfigurationError} when a text was read from a file as it is */
export function checkMounted(text: string, what: string): void {
  const fault = mountedTextFault(text);
  if (fault !== undefined) throw new ConfigurationError(`${what} ${fault}. Was it read from a file? Trim it.`);
}

/** @throws {ConfigurationError} unless `name` can be a header's name (RFC 9110 §5.1) */
export function checkHeaderName(name: unknown, what: string): string {
  if (typeof name === 'string' && /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/.test(name)) return name.toLowerCase();
  throw new ConfigurationError(`${what} must be a header name such as 'X-API-Key'.`);
}

/**
 * Reads a credential.
 * @throws {AuthenticationError} FORGE_AUTH_CREDENTIAL_FAILED when its function throws or returns nothing usable
 */
export function readCredential(source: CredentialSource, what: string, serviceName: string): string | Promise<string> {
  return typeof source === 'string' ? source : readHeaderText(source, what, serviceName);
}

async function readHeaderText(
  source: () => string | Promise<string>,
  what: string,
  serviceName: string,
): Promise<string> {
  const value = await readText(source, what, serviceName);
  if (/^[\x20-\x7e]+$/.test(value)) return value;
  throw failed('its function returned nothing that a header can carry', what, serviceName);
}

/**
 * Reads a credential that is encoded before it is sent, and so may be any text; a line break at its end is cut.
 * @throws {AuthenticationError} FORGE_AUTH_CREDENTIAL_FAILED when its function throws or returns no text
 */
export async function readText(
  source: () => string | Promise<string>,
  what: string,
  serviceName: string,
): Promise<string> {
  let value: unknown;
  try {
    value = await source();
  } catch (cause) {
    if (cause instanceof ForgeAuthError) throw cause;
    const thrown = concealedCause(cause);
    throw failed(`its function threw ${thrown.summary}`, what, serviceName, thrown);
  }
  if (typeof value === 'string') {
    const text = mountedText(value);
    noteSecret(text);
    return text;
  }
  throw failed(`its function returned no text but ${typeof value}`, what, serviceName);
}

function failed(why: string, what: string, serviceName: string, cause?: unknown): AuthenticationError {
  return new AuthenticationError(`No credential for "${serviceName}": ${what} could not be read, ${why}.`, {
    code: 'FORGE_AUTH_CREDENTIAL_FAILED',
    serviceName,
    ...(cause === undefined ? undefined : { cause }),
  });
}
