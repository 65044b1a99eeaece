import { createHash } from 'node:crypto';
import type { TokenRequest } from './token-provider.js';

/** What a storage key is made of. */
export interface TokenKeyParts {
  prefix: string;
  serviceName: string;
  /** Everything that tells two tokens apart: endpoint, grant, client, scope, audience, credential fingerprint … */
  identity: readonly string[];
  /** What the call asked for. */
  request: string;
}

/**
 * The storage key of a token: `prefix:service:hash`.
 *
 * Two requests that could get different tokens never share one. Everything but prefix and service name enters hashed,
 * each part with its length, so no two lists of parts read the same.
 */
export function tokenKey(parts: TokenKeyParts): string {
  const hash = fingerprintOf([parts.serviceName, parts.request, ...parts.identity]);
  return `${parts.prefix}:${encodeURIComponent(parts.serviceName).slice(0, 64)}:${hash}`;
}

/** SHA-256 over a list of strings, base64url. Not for passwords: those are guessed too fast. */
export function fingerprintOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('base64url');
}

/** What a call asked for, in one canonical form: the order of names and the way of writing lists do not matter. */
export function canonicalRequest(request: TokenRequest): string {
  const { scope, audience, resource, subjectToken, extraParams, ...rest } = request;
  const parts: [string, unknown][] = [
    ['audience', list(audience)],
    ['resource', list(resource)],
    ['scope', scope === undefined ? undefined : [...new Set(scopes(scope))].sort()],
    ['subjectToken', subjectToken],
    ['extraParams', extraParams && sortedEntries(extraParams)],
    ['rest', Object.keys(rest).length === 0 ? undefined : sortedEntries(rest)],
  ];
  return JSON.stringify(parts.filter(([, value]) => value !== undefined));
}

/** Scopes as a list, however they were written. */
export function scopes(scope: string | readonly string[]): string[] {
  return (typeof scope === 'string' ? [scope] : scope).flatMap((item) => item.split(' ')).filter((item) => item !== '');
}

function list(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof value === 'string' ? [value] : value && [...value];
}

function sortedEntries(record: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
