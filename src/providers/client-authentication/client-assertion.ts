import type { Clock } from '../../clock.js';
import { ConfigurationError } from '../../errors.js';
import { mountedTextFault } from '../../option-check/mounted-text.js';
import { signAssertion } from '../assertion.js';
import { secretKey, SigningKey } from '../signing-key.js';
import { checkTextSource, readTextSource, sourceIdentity, type TextSource } from '../text-source.js';
import type { ClientAuthDefinition, ClientAuthTarget } from './client-authentication.js';
import type { ClientAssertionOptions, ClientAuthRequest } from './client-options.js';
import { canonicalRequest, fingerprintOf } from '../../token/token-key.js';
import { ownOptions } from '../../option-check/own-options.js';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const DEFAULT_LIFETIME_MS = 60_000;

/**
 * A JWT signed with the client's private key, or somebody else's JWT that speaks for the client (workload identity).
 * @see [RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)
 */
export const privateKeyJwt: ClientAuthDefinition = {
  name: 'private_key_jwt',
  missing: ({ clientKey, clientAssertion }) =>
    clientKey === undefined && foreignToken(clientAssertion) === undefined ? 'clientKey' : undefined,
  check: checkClientAssertion,
  bind: ({ options: { clientId, clientKey, clientAssertion }, owner, clock }) => {
    const token = foreignToken(clientAssertion);
    if (token !== undefined) return tokenOfAnother(token, clientId, owner, clock);
    const options = assertionOptions(clientAssertion);
    const key = new SigningKey(`${owner}: clientKey`, clientKey as NonNullable<typeof clientKey>, options.alg, clock);
    return {
      name: 'private_key_jwt',
      timed: true,
      apply: async (request, target) => {
        const loaded = await key.read();
        const assertion = await signAssertion({
          ...loaded,
          ...partsOf(options, clientId, target),
          kid: options.kid ?? loaded.kid,
        });
        writeAssertion(request, clientId, assertion);
      },
      keyParts: async () => [(await key.read()).thumbprint, ...writtenParts(options)],
      reread: () => key.reread(),
    };
  },
};

/** A JWT signed with the client secret. @see [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication) */
export const clientSecretJwt: ClientAuthDefinition = {
  name: 'client_secret_jwt',
  missing: ({ clientSecret }) => (clientSecret === undefined ? 'clientSecret' : undefined),
  check: checkClientAssertion,
  bind: ({ options: { clientId, clientAssertion }, secret }) => {
    const options = assertionOptions(clientAssertion);
    const alg = options.alg?.startsWith('HS') === true ? options.alg : 'HS256';
    return {
      name: 'client_secret_jwt',
      timed: true,
      apply: async (request, target) => {
        const key = secretKey((await secret?.read()) ?? '');
        const parts = partsOf(options, clientId, target);
        writeAssertion(request, clientId, await signAssertion({ ...parts, key, alg, kid: options.kid }));
      },
      keyParts: () => writtenParts(options),
    };
  },
};

/** @throws {ConfigurationError} when `clientAssertion` is malformed */
function checkClientAssertion({ clientAssertion: value }: { clientAssertion?: unknown }, owner: string): void {
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

function assertionOptions(options: unknown): ClientAssertionOptions {
  return ownOptions(options as ClientAssertionOptions | undefined);
}

/** Returns the parts that the app writes into every assertion, for the token's key: a tenant may be one. */
function writtenParts({ audience, kid, claims, headers }: ClientAssertionOptions): readonly string[] {
  const own = [audience, kid, claims, headers].some((part) => part !== undefined);
  return own ? [fingerprintOf([canonicalRequest({ claims: { audience, kid, claims, headers } })])] : [];
}

function partsOf(
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

/** Read again for each request: whoever writes it replaces it before it runs out. */
function tokenOfAnother(token: TextSource, clientId: string, owner: string, clock: Clock) {
  return {
    name: 'private_key_jwt',
    // Such lists are about keys of clients: many an issuer takes the assertions of another one and does not say so.
    listed: 'maybe' as const,
    apply: async (request: ClientAuthRequest) =>
      writeAssertion(request, clientId, await readTextSource(token, `${owner}: clientAssertion.token`, clock)),
    keyParts: async () => [await sourceIdentity(token, `${owner}: clientAssertion.token`, clock)],
    // What was refused may have been read just before it was replaced.
    reread: async () => typeof token !== 'string',
  };
}

function writeAssertion({ body }: ClientAuthRequest, clientId: string, assertion: string): void {
  body.set('client_id', clientId);
  body.set('client_assertion_type', ASSERTION_TYPE);
  body.set('client_assertion', assertion);
}
