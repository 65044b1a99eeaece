import { generateKeyPairSync } from 'node:crypto';
import type { Client, Configuration, default as Provider } from 'oidc-provider';
import { CLIENTS, type ClientName, USER } from './clients.js';
import { registerPasswordGrant } from './password-grant.js';
import { serve } from './server.js';

/** A running authorization server, and what it counted. */
export interface AuthorizationServer {
  readonly issuer: string;
  /** Token requests of one client since the last `forget()`, whatever came of them. */
  tokenRequests(client: ClientName): number;
  forget(): void;
  /** Whether an access token is good at this moment. */
  isValid(accessToken: string): Promise<boolean>;
  /** Ends the life of an access token, as an operator does at the console. */
  revoke(accessToken: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts a real, certified authorization server, `oidc-provider`, with everything in memory. */
export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  let asked: (string | undefined)[] = [];
  let provider!: Provider;
  const server = await serve(async (origin) => {
    const { default: OidcProvider, errors } = await withoutAdvice(() => import('oidc-provider'));
    provider = await withoutAdvice(() => new OidcProvider(origin, configuration()));
    registerPasswordGrant(provider, { [USER.name]: USER.password }, () => new errors.InvalidGrant('wrong password'));
    provider.use(async (ctx, next) => {
      await next();
      if (ctx.path === '/token') asked.push(ctx.oidc?.client?.clientId);
    });
    return provider.callback();
  });
  const find = async (token: string) =>
    (await provider.ClientCredentials.find(token)) ?? (await provider.AccessToken.find(token));
  return {
    issuer: server.origin,
    tokenRequests: (client) => asked.filter((id) => id === CLIENTS[client].id).length,
    forget() {
      asked = [];
    },
    isValid: async (accessToken) => (await find(accessToken)) !== undefined,
    revoke: async (accessToken) => (await find(accessToken))?.destroy(),
    close: () => server.close(),
  };
}

function configuration(): Configuration {
  const lifetimes = Object.fromEntries(Object.values(CLIENTS).map(({ id, tokenLifetime }) => [id, tokenLifetime]));
  const lifetimeOf = (_ctx: unknown, _token: unknown, client: Client): number => lifetimes[client.clientId] ?? 3_600;
  return {
    clients: Object.values(CLIENTS).map(({ id, secret, grants }) => ({
      client_id: id,
      client_secret: secret,
      grant_types: [...grants],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    })),
    // Without offline_access there would be no refresh tokens.
    scopes: ['read', 'offline_access'],
    ttl: { ClientCredentials: lifetimeOf, AccessToken: lifetimeOf, RefreshToken: 86_400, Grant: 86_400 },
    // It counts whole seconds, cut off: without this a token would end up to a second before its time.
    clockTolerance: 1,
    jwks: { keys: [signingKey()] },
    cookies: { keys: ['unused'] },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
  };
}

function signingKey(): object {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'sample' };
}

/** `oidc-provider` advises against keeping everything in memory. Here that is as it should be. */
async function withoutAdvice<T>(work: () => T | Promise<T>): Promise<T> {
  const { info, warn } = console;
  Object.assign(console, { info: () => undefined, warn: () => undefined });
  try {
    return await work();
  } finally {
    Object.assign(console, { info, warn });
  }
}
