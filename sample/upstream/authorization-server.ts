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
  /** Instants at which they came, in epoch milliseconds, oldest first. */
  tokenRequestTimes(client: ClientName): readonly number[];
  forget(): void;
  /** Checks whether an access token is good at this moment. */
  isValid(accessToken: string): Promise<boolean>;
  /** Ends the life of an access token, as an operator does at the console. */
  revoke(accessToken: string): Promise<void>;
  /** Makes everybody who asks for a token from now on wait for the answer. */
  holdAnswers(): HeldAnswers;
  close(): Promise<void>;
}

/** Answers that are not sent yet. */
export interface HeldAnswers {
  /** Resolves when the first has been asked for. */
  readonly asked: Promise<void>;
  release(): void;
}

/** Seconds that a client's tokens live, where it is not as {@link CLIENTS} says. */
export type Lifetimes = Partial<Record<ClientName, number>>;

/** Starts a real, certified authorization server, `oidc-provider`, with everything in memory. */
export async function startAuthorizationServer(lifetimes: Lifetimes = {}): Promise<AuthorizationServer> {
  let asked: { readonly by: string | undefined; readonly at: number }[] = [];
  let hold: (() => Promise<void>) | undefined;
  let provider!: Provider;
  const server = await serve(async (origin) => {
    const { default: OidcProvider, errors } = await withoutAdvice(() => import('oidc-provider'));
    provider = await withoutAdvice(() => new OidcProvider(origin, configuration(lifetimes)));
    registerPasswordGrant(provider, { [USER.name]: USER.password }, () => new errors.InvalidGrant('wrong password'));
    provider.use(async (ctx, next) => {
      const at = Date.now();
      await next();
      if (ctx.path !== '/token') return;
      asked.push({ by: ctx.oidc?.client?.clientId, at });
      await hold?.();
    });
    return provider.callback();
  });
  const find = async (token: string) =>
    (await provider.ClientCredentials.find(token)) ?? (await provider.AccessToken.find(token));
  const requestsOf = (client: ClientName) => asked.filter(({ by }) => by === CLIENTS[client].id);
  return {
    issuer: server.origin,
    tokenRequests: (client) => requestsOf(client).length,
    tokenRequestTimes: (client) => requestsOf(client).map(({ at }) => at),
    forget() {
      asked = [];
    },
    isValid: async (accessToken) => (await find(accessToken)) !== undefined,
    revoke: async (accessToken) => (await find(accessToken))?.destroy(),
    holdAnswers() {
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      const first = new Promise<void>((resolve) => {
        hold = () => {
          resolve();
          return released;
        };
      });
      return { asked: first, release };
    },
    close: () => server.close(),
  };
}

function configuration(lifetimes: Lifetimes): Configuration {
  const byClient = Object.fromEntries(
    (Object.keys(CLIENTS) as ClientName[]).map((name) => [
      CLIENTS[name].id,
      lifetimes[name] ?? CLIENTS[name].tokenLifetime,
    ]),
  );
  const lifetimeOf = (_ctx: unknown, _token: unknown, client: Client): number => byClient[client.clientId] ?? 3_600;
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
export async function withoutAdvice<T>(work: () => T | Promise<T>): Promise<T> {
  const { info, warn } = console;
  Object.assign(console, { info: () => undefined, warn: () => undefined });
  try {
    return await work();
  } finally {
    Object.assign(console, { info, warn });
  }
}
