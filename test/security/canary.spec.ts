import { Agent } from 'node:https';
import { inspect } from 'node:util';
import { createKeyv } from '@keyv/redis';
import { CacheModule } from '@nestjs/cache-manager';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import axios from 'axios';
import {
  ApiKeyAuth,
  AuthenticationError,
  type AuthenticatedRequest,
  BasicAuth,
  BearerAuth,
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  type ClientCredentialsTokenProviderOptions,
  CompositeAuth,
  ConditionalAuthRetryStrategy,
  createForgeClient,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeHttpClient,
  ForgeResponse,
  type ForgeServiceOptions,
  type GetSet,
  NoRetryStrategy,
  PasswordGrantTokenProvider,
  type PasswordGrantTokenProviderOptions,
  RedisTokenStorage,
  type RequestRetryStrategy,
  StaticTokenProvider,
  Token,
  TokenManager,
  type TokenProvider,
  type TokenRequestContext,
} from 'nestjs-forge-auth';
import { Redis } from 'ioredis';
import { captureEverything, type Capture } from '../support/capture.js';
import { createCertificate } from '../support/certificate.js';
import { freePort } from '../support/free-port.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { startRedis } from '../support/redis-server.js';
import { render, renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import type { Answer } from '../support/answer.js';
import { give } from '../support/answer.js';
import { welcome } from './strangers.js';

/** A canary in every slot, written in the several ways in which secrets are. */
const CANARY = {
  clientSecret: 'cnry_client_secret_word',
  password: 'cnry: pass/word+with=signs&more%',
  accessToken: 'eyJjbnJ5.access-token.9Zx_4',
  refreshToken: 'cnryRefreshToken0123456789',
  apiKey: 'CNRY_API_KEY_UPPER',
  queryKey: 'cnry-query-key-51',
  basicPassword: 'cnry-bäsic-password',
  cookie: 'cnry-cookie-77',
  header: 'cnry.custom.header.value',
  query: 'cnry query & value',
  requestBody: 'cnry-request-body-3',
  responseBody: 'cnry-response-body-4',
  setCookie: 'cnry-set-cookie-5',
  errorDescription: 'cnry error description',
  storagePassword: 'cnry-storage-password-6',
  userInfo: 'cnry-user-info-8',
} as const;

const SECRETS = Object.values(CANARY);
const EVERYTHING = SECRETS.join('\n');

/** Stage of one mode: its servers, its storage, its clients. */
interface Stage {
  readonly api: RecordingServer;
  readonly endpoint: RecordingServer;
  readonly storage: Map<string, string>;
  /** A client of the API, with everything logged. */
  client(service?: Partial<ForgeServiceOptions>, storage?: GetSet): ForgeHttpClient;
  provider(options?: Partial<ClientCredentialsTokenProviderOptions>): ClientCredentialsTokenProvider;
  passwordProvider(options?: Partial<PasswordGrantTokenProviderOptions>): PasswordGrantTokenProvider;
  /** Makes one call with a canary in each of its slots. Expects it to fail. */
  fail(client: ForgeHttpClient, config?: Parameters<ForgeHttpClient['request']>[0]): Promise<void>;
  /** Looks at a value in every way in which it could be printed. */
  look(value: unknown): void;
  /** Looks at what it was rejected with. */
  lookAtRejection(work: Promise<unknown>): Promise<void>;
  closeLater(close: () => unknown): void;
}

/** Retries of a token request as often as by default, without the waits in between. */
const AT_ONCE: RequestRetryStrategy = { nextDelayMs: ({ attempt }) => (attempt > 2 ? undefined : 1) };

type Mode = (stage: Stage) => Promise<void> | void;

/** Answers with all that the request holds, and all that must never be revealed. */
function echo({ headers, url, text }: RecordedRequest): string {
  return [EVERYTHING, JSON.stringify(headers), url, text, decodeURIComponent(url)].join('\n');
}

const HTML = { 'content-type': 'text/html', 'set-cookie': `sid=${CANARY.setCookie}`, 'x-debug': CANARY.accessToken };
const JSON_TYPE = { 'content-type': 'application/json', 'set-cookie': `sid=${CANARY.setCookie}` };

/** Errors as careless code throws them. */
const CARELESS: Readonly<Record<string, () => unknown>> = {
  'an error that quotes them': () => new Error(EVERYTHING),
  'an error with them in its cause': () => new Error('failed', { cause: new Error(EVERYTHING) }),
  'an error with them as properties': () => Object.assign(new Error('failed'), CANARY, { config: { headers: CANARY } }),
  'an error with one as its code': () => Object.assign(new Error('failed'), { code: CANARY.clientSecret }),
  'an error with one as its code in capitals': () => Object.assign(new Error('failed'), { code: CANARY.apiKey }),
  'an error with one as its system call': () =>
    Object.assign(new Error('failed'), { code: 'ECONNREFUSED', syscall: CANARY.refreshToken }),
  'an error with one as its name': () => Object.assign(new Error('failed'), { name: CANARY.clientSecret }),
  'an error with them in what looks like a stack': () =>
    new Error(SECRETS.map((secret) => `\n    at ${secret} (/srv/${secret}.js:1:1)`).join('')),
  'an error whose stack was written by hand': () =>
    Object.assign(new Error('failed'), { stack: SECRETS.map((secret) => `    at /${secret}`).join('\n') }),
  'an error that cannot be read': () =>
    Object.defineProperty(new Error('failed'), 'code', {
      get() {
        throw new Error(EVERYTHING);
      },
    }),
  'an AggregateError of them': () =>
    new AggregateError(
      SECRETS.map((secret) => new Error(secret)),
      EVERYTHING,
    ),
  'a text': () => CANARY.clientSecret,
  'an object': () => ({ ...CANARY, message: EVERYTHING }),
  nothing: () => undefined,
};

const TOKEN_ANSWERS: Readonly<Record<string, (request: RecordedRequest) => Answer>> = {
  'refuses with an error_description that quotes': (request) => ({
    status: 400,
    headers: JSON_TYPE,
    body: JSON.stringify({ error: 'invalid_grant', error_description: echo(request) }),
  }),
  'refuses with a 401 that quotes': (request) => ({
    status: 401,
    headers: { ...JSON_TYPE, 'www-authenticate': `Basic realm="${CANARY.clientSecret}"` },
    body: JSON.stringify({ error: 'invalid_client', error_description: echo(request), error_uri: CANARY.clientSecret }),
  }),
  'refuses with a secret as its error code': () => ({ status: 400, json: { error: CANARY.clientSecret } }),
  'refuses with an object as its error': () => ({ status: 400, json: { error: { code: 1, message: EVERYTHING } } }),
  'answers 200 with an error': () => ({ json: { error: 'invalid_scope', error_description: EVERYTHING } }),
  'fails with HTML that quotes': (request) => ({ status: 500, headers: HTML, body: `<p>${echo(request)}` }),
  'is hidden by a page of HTML': (request) => ({ headers: HTML, body: `<html>${echo(request)}` }),
  'answers malformed JSON': () => ({
    headers: JSON_TYPE,
    body: `{"access_token":"${CANARY.accessToken}", ${CANARY.refreshToken}`,
  }),
  'answers JSON that ends early': () => ({ headers: JSON_TYPE, body: `{"access_token":"${CANARY.accessToken}` }),
  'answers a text': () => ({ json: CANARY.accessToken }),
  'answers a list': () => ({ json: [CANARY.accessToken] }),
  'answers without an access token': () => ({
    json: { token: CANARY.accessToken, refresh_token: CANARY.refreshToken },
  }),
  'answers an object as the access token': () => ({ json: { access_token: { value: CANARY.accessToken } } }),
  'answers an access token with a line break': () => ({ json: { access_token: `${CANARY.accessToken}\n` } }),
  'answers a lifetime that is none': () => ({
    json: { access_token: CANARY.accessToken, expires_in: CANARY.refreshToken },
  }),
  'answers a token type that is none': () => ({
    json: { access_token: CANARY.accessToken, token_type: CANARY.query },
  }),
  'answers a refresh token that is none': () => ({
    json: { access_token: CANARY.accessToken, refresh_token: { value: CANARY.refreshToken } },
  }),
  'answers an expired token': () => ({ json: { access_token: CANARY.accessToken, expires_in: -1 } }),
  redirects: () => ({
    status: 302,
    headers: { location: `https://${CANARY.userInfo}@x.example/?${CANARY.clientSecret}` },
  }),
  'asks to be left alone': () => ({ status: 429, headers: { ...HTML, 'retry-after': '60' }, body: EVERYTHING }),
  'does not answer': () => 'hang',
  'breaks off': () => 'reset',
  'breaks off amid the answer': () => 'truncate',
  'never ends': () => 'endless',
};

const API_ANSWERS: Readonly<Record<string, (request: RecordedRequest) => Answer>> = {
  ...Object.fromEntries(
    [400, 401, 403, 404, 429, 500, 503].map((status) => [
      `answers ${status} and quotes`,
      (request: RecordedRequest) => ({ status, headers: HTML, body: echo(request) }),
    ]),
  ),
  'answers 401 with a challenge that quotes': (request) => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer error_description="${request.headers.authorization}"` },
  }),
  'answers a body that is no JSON': (request) => ({ headers: JSON_TYPE, body: echo(request) }),
  'answers a body that is too large': () => ({ headers: JSON_TYPE, body: EVERYTHING.repeat(1_000) }),
  'answers a body of no encoding': () => ({ headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: EVERYTHING }),
  'redirects in circles': () => ({ status: 302, headers: { location: `/?${CANARY.query}=${CANARY.queryKey}` } }),
  'redirects nowhere': () => ({ status: 302, headers: { location: `ftp://${CANARY.userInfo}:x@y/${CANARY.query}` } }),
  'redirects to a host that is not there': () => ({
    status: 302,
    headers: { location: `http://${CANARY.userInfo}:${CANARY.password.slice(0, 9)}@127.0.0.1:1/?${CANARY.queryKey}` },
  }),
  'does not answer': () => 'hang',
  'breaks off': () => 'reset',
  'breaks off amid the answer': () => 'truncate',
};

const modes: Record<string, Mode> = {};

for (const [name, answer] of Object.entries(TOKEN_ANSWERS)) {
  modes[`a token endpoint that ${name}`] = async (stage) => {
    stage.endpoint.handler = (request, response) => give(response, answer(request));
    const slow = { deadlineMs: 300, defaultTtlMs: 60_000 };
    const providers = [
      stage.provider(),
      stage.provider({ authMethod: 'client_secret_post', retry: new NoRetryStrategy() }),
      stage.passwordProvider({ retry: new NoRetryStrategy() }),
    ];
    for (const provider of providers) {
      const client = stage.client({ auth: { provider, ...slow } });
      await stage.fail(client);
      await stage.fail(client);
      await stage.fail(client);
      await stage.lookAtRejection(client.tokens?.introspect() ?? Promise.resolve());
    }
  };
  modes[`a refresh at a token endpoint that ${name}`] = async (stage) => {
    const client = stage.client({ auth: { provider: stage.passwordProvider(), deadlineMs: 2_000 } });
    await client.get('/');
    stage.endpoint.handler = (request, response) => give(response, answer(request));
    await stage.lookAtRejection(client.tokens?.forceRefresh() ?? Promise.resolve());
    await stage.lookAtRejection(client.tokens?.revoke() ?? Promise.resolve());
  };
}

for (const [name, answer] of Object.entries(API_ANSWERS)) {
  modes[`a service that ${name}`] = async (stage) => {
    stage.api.handler = (request, response) => give(response, answer(request));
    const auths: ForgeServiceOptions['auth'][] = [
      { provider: stage.provider() },
      { provider: stage.passwordProvider(), placement: 'uri' },
      { provider: new StaticTokenProvider(CANARY.accessToken), headerName: 'X-Token', scheme: '' },
      new ApiKeyAuth(CANARY.apiKey),
      new ApiKeyAuth(CANARY.queryKey, { in: 'query' }),
      new BasicAuth('alice', CANARY.basicPassword),
      new BearerAuth(CANARY.accessToken),
      new CompositeAuth([new ApiKeyAuth(CANARY.apiKey), new BearerAuth(CANARY.accessToken)], { strategy: 'all' }),
    ];
    for (const auth of auths) {
      if (auth === undefined) continue;
      const client = stage.client({ auth, timeoutMs: 150, maxContentLength: 20_000, maxRedirects: 2 });
      await stage.fail(client);
      await stage.fail(client, { responseType: 'stream', totalTimeoutMs: 150 });
      await stage.lookAtRejection(
        client.axiosRef.get('/', { params: { q: CANARY.query }, headers: { 'x-h': CANARY.header } }),
      );
      await stage.lookAtRejection(client.axiosRef.post('/', { password: CANARY.requestBody }));
    }
  };
}

for (const [name, make] of Object.entries(CARELESS)) {
  const thrower = (): never => {
    throw make();
  };
  modes[`a custom provider that throws ${name}`] = async (stage) => {
    const client = stage.client({ auth: { provider: { fetchToken: async () => thrower() } } });
    await stage.fail(client);
    await stage.fail(client);
    await stage.fail(client);
    const refreshing = stage.client({
      auth: {
        provider: {
          fetchToken: async () => new Token({ accessToken: CANARY.accessToken, refreshToken: CANARY.refreshToken }),
          refreshToken: async () => thrower(),
        },
      },
    });
    await refreshing.get('/');
    await refreshing.tokens?.forceRefresh();
  };
  modes[`a custom authenticator that throws ${name}`] = async (stage) => {
    await stage.fail(stage.client({ auth: { authenticate: thrower } }));
    await stage.fail(stage.client({ auth: { authenticate: async () => thrower() } }));
    await stage.fail(stage.client({ auth: new CompositeAuth([{ authenticate: thrower }]) }));
    await stage.fail(
      stage.client({ auth: new CompositeAuth([{ authenticate: () => undefined, appliesTo: thrower }]) }),
    );
    stage.api.handler = (_request, response) => void response.writeHead(401).end();
    await stage.fail(stage.client({ auth: { authenticate: () => undefined, onRejected: async () => thrower() } }));
    await stage.fail(stage.client({ auth: { authenticate: () => undefined, onResponse: thrower } }));
    const retry = new ConditionalAuthRetryStrategy({ shouldRetry: thrower });
    await stage.fail(stage.client({ auth: { provider: stage.provider(), retry } }));
  };
  modes[`a credential's function that throws ${name}`] = async (stage) => {
    await stage.fail(stage.client({ auth: new ApiKeyAuth(thrower) }));
    await stage.fail(stage.client({ auth: new BearerAuth(async () => thrower()) }));
    await stage.fail(stage.client({ auth: new BasicAuth('alice', thrower) }));
    await stage.fail(stage.client({ auth: { provider: stage.provider({ clientSecret: thrower }) } }));
    await stage.fail(stage.client({ auth: { provider: stage.passwordProvider({ password: async () => thrower() }) } }));
    await stage.fail(stage.client({ auth: { provider: stage.provider({ authMethod: thrower }) } }));
  };
  modes[`a hook of a provider that throws ${name}`] = async (stage) => {
    for (const hook of ['tokenRequest', 'tokenResponse'] as const)
      await stage.fail(
        stage.client({
          auth: { provider: stage.provider({ compliance: { [hook]: thrower }, retry: new NoRetryStrategy() }) },
        }),
      );
    const observed = stage.client({ auth: { provider: stage.provider({ onToken: thrower }) } });
    observed.tokens?.on('refreshed', thrower);
    stage.look(await observed.get('/'));
  };
  modes[`a transport that throws ${name}`] = async (stage) => {
    const transport = { send: async () => thrower() };
    await stage.fail(stage.client({ transport }));
    await stage.fail(stage.client({ axios: { adapter: thrower } }));
    await stage.fail(stage.client({ auth: { provider: stage.provider({ http: { transport } }) } }));
    await stage.fail(stage.client({ auth: { provider: stage.provider({ http: { axios: { adapter: thrower } } }) } }));
  };
  modes[`a storage that throws ${name}`] = async (stage) => {
    const storages: GetSet[] = [
      { get: thrower, set: thrower },
      { get: async () => thrower(), set: async () => thrower() },
      { get: () => undefined, set: thrower },
    ];
    for (const storage of storages) stage.look(await stage.client({}, storage).get('/'));
  };
  modes[`a service's function that throws ${name}`] = async (stage) => {
    stage.api.handler = (_request, response) => void response.writeHead(503).end();
    const hooks = { beforeRequest: thrower, afterResponse: thrower, onError: thrower };
    await stage.fail(stage.client({ hooks }));
    await stage.fail(stage.client({ retry: { nextDelayMs: thrower } }));
    await stage.fail(stage.client({ validateStatus: thrower }));
    await stage.fail(stage.client(), { method: 'POST', data: thrower });
  };
}

/** A function that reads a secret with a line break in it. */
const bad = (secret: string) => (): string => `${secret}\r\nX-Injected: 1`;

Object.assign(modes, {
  'a custom provider whose own request fails': async (stage) => {
    stage.endpoint.handler = (request, response) => give(response, { status: 400, headers: HTML, body: echo(request) });
    const url = `${stage.endpoint.origin}/?q=${CANARY.queryKey}`;
    const headers = { authorization: `Bearer ${CANARY.accessToken}`, cookie: CANARY.cookie };
    const ways: TokenProvider['fetchToken'][] = [
      async () => (await axios.post<Token>(url, { password: CANARY.requestBody }, { headers })).data,
      async (context) => {
        const answer = await (context as TokenRequestContext).http.request({
          url,
          headers,
          form: { p: CANARY.password },
        });
        stage.look(answer.request);
        throw Object.assign(new AuthenticationError('Refused.'), { status: answer.status });
      },
      async (context) => (await (context as TokenRequestContext).http.request({ url, headers })).json(),
      async (context) =>
        (await (context as TokenRequestContext).http.request({ url: `http://127.0.0.1:1/?${CANARY.queryKey}` })).json(),
      async (context) =>
        (await (context as TokenRequestContext).http.request({ url: `/${CANARY.queryKey}`, query: { a: 'b' } })).json(),
    ];
    for (const fetchToken of ways) await stage.fail(stage.client({ auth: { provider: { fetchToken } } }));
  },
  'a custom provider that answers no token': async (stage) => {
    for (const answer of [CANARY.accessToken, { accessToken: CANARY.accessToken }, [CANARY.accessToken], undefined])
      await stage.fail(stage.client({ auth: { provider: { fetchToken: async () => answer as unknown as Token } } }));
  },
  'a credential that no header can carry': async (stage) => {
    await stage.fail(stage.client({ auth: new ApiKeyAuth(bad(CANARY.apiKey)) }));
    await stage.fail(stage.client({ auth: new BearerAuth(bad(CANARY.accessToken)) }));
    await stage.fail(
      stage.client({
        auth: {
          authenticate: (request: AuthenticatedRequest) => void (request.headers['x-key'] = bad(CANARY.apiKey)()),
        },
      }),
    );
    for (const make of [
      () => new ApiKeyAuth(`${CANARY.apiKey}\n`),
      () => new BearerAuth(`${CANARY.accessToken}\n`),
      () => new Token({ accessToken: `${CANARY.accessToken}\n` }),
      () => new Token({ accessToken: CANARY.accessToken, tokenType: CANARY.query }),
      () => new StaticTokenProvider({ access_token: CANARY.accessToken, expires_in: CANARY.refreshToken }),
      () => new BasicAuth(`${CANARY.userInfo}:x`, CANARY.basicPassword),
    ])
      await stage.lookAtRejection((async () => make())());
  },
  'a call that cannot be sent': async (stage) => {
    const client = stage.client();
    const circle: Record<string, unknown> = { password: CANARY.requestBody };
    circle['self'] = circle;
    await stage.fail(client, { headers: { [CANARY.header + '\n']: 'x' } });
    await stage.fail(client, { headers: { 'x-header': `${CANARY.header}\nx` } });
    await stage.fail(client, { method: `GET ${CANARY.query}` });
    await stage.fail(client, { method: 'POST', data: circle });
    await stage.fail(client, { method: 'POST', data: { password: CANARY.requestBody, big: 1n } });
    await stage.fail(client, { auth: CANARY.accessToken as never });
    for (const url of [
      `http://alice:${CANARY.userInfo}@other.example/`,
      `https://other.example/?key=${CANARY.queryKey}`,
      `//${CANARY.userInfo}@other.example/`,
      `\\\\${CANARY.userInfo}`,
      `${CANARY.userInfo}:x`,
      `/ok\n${CANARY.query}`,
      `http://[${CANARY.userInfo}]/`,
      `ftp://${CANARY.userInfo}/`,
    ])
      await stage.fail(client, { url });
    const relative = createForgeClient({ name: 'orders', auth: new BearerAuth(CANARY.accessToken) });
    await stage.fail(relative, { url: `/?q=${CANARY.queryKey}` });
  },
  'a network that is not there': async (stage) => {
    const gone = `http://127.0.0.1:${await freePort()}`;
    for (const baseUrl of [gone, 'http://nowhere.invalid', 'https://127.0.0.1:1'])
      await stage.fail(stage.client({ baseUrl, auth: new ApiKeyAuth(CANARY.queryKey, { in: 'query' }) }));
    const provider = (tokenUrl: string): ClientCredentialsTokenProvider => stage.provider({ tokenUrl });
    for (const tokenUrl of [gone, 'https://nowhere.invalid/token'])
      await stage.fail(stage.client({ auth: { provider: provider(tokenUrl) } }));
    const issuer = new ClientCredentialsTokenProvider({
      issuer: gone,
      clientId: 'id',
      clientSecret: CANARY.clientSecret,
    });
    await stage.fail(stage.client({ auth: { provider: issuer } }));
  },
  'a TLS handshake that fails': async (stage) => {
    const secure = await startServer(welcome, {
      tls: await createCertificate({ commonName: CANARY.userInfo }).then((own) => ({ ...own })),
    });
    stage.closeLater(() => secure.close());
    const auth = new ApiKeyAuth(CANARY.apiKey);
    await stage.fail(stage.client({ baseUrl: secure.origin, auth }));
    await stage.fail(stage.client({ baseUrl: stage.api.origin.replace('http:', 'https:'), auth }));
    await stage.fail(stage.client({ auth: { provider: stage.provider({ tokenUrl: `${secure.origin}/token` }) } }));
    const { key } = await createCertificate();
    const passphrase = CANARY.password;
    const tls = { cert: CANARY.clientSecret, key: `${key}${CANARY.clientSecret}`, passphrase };
    await stage.fail(stage.client({ baseUrl: secure.origin, auth, tls }));
    await stage.fail(
      stage.client({ baseUrl: secure.origin, auth, tls: { pfx: Buffer.from(CANARY.clientSecret), passphrase } }),
    );
    const httpsAgent = new Agent({ ca: CANARY.clientSecret, passphrase });
    await stage.fail(stage.client({ baseUrl: secure.origin, auth, axios: { httpsAgent } }));
  },
  'an open circuit, and a closed client': async (stage) => {
    stage.api.handler = (request, response) => give(response, { status: 500, headers: HTML, body: echo(request) });
    const retry = new CircuitBreakerRetryStrategy({ failureThreshold: 1, maxRetries: 0 });
    const client = stage.client({ retry });
    await stage.fail(client);
    await stage.fail(client);
    stage.look(client);
    await client.close();
    await stage.fail(client);
    await stage.lookAtRejection(client.tokens?.getToken() ?? Promise.resolve());
  },
  'options that are wrong': async (stage) => {
    const wrong: Partial<ForgeServiceOptions>[] = [
      { baseUrl: `https://alice:${CANARY.userInfo}@api.example` },
      { baseUrl: `https://api.example/?key=${CANARY.queryKey}` },
      { headers: { 'x-key': `${CANARY.header}\n` } },
      { allowedOrigins: [`https://alice:${CANARY.userInfo}@api.example`] },
      { excludedPaths: [`https://api.example/?key=${CANARY.queryKey}`] },
      { excludedPaths: [`/health?key=${CANARY.queryKey}`] },
      { axios: { auth: { username: 'alice', password: CANARY.basicPassword } } },
      { auth: { provider: stage.provider({ tokenUrl: `https://id:${CANARY.clientSecret}@issuer.example` }) } },
      { auth: { provider: stage.provider({ tokenUrl: `http://issuer.example/?key=${CANARY.queryKey}` }) } },
      { auth: { provider: stage.provider({ tokenUrl: CANARY.clientSecret }) } },
      { auth: CANARY.accessToken as never },
      { auth: { provider: CANARY.accessToken as never } },
      { retry: CANARY.accessToken as never },
      { transport: CANARY.accessToken as never },
      { storage: CANARY.storagePassword },
    ];
    for (const service of wrong) await stage.fail(stage.client(service));
  },
  'values that are printed': async (stage) => {
    const manager = new TokenManager({ name: 'orders', provider: stage.passwordProvider(), storage: stage.storage });
    const token = await manager.getToken();
    if (token.accessToken !== CANARY.accessToken) throw new Error('The token is not the canary.');
    const basic = new BasicAuth('alice', CANARY.basicPassword);
    const values = {
      manager,
      token,
      lists: [token.with({ idToken: CANARY.accessToken, extra: { secret: CANARY.responseBody } })],
      provider: stage.provider({ http: { headers: { 'x-key': CANARY.header } } }),
      password: stage.passwordProvider(),
      fixed: new StaticTokenProvider(CANARY.accessToken),
      bearer: new BearerAuth(CANARY.accessToken),
      key: new ApiKeyAuth(CANARY.apiKey),
      basic,
      composite: new CompositeAuth([basic]),
    };
    const client = stage.client();
    stage.look(values);
    stage.look({ client, tokens: client.tokens, axios: Object.keys(client.axiosRef) });
    stage.look(inspect(values, { depth: 10, showHidden: true, getters: false }));
    stage.look(inspect(client, { depth: 10, showHidden: true }));
    stage.look(`${String(token)} ${JSON.stringify({ token })}`);
    stage.look(await client.get('/'));
    const answer = await client.post(
      `/?q=${CANARY.queryKey}`,
      { password: CANARY.requestBody },
      { headers: { cookie: CANARY.cookie } },
    );
    stage.look(answer);
    stage.look(answer.request.toCurl());
    stage.look(inspect(answer.request, { depth: 10, showHidden: true }));
    await manager.close();
  },
} satisfies Record<string, Mode>);

describe('no secret comes out', () => {
  let capture: Capture;
  let shown: string[];
  let closing: (() => unknown)[];
  let api: RecordingServer;
  let endpoint: RecordingServer;

  beforeEach(async () => {
    shown = [];
    closing = [];
    api = await startServer((_request, response) =>
      give(response, { headers: JSON_TYPE, json: { secret: CANARY.responseBody } }),
    );
    endpoint = await startServer((_request, response) =>
      give(response, {
        json: {
          access_token: CANARY.accessToken,
          refresh_token: CANARY.refreshToken,
          expires_in: 3_600,
          x: CANARY.responseBody,
        },
      }),
    );
    capture = captureEverything();
  });

  afterEach(async () => {
    capture.stop();
    for (const close of closing.toReversed()) await close();
    await api.close();
    await endpoint.close();
  });

  function stageOf(): Stage {
    const storage = new Map<string, string>();
    const stage: Stage = {
      api,
      endpoint,
      storage,
      provider: (options = {}) =>
        new ClientCredentialsTokenProvider({
          clientId: 'client',
          clientSecret: CANARY.clientSecret,
          retry: AT_ONCE,
          ...(options.issuer === undefined ? { tokenUrl: `${endpoint.origin}/token` } : undefined),
          extraParams: { secret: CANARY.query },
          ...options,
        }),
      passwordProvider: (options = {}) =>
        new PasswordGrantTokenProvider({
          tokenUrl: `${endpoint.origin}/token`,
          clientId: 'client',
          clientSecret: CANARY.clientSecret,
          username: 'alice',
          password: CANARY.password,
          retry: AT_ONCE,
          ...options,
        }),
      client(service = {}, kept = storage) {
        const client = createForgeClient(
          {
            name: 'orders',
            baseUrl: api.origin,
            auth: { provider: stage.provider() },
            logging: { headers: true, body: true },
            ...service,
          },
          // What the app's own code throws is shown to its developers: see the suite beside this one.
          { storage: kept, logger: capture.logger, revealCauses: false },
        );
        closing.push(() => client.close());
        return client;
      },
      async fail(client, config = {}) {
        await stage.lookAtRejection(
          client.request({
            url: '/',
            ...config,
            params: { q: CANARY.query, ...config.params },
            headers: { 'x-custom': CANARY.header, cookie: `a=${CANARY.cookie}`, ...config.headers },
            ...(config.method === 'POST' ? { data: { password: CANARY.requestBody } } : undefined),
            ...('data' in config ? { data: config.data } : undefined),
          }),
        );
        stage.look(client);
      },
      look(value) {
        shown.push(
          value instanceof ForgeResponse ? `${render(value.request)} ${value.request.toCurl()}` : render(value),
        );
      },
      async lookAtRejection(work) {
        let error: unknown;
        try {
          const answer = await work;
          if (answer instanceof ForgeResponse) stage.look(answer);
          return;
        } catch (thrown) {
          error = thrown;
        }
        shown.push(renderError(error));
        capture.logger.error(error);
        globalThis.console.error(error);
      },
      closeLater: (close) => void closing.push(close),
    };
    return stage;
  }

  it.each(Object.keys(modes))('no secret comes out of %s', async (name) => {
    const stage = stageOf();
    await modes[name]?.(stage);
    expectNoSecrets([capture.text(), ...shown].join('\n'), SECRETS);
    expectNoSecrets([...stage.storage.keys()].join('\n'), SECRETS);
  });

  it('no secret comes out of a Nest app whose Redis asks for a password, and goes away', async () => {
    const redis = await startRedis({ password: CANARY.storagePassword });
    closing.push(() => redis.stop());
    const stage = stageOf();
    const raw = new Redis(redis.url, { retryStrategy: () => 10, maxRetriesPerRequest: 0 });
    raw.on('error', (error) => stage.look(error.name));
    const services = ['orders', 'customers'].map((name) => ({
      name,
      baseUrl: api.origin,
      logging: true,
      auth: { provider: stage.passwordProvider() },
    }));
    const storage = { storage: new RedisTokenStorage(raw) };
    class App {}
    Module({
      imports: [
        CacheModule.register({ stores: [createKeyv({ url: redis.url, disableOfflineQueue: true })] }),
        ForgeAuthModule.forRoot({ services: [services[0] as ForgeServiceOptions] }),
        ForgeAuthModule.forFeature({ ...(services[1] as ForgeServiceOptions), ...storage }),
      ],
    })(App);
    const app = await NestFactory.createApplicationContext(App, { logger: capture.logger });
    closing.push(
      () => raw.disconnect(),
      () => app.close(),
    );
    const forge = app.get(ForgeAuthService);
    const callAll = async (): Promise<void> => {
      for (const name of forge.names()) stage.look(await forge.client(name).get('/', { params: { q: CANARY.query } }));
    };

    await callAll();
    const keys = (await redis.command('KEYS', '*')) as string[];
    expect(keys.filter((key) => key.includes('forge-auth:'))).not.toHaveLength(0);
    await redis.kill();
    for (const name of forge.names()) await forge.tokens(name).invalidate();
    await callAll();
    stage.look(forge);
    stage.look(inspect(forge, { depth: 10, showHidden: true }));
    expectNoSecrets([capture.text(), ...shown, ...keys].join('\n'), SECRETS);
    expect(capture.text()).toContain('Token storage is not answering');
  });
});
