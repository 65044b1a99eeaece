import {
  ApiKeyAuth,
  BearerAuth,
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  CompositeAuth,
  createForgeClient,
  ExponentialBackoffRetryStrategy,
  type ForgeHttpClient,
  SimpleAuthRetryStrategy,
} from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/**
 * Pollution of `Object.prototype` by a careless merge somewhere in the app: every name that an option of this
 * package or of axios has, with the worst value for it.
 */
const EVIL: Record<string, (evil: string) => unknown> = {
  ...each(['baseUrl', 'baseURL', 'url', 'endpoint', 'tokenUrl', 'issuer', 'location', 'href'], (evil) => evil),
  ...each(['allowedOrigins', 'allowedSocketPaths'], (evil) => [evil]),
  ...each(['headers', 'requestHeaders', 'common'], () => ({ 'x-planted': 'planted', authorization: 'planted' })),
  ...each(['params', 'data', 'json', 'form', 'query', 'extraParams', 'requestData'], () => ({ planted: 'planted' })),
  ...each(['body'], () => 'planted'),
  ...each(['auth', 'proxyAuth'], () => ({ username: 'planted', password: 'planted' })),
  ...each(['authMethod'], () => 'none'),
  ...each(['clientId', 'clientSecret', 'scope', 'audience', 'resource', 'subjectToken', 'grantType'], () => 'planted'),
  ...each(['excludedPaths'], () => ['/here']),
  ...each(['excludedPathPatterns'], () => ['*']),
  ...each(['timeoutMs', 'totalTimeoutMs', 'deadlineMs', 'timeout', 'maxContentLength', 'maxBodyLength'], () => 0.001),
  ...each(['maxRedirects', 'maxRetries', 'nearCacheTtlMs', 'expiryLeewayMs', 'refreshWindowMs', 'delayMs'], () => 0),
  ...each(['concurrency', 'max'], () => -1),
  ...each(['validateStatus', 'allowInsecure', 'failFast', 'idempotent', 'retry', 'decompress', 'logging'], () => false),
  ...each(['responseType'], () => 'stream'),
  ...each(['method'], () => 'DELETE'),
  ...each(['placement'], () => 'uri'),
  ...each(['in'], () => 'query'),
  ...each(['headerName', 'tokenHeader'], () => 'x-planted'),
  ...each(
    ['scheme', 'tokenType', 'tokenField', 'basicEncoding', 'bodyFormat', 'strategy', 'resultStep'],
    () => 'planted',
  ),
  ...each(['signal'], () => AbortSignal.abort()),
  ...each(['cancelToken', 'cancellation'], () => ({ subscribe: (cancel: () => void) => cancel(), aborted: true })),
  ...each(['transport'], (evil) => planted(evil)),
  ...each(['adapter'], () => () => Promise.reject(new Error('planted'))),
  ...each(['axios', 'forge'], (evil) => ({ baseURL: evil, headers: { 'x-planted': 'planted' }, auth: false })),
  ...each(['http'], (evil) => ({ headers: { 'x-planted': 'planted' }, transport: planted(evil) })),
  ...each(['proxy'], (evil) => ({ host: new URL(evil).hostname, port: Number(new URL(evil).port), protocol: 'http:' })),
  ...each(['socketPath'], () => '/nowhere/planted.sock'),
  ...each(['tls', 'pool'], () => ({ rejectUnauthorized: false, maxSockets: 1 })),
  ...each(['hooks', 'compliance'], () => ({ beforeRequest: plant, tokenRequest: plant })),
  ...each(['beforeRequest'], () => plant),
  ...each(['transformRequest', 'transformResponse', 'paramsSerializer'], () => () => 'planted'),
  ...each(['formDataHeaderPolicy', 'responseEncoding'], () => 'planted'),
  ...each(
    ['provider', 'tokenManager', 'pipeline', 'services', 'defaults', 'storage', 'lock', 'encryption'],
    () => ({}),
  ),
  ...each(
    ['stripped', 'readHere', 'onRejected', 'credentialHeader', 'requestedUrl', 'metadata', 'redirect'],
    () => true,
  ),
  ...each(['code', 'serviceName', 'cause', 'step', 'error', 'kid', 'name', 'size', 'type'], () => 'planted'),
};

let server: RecordingServer;
let evil: RecordingServer;
let tokens: RecordingServer;
/** The calls as they look where nothing was planted. */
let expected: unknown;

