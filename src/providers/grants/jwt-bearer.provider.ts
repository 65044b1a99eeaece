import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { systemClock } from '../../clock.js';
import { ConfigurationError } from '../../errors.js';
import { canonicalRequest, fingerprintOf, scopes } from '../../token/token-key.js';
import { signAssertion } from '../keys/assertion.js';
import { checkMounted, GRANT_RULES, type GrantOptions } from '../grant-options.js';
import { accountOf, type KeySource } from '../keys/key-material.js';
import { SigningKey } from '../keys/signing-key.js';
import { checkTextSource, readTextSource, sourceIdentity, type TextSource } from '../keys/text-source.js';
import type { Grant, GrantContext } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';

/** Options of the assertion of a {@link JwtBearerTokenProvider}. */
export interface JwtBearerAssertion {
  /** Private key: PEM, JWK, `KeyObject`, a service account's key file as it comes, `{ file }`, or a function of one. */
  key: KeySource;
  /** Issuer of the assertion. @default the `client_email` of a service account's key file */
  iss?: string;
  /** Subject that the token is for. A call's `subject` takes its place. */
  sub?: string;
  /** @default the token endpoint */
  aud?: string;
  /** Further claims. `iat`, `exp` and `jti` are made for each request. */
  claims?: Readonly<Record<string, unknown>>;
  /** Further header members. */
  header?: Readonly<Record<string, unknown>>;
  /** Key id. @default that of the JWK or key file */
  kid?: string;
  /** Milliseconds. @default 300_000 */
  lifetimeMs?: number;
  /** JWS algorithm. @default the usual one of the key's kind */
  alg?: string;
}

/** Options of {@link JwtBearerTokenProvider}. */
export interface JwtBearerTokenProviderOptions extends Omit<GrantOptions, 'clientId'> {
  /** Identifier of the client. Left out where the assertion alone says who asks. */
  clientId?: string;
  /** Settings of the assertions; or `{ token }`: somebody else's, read for each request. */
  assertion: JwtBearerAssertion | { token: TextSource };
}

const DEFAULT_LIFETIME_MS = 300_000;

const JWT_BEARER_RULES: OptionRules<JwtBearerTokenProviderOptions> = Object.freeze({
  ...GRANT_RULES,
  assertion: RULES.record,
});

/**
 * The JWT bearer grant: a service account's access.
 *
 * A service account's key file may be given as it comes: it names issuer, key id and, where neither `tokenUrl` nor `issuer`
 * is given, the token endpoint.
 * @see [RFC 7523 §2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)
 */
export class JwtBearerTokenProvider extends OAuthTokenProvider<
  JwtBearerTokenProviderOptions & Pick<GrantOptions, 'clientId'>
> {
  protected readonly rules = JWT_BEARER_RULES;

  constructor(options: JwtBearerTokenProviderOptions) {
    const tokenUri = accountOf((options?.assertion as Partial<JwtBearerAssertion> | undefined)?.key)?.token_uri;
    const given = options?.tokenUrl !== undefined || options?.issuer !== undefined;
    super({ ...options, ...(given || tokenUri === undefined ? undefined : { tokenUrl: tokenUri }) } as never);
  }

  protected override get clientIsOptional(): boolean {
    return true;
  }

  protected grantOf(options: JwtBearerTokenProviderOptions, owner: string): Grant {
    const { assertion } = options;
    if (typeof assertion !== 'object' || assertion === null)
      throw new ConfigurationError(`${owner}: assertion must be { iss, key, … } or { token }.`);
    return 'token' in assertion ? tokenGrant(assertion.token, owner) : signedGrant(assertion, options, owner);
  }
}

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

function tokenGrant(token: TextSource, owner: string): Grant {
  checkTextSource(token, `${owner}: assertion.token`);
  return {
    grantType: GRANT_TYPE,
    parameters: async ({ clock }) => ({ assertion: await readTextSource(token, `${owner}: assertion.token`, clock) }),
    keyParts: async () => ['token', await sourceIdentity(token, `${owner}: assertion.token`, systemClock)],
    reread: async () => typeof token !== 'string',
    ...(typeof token === 'function' ? { unknown: 'assertion.token' } : undefined),
  };
}

function signedGrant(assertion: JwtBearerAssertion, options: JwtBearerTokenProviderOptions, owner: string): Grant {
  const { iss, sub, aud, claims, header, kid, lifetimeMs = DEFAULT_LIFETIME_MS, alg } = assertion;
  for (const [name, text] of Object.entries({ iss, sub, aud, kid, alg })) {
    if (text !== undefined && typeof text !== 'string')
      throw new ConfigurationError(`${owner}: assertion.${name} must be a text.`);
    checkMounted(text, `${owner}: assertion.${name}`);
  }
  if (!(lifetimeMs >= 1_000 && Number.isFinite(lifetimeMs)))
    throw new ConfigurationError(`${owner}: assertion.lifetimeMs must be a number of milliseconds, 1000 or more.`);
  const key = new SigningKey(`${owner}: assertion.key`, assertion.key, alg, systemClock);
  const make = async ({ request, issuer }: GrantContext): Promise<string> => {
    const loaded = await key.read();
    const issuedBy = iss ?? loaded.account?.client_email;
    if (issuedBy === undefined) throw new ConfigurationError(`${owner}: assertion.iss is missing. Give it.`);
    const subject = request.subject ?? sub;
    const scope = request.scope ?? options.scope;
    return signAssertion({
      ...loaded,
      kid: kid ?? loaded.kid,
      header,
      claims: {
        iss: issuedBy,
        ...(subject ? { sub: subject } : undefined),
        aud: aud ?? (await issuer.endpoint('token_endpoint')),
        // Those who write such files read the scope from the assertion alone.
        ...(loaded.account === undefined || scope === undefined ? undefined : { scope: scopes(scope).join(' ') }),
        ...claims,
      },
      now: issuer.clock.now(),
      lifetimeMs,
    });
  };
  return {
    grantType: GRANT_TYPE,
    timed: true,
    parameters: async (context) => ({ assertion: await make(context) }),
    keyParts: async () => [
      iss ?? '',
      sub ?? '',
      aud ?? '',
      fingerprintOf([canonicalRequest({ claims: { ...claims, header, kid }, extraParams: {} })]),
      (await key.read()).thumbprint,
    ],
    reread: () => key.reread(),
  };
}
