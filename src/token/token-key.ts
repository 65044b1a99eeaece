import { ownJson } from '../option-check/own-json.js';
import { hash } from 'node:crypto';
import type { TokenRequest } from './token-provider.js';
import { ownOptions } from '../option-check/own-options.js';

/** Parts of a storage key. */
export interface TokenKeyParts {
  prefix: string;
  serviceName: string;
  /** Everything that distinguishes two tokens: endpoint, grant, client, scope, audience, credential fingerprint … */
  identity: readonly string[];
  /** Canonical form of the call's parameters. */
  request: string;
}

/**
 * The storage key of a token: `prefix:service:hash`.
 *
 * Two requests that could get different tokens never share one. Everything but prefix and service name enters hashed,
 * each part with its length, so no two lists of parts read the same.
 */
export function tokenKey(parts: TokenKeyParts): string {
  const fingerprint = fingerprintOf([parts.serviceName, parts.request, ...parts.identity]);
  return `${keyPart(parts.prefix)}:${encodeURIComponent(parts.serviceName).slice(0, 64)}:${fingerprint}`;
}

/** One well-formed hash tag, by which all keys of a prefix stand on one node of a cluster. */
const TAGGED = /^[^{}]*\{[^{}]+\}[^{}]*$/;

/**
 * A prefix as it stands in keys: blanks, control characters and braces that are no hash tag would be read by Redis, or
 * by those that hear of a key, as something else.
 */
export function keyPart(prefix: string): string {
  const unsafe = TAGGED.test(prefix) ? /[%\s\p{Cc}]/gu : /[%\s\p{Cc}{}]/gu;
  return prefix.replace(unsafe, encodeURIComponent);
}

/** SHA-256 over a list of strings, base64url. Not for passwords: those are guessed too fast. */
export function fingerprintOf(parts: readonly string[]): string {
  return hash('sha256', parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join(''), 'base64url');
}

/** The canonical form of a request that asks for nothing of its own. */
export const NO_PARAMETERS = '[]';

/**
 * Returns the parameters of a call in canonical form: order of names and way of writing lists do not matter. Whom the
 * token is for enters it hashed.
 */
export function canonicalRequest(request: TokenRequest): string {
  const { scope, audience, resource, subject, subjectToken, claims, extraParams, ...rest } = ownOptions(request);
  const parts: [string, unknown][] = [
    ['audience', list(audience)],
    ['resource', list(resource)],
    ['scope', scope === undefined ? undefined : [...new Set(scopes(scope))].sort()],
    ['subject', subject === undefined ? undefined : fingerprintOf([subject])],
    ['subjectToken', subjectToken === undefined ? undefined : fingerprintOf([subjectToken])],
    ['claims', typeof claims === 'object' ? sorted(claims) : claims],
    ['extraParams', extraParams && sorted(extraParams)],
    ...Object.entries(rest)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]): [string, unknown] => [`rest.${name}`, sorted(value)]),
  ];
  return ownJson(parts.filter(([, value]) => value !== undefined));
}

/** A copy that does not change when the caller's lists and records do. */
export function copyRequest(request: TokenRequest): TokenRequest {
  const copies = Object.entries(request).map(([name, value]): [string, unknown] => [
    name,
    typeof value === 'object' ? structuredClone(value) : value,
  ]);
  return ownOptions<TokenRequest>(Object.fromEntries(copies));
}

/** Scopes as a list, however they were written. */
export function scopes(scope: string | readonly string[]): string[] {
  return (typeof scope === 'string' ? [scope] : scope).flatMap((item) => item.split(' ')).filter((item) => item !== '');
}

function list(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof value === 'string' ? [value] : value && [...value];
}

/** Plain values with the names of each record in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, item]) => [name, sorted(item)]));
}