const CLIENT = { clientId: 'own-client', clientSecret: 'own-secret' };

beforeAll(async () => {
  tokens = await startServer(
    (_request, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"access_token":"issued-token","token_type":"Bearer","expires_in":3600}'),
  );
  server = await startServer((request, response) => {
    if (request.path === '/moved') return void response.writeHead(302, { location: '/here' }).end();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
  });
  evil = await startServer((_request, response) => void response.writeHead(200).end('{}'));
  expected = await wire();
});
afterAll(async () => {
  await Promise.all([server.close(), evil.close(), tokens.close()]);
});

it.each(Object.keys(EVIL))('what Object.prototype has as %s changes no call', async (name) => {
  const value = EVIL[name]?.(evil.origin);
  // oxlint-disable-next-line no-extend-native -- as an attacker would
  Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false });
  let seen: Awaited<ReturnType<typeof wire>>;
  try {
    seen = await wire();
  } finally {
    delete (Object.prototype as Record<string, unknown>)[name];
  }
  expect(seen).toEqual(expected);
  expect(evil.requests).toEqual([]);
});

it('what Object.prototype had changes no call after it is gone', async () => {
  expect(await wire()).toEqual(expected);
});

/** Returns a day's calls as they look on the wire. */
async function wire(): Promise<unknown> {
  server.reset();
  evil.reset();
  tokens.reset();
  const results: unknown[] = [];
  for (const client of clients()) {
    results.push(await outcome(client.get('/here')));
    results.push(await outcome(client.post('/here', { a: 1 }, { params: { b: 2 } })));
    results.push(await outcome(client.get('/moved')));
    results.push(await outcome(client.get('/here', { auth: { extraParams: { a: '1' } } })));
    results.push(await outcome(client.get(`${evil.origin}/elsewhere`)));
    results.push(await outcome(client.fetch('/here')));
    results.push(await outcome(client.fetch('/here', { method: 'POST', body: 'text' })));
    results.push(await outcome(client.axiosRef.get('/here')));
    results.push(await outcome(client.axiosRef.post('/here', { a: 1 })));
    results.push(...(await client.requestMany([{ url: '/here' }])).map(({ status }) => status));
    await client.close();
  }
  return { results, service: server.requests.map(shown), tokens: tokens.requests.map(shown) };
}

function clients(): ForgeHttpClient[] {
  const baseUrl = server.origin;
  const provider = (): ClientCredentialsTokenProvider =>
    new ClientCredentialsTokenProvider({ tokenUrl: `${tokens.origin}/token`, ...CLIENT });
  const app = new BodyTokenFetcher({
    name: 'app',
    baseUrl: tokens.origin,
    endpoint: '/token',
    requestData: { grant_type: 'client_credentials', client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret },
  });
  return [
    { auth: { provider: provider(), retry: new SimpleAuthRetryStrategy({ maxRetries: 1 }) } },
    { auth: new BearerAuth('own-token'), retry: new ExponentialBackoffRetryStrategy({ maxRetries: 1 }) },
    { auth: new CompositeAuth([new ApiKeyAuth('own-key'), { provider: provider() }], { strategy: 'all' }) },
    { auth: { pipeline: { steps: [app] } }, hooks: { afterResponse: () => undefined } },
  ].map((options, index) => createForgeClient({ name: `own-${index}`, baseUrl, ...options }));
}

async function outcome(attempt: Promise<unknown>): Promise<unknown> {
  try {
    const result = await attempt;
    if (result instanceof Response) return [result.status, await result.text()];
    const { status, data } = result as { status: number; data: unknown };
    return [status, data];
  } catch (error) {
    return [(error as Error).name, (error as Error).message];
  }
}

function shown({ method, url, headers, text }: RecordingServer['requests'][number]): unknown {
  const { authorization, ...rest } = headers;
  return { method, url, text, headers: { ...rest, authorization: authorization?.replace(/(?<=Bearer ).*/, '…') } };
}

function each<V>(names: string[], value: V): Record<string, V> {
  return Object.fromEntries(names.map((name) => [name, value]));
}

function planted(target: string): object {
  return { send: () => fetch(target), request: () => fetch(target) };
}

function plant(request: { headers?: Record<string, unknown> }): void {
  if (request.headers !== undefined) request.headers['x-planted'] = 'planted';
}
