import {
  AuthorizationCodeTokenProvider,
  BackchannelTokenProvider,
  ClientCredentialsTokenProvider,
  ConfigurationError,
  DeviceCodeTokenProvider,
  NoRetryStrategy,
  Token,
  TokenManager,
} from 'nestjs-forge-auth';
import { give, json } from '../support/answer.js';
import { freePort } from '../support/free-port.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';
import { sign, signingKey } from '../users/signed-tokens.js';

const world = new World();
const key = signingKey('1');
let issuer: RecordingServer;
/** URL that the issuer's document names for the endpoint in question, as often as it is fetched: then where it is. */
let places: string[];
let moved: Endpoint;
/** What is answered where the endpoint is no longer. */
let farewell: { status: number; headers?: Record<string, string> };

const OPTIONS = {
  token_endpoint: 'tokenUrl',
  revocation_endpoint: 'revocationUrl',
  introspection_endpoint: 'introspectionUrl',
  userinfo_endpoint: 'userInfoUrl',
  jwks_uri: 'jwksUrl',
  device_authorization_endpoint: 'deviceAuthorizationUrl',
  pushed_authorization_request_endpoint: 'pushedAuthorizationRequestUrl',
  backchannel_authentication_endpoint: 'backchannelAuthenticationUrl',
} as const;
type Endpoint = keyof typeof OPTIONS;
const ENDPOINTS = Object.keys(OPTIONS) as Endpoint[];

const ANSWERS: Partial<Record<string, object>> = {
  token_endpoint: { access_token: 'a', token_type: 'Bearer', expires_in: 3_600 },
  introspection_endpoint: { active: true },
  userinfo_endpoint: { sub: 'alice' },
  pushed_authorization_request_endpoint: { request_uri: 'urn:pushed', expires_in: 60 },
};

beforeEach(async () => {
  farewell = { status: 404 };
  issuer = world.closeLater(
    await startServer(async (request, res) => {
      const name = request.path.slice(1);
      if (name.startsWith('.well-known/')) {
        const endpoints = ENDPOINTS.map((endpoint) => [endpoint, `${issuer.origin}/${endpoint}`]);
        return json(res, 200, {
          issuer: issuer.origin,
          authorization_endpoint: `${issuer.origin}/authorize`,
          ...Object.fromEntries(endpoints),
          [moved]: places.shift() ?? `${issuer.origin}/${moved}`,
        });
      }
      if (name === 'old') return give(res, farewell);
      return json(res, 200, name === 'jwks_uri' ? { keys: [(await key).jwk] } : (ANSWERS[name] ?? {}));
    }),
  );
  places = [`${issuer.origin}/old`];
});
afterEach(() => world.close());

const common = () => ({ issuer: issuer.origin, ...CLIENT, allowInsecure: true, retry: new NoRetryStrategy() });
const managed = (): TokenManager =>
  world.closeLater(new TokenManager({ provider: new ClientCredentialsTokenProvider(common()) }));
const signIn = () => new AuthorizationCodeTokenProvider({ ...common(), redirectUri: 'http://localhost/callback' });

/** Asks an endpoint. What comes of it does not matter here, where it is one of several requests. */
const ASK: Record<Endpoint, () => Promise<unknown>> = {
  token_endpoint: () => managed().getToken(),
  revocation_endpoint: async () => {
    const manager = managed();
    await manager.getToken();
    return manager.revoke();
  },
  introspection_endpoint: async () => {
    const manager = managed();
    await manager.getToken();
    return manager.introspect();
  },
  userinfo_endpoint: () => signIn().userInfo(new Token({ accessToken: 'a' })),
  jwks_uri: async () => signIn().handleLogoutToken(await sign(await key, { iss: issuer.origin })),
  device_authorization_endpoint: () =>
    new DeviceCodeTokenProvider({ ...common(), onUserCode: () => undefined }).fetchToken(),
  pushed_authorization_request_endpoint: () => signIn().authorizationUrl(),
  backchannel_authentication_endpoint: () =>
    new BackchannelTokenProvider({ ...common(), loginHint: 'alice' }).fetchToken(),
};
/** These go on: their answers are none that could be taken. */
const ENDLESS: readonly Endpoint[] = [
  'jwks_uri',
  'device_authorization_endpoint',
  'backchannel_authentication_endpoint',
];

