import { ConfigurationError } from '../../errors.js';
import { mountedTextFault } from '../../option-check/mounted-text.js';
import { checkTextSource, type TextSource } from '../keys/text-source.js';
import type { ClientAuthTarget } from './client-authentication.js';
import type { ClientAssertionOptions, ClientAuthRequest } from './client-credentials.js';
import { canonicalRequest, fingerprintOf } from '../../token/token-key.js';
import { ownOptions } from '../../option-check/own-options.js';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const DEFAULT_LIFETIME_MS = 60_000;

/**
 * Checks `clientAssertion`.
 * @throws {ConfigurationError} when it is malformed
 */
export function checkClientAssertion({ clientAssertion: value }: { clientAssertion?: unknown }, owner: string): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null)
    throw new ConfigurationError(`${owner}: clientAssertion must be { alg, kid, … } or { token }.`);
  const { alg, kid, audience, lifetimeMs, claims, headers } = value as ClientAssertionOptions;
  const what = `${owner}: clientAssertion`;
  if ('token' in value) checkTextSource((value as { token?: unknown }).token, `${what}.token`);
  for (const [name, text] of Object.entries({ alg, kid, audience })) {
    if (text !== undefined && (typeof text !== 'string' || text === ''))
      throw new ConfigurationError(`${what}.${name} must be a text that is not empty.`);
    const fault = text === undefined ? undefined : mountedTextFault(text);
    if (fault !== undefined)
      throw new ConfigurationError(`${what}.${name} ${fault}. Was it read from a file? Trim it.`);
  }
  if (alg !== undefined && !ALGORITHMS.has(alg))
    throw new ConfigurationError(`${what}.alg must be one of ${[...ALGORITHMS].join(', ')}.`);
  if (lifetimeMs !== undefined && !(lifetimeMs >= 1_000 && Number.isFinite(lifetimeMs)))
    throw new ConfigurationError(`${what}.lifetimeMs must be a number of milliseconds, 1000 or more.`);
  for (const [name, record] of Object.entries({ claims, headers })) {
    if (record !== undefined && (typeof record !== 'object' || record === null))
      throw new ConfigurationError(`${what}.${name} must be an object.`);
  }
}

const ALGORITHMS: ReadonlySet<string> = new Set(
  ['HS', 'RS', 'PS', 'ES']
    .flatMap((kind) => [256, 384, 512].map((bits) => `${kind}${bits}`))
    .concat('EdDSA', 'Ed25519'),
);

/** Somebody else's JWT that speaks for the client; undefined where assertions are made here. */
export function foreignToken(options: unknown): TextSource | undefined {
  return (options as { token?: TextSource } | undefined)?.token;
}

/** Returns the settings of the assertions that are made here. */
export function assertionOptions(options: unknown): ClientAssertionOptions {
  return ownOptions(options as ClientAssertionOptions | undefined);
}

/** Returns the parts that the app writes into every assertion, for the token's key: a tenant may be one. */
export function writtenParts({ audience, kid, claims, headers }: ClientAssertionOptions): readonly string[] {
  const own = [audience, kid, claims, headers].some((part) => part !== undefined);
  return own ? [fingerprintOf([canonicalRequest({ claims: { audience, kid, claims, headers } })])] : [];
}

/** Returns what the assertions of both methods state, at an instant by the issuer's clock. */
export function partsOf(
  { audience, lifetimeMs = DEFAULT_LIFETIME_MS, claims, headers }: ClientAssertionOptions,
  clientId: string,
  { tokenEndpoint, clock }: ClientAuthTarget,
) {
  return {
    claims: { iss: clientId, sub: clientId, aud: audience ?? tokenEndpoint, ...claims },
    header: headers,
    now: clock.now(),
    lifetimeMs,
  };
}

/** Writes an assertion, and whom it speaks for, to the form. */
export function writeAssertion({ body }: ClientAuthRequest, clientId: string, assertion: string): void {
  body.set('client_id', clientId);
  body.set('client_assertion_type', ASSERTION_TYPE);
  body.set('client_assertion', assertion);
}
