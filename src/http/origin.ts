import { InvalidRequestError } from '../errors.js';

/**
 * Scheme, host and port of an absolute URL.
 * @throws {InvalidRequestError} FORGE_AUTH_INVALID_REQUEST when it is none
 */
export function originOf(url: string): string {
  const parsed = parse(url);
  if (parsed === undefined) throw new InvalidRequestError('The URL is no absolute URL.');
  return parsed.origin;
}

/** Returns the parsed URL; undefined where it is none. */
export function parse(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