const documents = (): number => issuer.count('/.well-known/');

describe('an endpoint that is not where the issuer’s document says', () => {
  it.each(
    ENDPOINTS.flatMap((endpoint) =>
      [404, 405, 410, 301, 302, 303, 307, 308].map((status) => [endpoint, status] as const),
    ),
  )('%s that answers %d is looked up again, once', async (endpoint, status) => {
    moved = endpoint;
    farewell = { status, headers: { location: 'https://elsewhere.example/' } };
    const asked = ASK[endpoint]();
    if (ENDLESS.includes(endpoint)) await asked.catch(() => undefined);
    else await asked;
    expect([issuer.count('/old'), issuer.count(`/${endpoint}`), documents()]).toEqual([1, 1, 2]);
  });

  it.each(
    ENDPOINTS.flatMap((endpoint) =>
      (
        [
          ['is refused by', async () => `http://127.0.0.1:${await freePort()}/`],
          ['no name leads to', async () => 'http://nowhere.invalid/'],
          ['speaks no TLS', async () => issuer.origin.replace('http:', 'https:')],
        ] as const
      ).map(([how, place]) => [endpoint, how, place] as const),
    ),
  )('%s, which %s, is looked up again, once', async (endpoint, _how, place) => {
    moved = endpoint;
    places = [await place()];
    const asked = ASK[endpoint]();
    if (ENDLESS.includes(endpoint)) await asked.catch(() => undefined);
    else await asked;
    expect([issuer.count(`/${endpoint}`), documents()]).toEqual([1, 2]);
  });

  it.each(ENDPOINTS)('%s that is still named there fails, by the option that names it', async (endpoint) => {
    moved = endpoint;
    places = [`${issuer.origin}/old`, `${issuer.origin}/old`];
    farewell = { status: 308, headers: { location: 'https://elsewhere.example/v2?secret=1' } };
    const { message } = await rejection(ASK[endpoint]());
    expect(message).toMatch(/HTTP 308, a redirect to https:\/\/elsewhere\.example\/v2\./);
    expect(message).toContain(`(${OPTIONS[endpoint]})`);
    expect(message).not.toContain('secret=1');
    expect([issuer.count('/old'), documents()]).toEqual([1, 2]);
  });

  it.each([403, 429, 500])(
    'that is the userinfo endpoint and answers %d is reported with the status',
    async (status) => {
      moved = 'userinfo_endpoint';
      farewell = { status };
      const code = status === 403 ? 'FORGE_AUTH_TOKEN_REFUSED' : 'FORGE_AUTH_TOKEN_REQUEST_FAILED';
      await expect(ASK[moved]()).rejects.toMatchObject({ status, code });
      expect(documents()).toBe(1);
    },
  );

  it.each([400, 401, 403, 429, 500, 503])('an endpoint that answers %d is where it is', async (status) => {
    moved = 'introspection_endpoint';
    farewell = { status };
    await rejection(ASK[moved]());
    expect([issuer.count('/old'), documents()]).toEqual([1, 1]);
  });
});

describe('an endpoint that is no URL in the issuer’s document', () => {
  it.each(ENDPOINTS.flatMap((endpoint) => ['/token', 'relative', '//host/token'].map((place) => [endpoint, place])))(
    '%s that is %j is named, and nothing is sent',
    async (endpoint, place) => {
      moved = endpoint as Endpoint;
      places = [place as string, place as string];
      const error = await rejection(ASK[moved]());
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(new RegExp(`Provider: ${endpoint} must be an absolute URL`));
      expect(issuer.count(`/${endpoint}`)).toBe(0);
    },
  );
});
