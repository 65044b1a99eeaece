import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { ClientMetadata, Configuration, default as Provider, errors, ResourceServer } from 'oidc-provider';
import { json } from './answer.js';
import { Gate } from './gate.js';
import { registerPasswordGrant } from './password-grant.js';
import { quietly } from './quietly.js';
import { startServer, type RecordingServer } from './recording-server.js';

/** The clients that every authorization server knows. All may use password and refresh_token. */
export const CLIENTS = {
  /** client_secret_basic; client_credentials too. */
  basic: { clientId: 'basic-client', clientSecret: 'basic-client-secret' },
  /** client_secret_post; client_credentials too. */
  post: { clientId: 'post-client', clientSecret: 'post-client-secret' },
  /** No secret. */
  public: { clientId: 'public-client' },
} as const;

export interface AuthorizationServerOptions {
  /** Life of access tokens, in whole seconds. @default 3_600 */
  accessTokenTtl?: number;
  /** Life of refresh tokens, in whole seconds. @default 86_400 */
  refreshTokenTtl?: number;
  /** Each refresh token is good for one use; a second use revokes everything that came of the same login. @default false */
  rotateRefreshTokens?: boolean;
  /** Passwords by user name. @default { alice: 'alice-in-wonderland' } */
  users?: Readonly<Record<string, string>>;
  /** Scopes that exist. @default ['openid', 'offline_access', 'read', 'write'] */
  scopes?: readonly string[];
  /** Turns on resource indicators (RFC 8707) for client credentials: what each resource offers, by its URI. */
  resources?: Readonly<Record<string, ResourceServer>>;
  /** Clients besides {@link CLIENTS}. */
  clients?: readonly ClientMetadata[];
  /** Last word on the configuration of the provider. */
  configure?: (configuration: Configuration) => Configuration;
}

/** A running {@link startAuthorizationServer}. */
export interface AuthorizationServer {
  /** Issuer identifier, which is the origin. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly introspectionEndpoint: string;
  readonly revocationEndpoint: string;
  /** The provider itself, for whatever has no helper. */
  readonly provider: Provider;
  /** The server under it, with `requests`, `received`, `maxConcurrent` and the rest. */
  readonly server: RecordingServer;
  /** Number of requests to the token endpoint so far. */
  readonly tokenRequests: number;
  /** `grant_type` of each of them, in order. */
  readonly grantTypes: readonly string[];
  /** How many requests are being held. */
  readonly held: number;
  /** Keeps requests to the token endpoint waiting, unprocessed, from now on. */
  hold(): void;
  /** Lets the held requests, and all later ones, go on. */
  release(): void;
  /** Checks whether an opaque access token is good at this moment. Looked up in process: no request is recorded. */
  isValid(accessToken: string): Promise<boolean>;
  /** Revokes one access or refresh token, without a request. */
  revoke(token: string): Promise<void>;
  /** Revokes every access token issued so far, without a request. Refresh tokens stay good. */
  revokeAll(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a real, certified authorization server (`oidc-provider`, in memory) on plain http at 127.0.0.1.
 *
 * It speaks client_credentials, password and refresh_token, discovery, introspection and revocation.
 * Its memory holds some 1,000 entries; the oldest go first.
 */
export async function startAuthorizationServer(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  const { users = { alice: 'alice-in-wonderland' } } = options;
  const gate = new Gate();
  const server = await startServer((_request, res) => json(res, 503, { error: 'starting' }));
  // It remarks on the runtime when loaded and on the in-memory adapter when made: both are as we want them.
  const provider = await quietly('oidc-provider ', async () => {
    const { default: OidcProvider, errors } = await import('oidc-provider');
    const configuration = configurationFor(options, errors);
    const made = new OidcProvider(server.origin, options.configure?.(configuration) ?? configuration);
    registerPasswordGrant(made, users, errors.InvalidGrant);
    return made;
  });
  const accessTokens = new Set<{ destroy(): Promise<void> }>();
  provider.on('access_token.saved', (token) => accessTokens.add(token));
  provider.on('client_credentials.saved', (token) => accessTokens.add(token));

  const tokenPath = '/token';
  const answer = provider.callback();
  server.handler = async (request, res) => {
    if (request.path === tokenPath) await gate.pass();
    if (!res.destroyed) await answer(request.replay(), res);
  };

  const tokenRequests = () => server.requests.filter(({ path }) => path === tokenPath);
  const findAccessToken = async (token: string) =>
    (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
  return {
    issuer: server.origin,
    tokenEndpoint: server.origin + tokenPath,
    introspectionEndpoint: `${server.origin}/token/introspection`,
    revocationEndpoint: `${server.origin}/token/revocation`,
    provider,
    server,
    get tokenRequests() {
      return tokenRequests().length;
    },
    get grantTypes() {
      return tokenRequests().map((request) => request.form().get('grant_type') ?? '');
    },
    get held() {
      return gate.waiting;
    },
    hold: () => gate.hold(),
    release: () => gate.release(),
    isValid: async (accessToken) => (await findAccessToken(accessToken)) !== undefined,
    async revoke(token) {
      const found = (await findAccessToken(token)) ?? (await provider.RefreshToken.find(token));
      await found?.destroy();
    },
    async revokeAll() {
      for (const token of accessTokens) await token.destroy();
      accessTokens.clear();
    },
    close: () => server.close(),
  };
}

function configurationFor(
  options: AuthorizationServerOptions,
  { InvalidTarget }: Pick<typeof errors, 'InvalidTarget'>,
): Configuration {
  const { accessTokenTtl = 3_600, refreshTokenTtl = 86_400, resources } = options;
  return {
    clients: [...knownClients(), ...(options.clients ?? [])],
    clientDefaults: { id_token_signed_response_alg: 'ES256', redirect_uris: [], response_types: [] },
    scopes: options.scopes ?? ['openid', 'offline_access', 'read', 'write'],
    // It would let tokens live on for 15 s.
    clockTolerance: 0,
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    rotateRefreshToken: options.rotateRefreshTokens ?? false,
    ttl: {
      AccessToken: accessTokenTtl,
      ClientCredentials: accessTokenTtl,
      RefreshToken: refreshTokenTtl,
      Grant: refreshTokenTtl,
      IdToken: accessTokenTtl,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: resources !== undefined,
        getResourceServerInfo(_ctx, indicator) {
          const found = resources?.[indicator];
          if (!found) throw new InvalidTarget();
          return found;
        },
      },
    },
  };
}

function knownClients(): ClientMetadata[] {
  const user = ['password', 'refresh_token'];
  const { basic, post } = CLIENTS;
  return [
    {
      client_id: basic.clientId,
      client_secret: basic.clientSecret,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials', ...user],
    },
    {
      client_id: post.clientId,
      client_secret: post.clientSecret,
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['client_credentials', ...user],
    },
    { client_id: CLIENTS.public.clientId, token_endpoint_auth_method: 'none', grant_types: user },
  ];
}

function signingKey(): object {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'test' };
}
