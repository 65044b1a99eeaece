import { Readable } from 'node:stream';
import {
  AuthenticationError,
  BearerAuth,
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  ConnectionError,
  createForgeClient,
  ExponentialBackoffRetryStrategy,
  ForgeAuthError,
  type ForgeHttpClient,
  NoRetryStrategy,
  type RequestRetryStrategy,
  SimpleRetryStrategy,
  TimeoutError,
  TlsError,
} from 'nestjs-forge-auth';
import { type Answer, give } from '../support/answer.js';
import { freePort } from '../support/free-port.js';
import type { RecordingServer } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint } from '../support/token-endpoint.js';
import { rejection, until } from '../support/async.js';
import { Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

const quick = { baseDelayMs: 1, jitter: false } as const;
const backoff = new ExponentialBackoffRetryStrategy(quick);
const simple = new SimpleRetryStrategy({ delayMs: 1 });
const breaker = new CircuitBreakerRetryStrategy({ baseDelayMs: 1, failureThreshold: 100 });

/** A server that gives these answers in turn, and then 200. */
function answering(...answers: Answer[]): Promise<RecordingServer> {
  const queue = [...answers];
  return wire.server((_request, response) => give(response, queue.shift() ?? { json: { ok: true } }));
}

/** The next request comes over a connection of its own: what happens to it is no matter of a stale one. */
const closing = { headers: { connection: 'close' } };

const times = (count: number, answer: Answer): Answer[] => Array.from({ length: count }, () => answer);

describe.each<[string, RequestRetryStrategy]>([
  ['ExponentialBackoffRetryStrategy', backoff],
  ['CircuitBreakerRetryStrategy', breaker],
])('%s', (_name, retry) => {
  it.each([408, 429, 500, 502, 503, 504])('tries again after %d', async (status) => {
    const server = await answering({ status }, { status });
    await expect(wire.client(server, { retry }).get('/')).resolves.toMatchObject({ status: 200, attempts: 3 });
    expect(server.count()).toBe(3);
  });

  it.each([400, 401, 403, 404, 409, 422, 501, 505])('does not try again after %d', async (status) => {
    const server = await answering({ status });
    await expect(wire.client(server, { retry }).get('/')).rejects.toMatchObject({ status, attempts: 1 });
    expect(server.count()).toBe(1);
  });

  it('answers what the last attempt was answered, with the attempts', async () => {
    const server = await answering(...times(9, { status: 503, json: { busy: true } }));
    const error = await rejection(wire.client(server, { retry }).get('/'));
    expect(error).toMatchObject({ status: 503, data: { busy: true }, attempts: 4, serviceName: 'orders' });
    expect(server.count()).toBe(4);
  });

  it('hands over a status that the call allows', async () => {
    const server = await answering(...times(9, { status: 503 }));
    const response = await wire.client(server, { retry }).get('/', { validateStatus: null });
    expect(response).toMatchObject({ status: 503, attempts: 4 });
  });
});

describe.each<[string, RequestRetryStrategy]>([
  ['SimpleRetryStrategy', simple],
  ['ExponentialBackoffRetryStrategy', backoff],
  ['CircuitBreakerRetryStrategy', breaker],
])('%s', (_name, retry) => {
  it.each<[string, Answer]>([
    ['a lost connection', 'reset'],
    ['an answer that is cut off', 'truncate'],
    ['a timeout', 'hang'],
    ['an answer that dribbles', 'dribble'],
  ])('tries again after %s', async (_what, mishap) => {
    const server = await answering(mishap, mishap);
    const client = wire.client(server, { retry, timeoutMs: 500 });
    await expect(client.get('/')).resolves.toMatchObject({ status: 200, attempts: 3 });
    expect(server.count()).toBe(3);
  });

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('sends a %s again', async (method) => {
    const server = await answering('reset');
    await expect(wire.client(server, { retry }).request({ method, url: '/' })).resolves.toMatchObject({ attempts: 2 });
  });

  it.each<[string, Answer, abstract new (...args: never[]) => Error]>([
    ['POST', 'reset', ConnectionError],
    ['PATCH', 'reset', ConnectionError],
    ['POST', 'hang', TimeoutError],
    ['REPORT', 'truncate', ConnectionError],
  ])('does not send a %s again after %s', async (method, mishap, type) => {
    const server = await answering(mishap);
    const client = wire.client(server, { retry, timeoutMs: 500 });
    const error = await rejection(client.request({ method, url: '/', data: { a: 1 } }));
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ attempts: 1 });
    expect(server.count()).toBe(1);
  });

  it('sends a POST again that says it may be sent twice', async () => {
    const server = await answering('reset');
    await expect(wire.client(server, { retry }).post('/', { a: 1 }, { idempotent: true })).resolves.toMatchObject({
      attempts: 2,
    });
    expect(server.requests.map(({ text }) => text)).toEqual(['{"a":1}', '{"a":1}']);
  });

  it('does not send a GET again that says it may not be sent twice', async () => {
    const server = await answering('reset');
    await expect(wire.client(server, { retry }).get('/', { idempotent: false })).rejects.toBeInstanceOf(
      ConnectionError,
    );
    expect(server.count()).toBe(1);
  });

  it('does nothing for a call that wants no retries', async () => {
    const server = await answering('reset');
    await expect(wire.client(server, { retry }).get('/', { retry: false })).rejects.toMatchObject({ attempts: 1 });
    expect(server.count()).toBe(1);
  });

  it('sends even a POST again that nobody has received', async () => {
    const port = await freePort();
    let asked = 0;
    const client = wire.closeLater(
      createForgeClient({
        name: 'orders',
        baseUrl: `http://127.0.0.1:${port}`,
        retry,
        auth: new BearerAuth(() => `t${(asked += 1)}`),
      }),
    );
    const error = await rejection(client.post('/', { a: 1 }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ attempts: 4, nothingSent: true });
    expect(asked).toBe(4);
  });

  it('does not send a stream again; a function is asked for another one', async () => {
    const server = await answering('reset');
    const client = wire.client(server, { retry });
    await expect(client.put('/', Readable.from(['once']))).rejects.toMatchObject({ attempts: 1 });
    expect(server.count()).toBe(1);
    let made = 0;
    server.handler = (_request, response) => give(response, made === 1 ? 'reset' : { json: {} });
    await expect(client.put('/', () => Readable.from([`body ${(made += 1)}`]))).resolves.toMatchObject({ attempts: 2 });
    expect(server.requests.slice(1).map(({ text }) => text)).toEqual(['body 1', 'body 2']);
  });

  it('does not try again what is no failure of the network', async () => {
    const server = await wire.server(undefined, { tls: true });
    const client = wire.client(server, { retry });
    const tls = await rejection(client.get('/'));
    expect(tls).toBeInstanceOf(TlsError);
    expect(tls).toMatchObject({ attempts: 1 });
    const redirected = await answering(...times(99, { status: 302, headers: { location: '/again' } }));
    await expect(wire.client(redirected, { retry, maxRedirects: 2 }).get('/')).rejects.toMatchObject({
      code: 'FORGE_AUTH_TOO_MANY_REDIRECTS',
      attempts: 1,
    });
    expect(redirected.count()).toBe(3);
  });

  it('does not try again where no token can be obtained', async () => {
    const endpoint = wire.closeLater(await startTokenEndpoint({ respond: () => 'reset' }));
    const server = await answering();
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: endpoint.url,
      ...CLIENT,
      retry: new NoRetryStrategy(),
    });
    const client = wire.client(server, { retry, auth: { provider } });
    const error = await rejection(client.get('/'));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ attempts: 1, serviceName: 'orders' });
    expect([endpoint.tokenRequests, server.connections]).toEqual([1, 0]);
  });
});

describe('SimpleRetryStrategy', () => {
  it('takes every answer for an answer', async () => {
    const server = await answering({ status: 503 });
    await expect(wire.client(server, { retry: simple }).get('/')).rejects.toMatchObject({ status: 503, attempts: 1 });
  });
});

describe('NoRetryStrategy', () => {
  it.each<[string, object]>([
    ['by default', {}],
    ['was refused a retry', { retry: new NoRetryStrategy() }],
  ])('sends once: %s', async (_name, service) => {
    const server = await answering({ status: 503, ...closing }, 'reset');
    const client = wire.client(server, service);
    await expect(client.get('/')).rejects.toMatchObject({ status: 503, attempts: 1 });
    await expect(client.get('/')).rejects.toBeInstanceOf(ConnectionError);
    expect(server.count()).toBe(2);
  });
});

describe('a strategy of one’s own', () => {
  it('decides by attempt, status and error', async () => {
    const asked: unknown[] = [];
    const retry: RequestRetryStrategy = {
      nextDelayMs: ({ attempt, status, error }) => {
        asked.push([attempt, status ?? error?.code]);
        return attempt < 3 ? 0 : undefined;
      },
    };
    const server = await answering({ status: 418, ...closing }, 'reset');
    await expect(wire.client(server, { retry }).get('/')).resolves.toMatchObject({ status: 200, attempts: 3 });
    expect(asked).toEqual([
      [1, 418],
      [2, 'FORGE_AUTH_CONNECTION'],
      [3, 200],
    ]);
  });
});

it.each([null, Number.NaN, false])(
  'a strategy that answers %p is refused by name, and nothing is sent again',
  async (answer) => {
    const server = await answering({ status: 503, ...closing });
    const retry = { nextDelayMs: () => answer as never };
    await expect(wire.client(server, { retry }).get('/')).rejects.toMatchObject({
      code: 'FORGE_AUTH_CONFIGURATION',
      message: expect.stringContaining('retry.nextDelayMs() returned'),
    });
    expect(server.count()).toBe(1);
  },
);

describe('Retry-After', () => {
  it('Retry-After is waited for, even where the strategy would come back sooner', async () => {
    const server = await answering({ status: 503, headers: { 'retry-after': '1' } });
    await wire.client(server, { retry: backoff }).get('/');
    const [first, second] = server.requests;
    expect((second?.startedAt ?? 0) - (first?.startedAt ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('Retry-After that asks for more than a minute is left to the caller', async () => {
    const server = await answering({ status: 429, headers: { 'retry-after': '120' } });
    const error = await rejection(wire.client(server, { retry: backoff }).get('/'));
    expect(error).toMatchObject({ status: 429, attempts: 1, headers: { 'retry-after': '120' } });
    expect(server.count()).toBe(1);
  });

  it('Retry-After that asks for more than the call has left is left to the caller', async () => {
    const server = await answering({ status: 429, headers: { 'retry-after': '30' } });
    const client = wire.client(server, { retry: backoff, totalTimeoutMs: 10_000 });
    await expect(client.get('/')).rejects.toMatchObject({ status: 429, attempts: 1 });
  });

  it('Retry-After that is no time is ignored', async () => {
    const server = await answering({ status: 503, headers: { 'retry-after': 'soon' } });
    await expect(wire.client(server, { retry: backoff }).get('/')).resolves.toMatchObject({ attempts: 2 });
  });
});

describe('each attempt', () => {
  it('asks for the credential again: a token that ran out between two is not sent', async () => {
    const endpoint = wire.closeLater(await startTokenEndpoint({ expiresIn: 1 }));
    const tokens: (string | undefined)[] = [];
    const server = await wire.server(async ({ headers }, response) => {
      const token = headers.authorization?.replace('Bearer ', '');
      tokens.push(token);
      const valid = token !== undefined && endpoint.isValid(token);
      give(response, valid ? (tokens.length === 1 ? { status: 503 } : { json: {} }) : { status: 401 });
    });
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
    const retry = new ExponentialBackoffRetryStrategy({ baseDelayMs: 1_200, jitter: false });
    await expect(wire.client(server, { retry, auth: { provider } }).get('/')).resolves.toMatchObject({ attempts: 2 });
    expect(tokens).toEqual(endpoint.issued.map(({ accessToken }) => accessToken));
    expect(tokens).toHaveLength(2);
  });

  it('carries the credential that its function has by then', async () => {
    let asked = 0;
    const server = await answering({ status: 503, ...closing }, 'reset');
    const auth = new BearerAuth(async () => `t${(asked += 1)}`);
    await wire.client(server, { retry: backoff, auth }).get('/');
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer t1',
      'Bearer t2',
      'Bearer t3',
    ]);
  });

  it('each attempt may replace a rejected token, but the call renews one only once', async () => {
    const endpoint = wire.closeLater(await startTokenEndpoint());
    const statuses = [401, 503, 401, 200];
    const server = await wire.server((_request, response) =>
      give(response, { status: statuses[server.count() - 1] ?? 500 }),
    );
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
    const client = wire.client(server, { retry: backoff, auth: { provider } });
    await expect(client.get('/')).resolves.toMatchObject({ status: 200, attempts: 2 });
    expect([server.count(), endpoint.tokenRequests]).toEqual([4, 2]);
  });

  it('each attempt goes through its redirects anew', async () => {
    const server = await wire.server(({ path }, response) => {
      if (path === '/from') return give(response, { status: 302, headers: { location: '/to' } });
      give(response, server.count('/to') < 3 ? { status: 503 } : { json: {} });
    });
    await expect(wire.client(server, { retry: backoff }).get('/from')).resolves.toMatchObject({ attempts: 3 });
    expect(server.requests.map(({ path }) => path)).toEqual(['/from', '/to', '/from', '/to', '/from', '/to']);
  });

  it('leaves no connection behind, read or unread', async () => {
    const server = await wire.server((_request, response) => void response.writeHead(503).write('never ends'));
    const client: ForgeHttpClient = wire.client(server, { retry: backoff, timeoutMs: 150 });
    const error = await rejection(client.get('/', { responseType: 'stream' }));
    expect(error).toMatchObject({ status: 503, attempts: 4, data: 'never ends' });
    await until(() => server.openConnections === 0, 'connections are closed');
    expect(error).toBeInstanceOf(ForgeAuthError);
  });

  it('takes the same connection where the answer was read', async () => {
    const server = await answering(...times(3, { status: 503, body: 'busy' }));
    await wire.client(server, { retry: backoff }).get('/');
    expect([server.count(), server.connections]).toEqual([4, 1]);
  });
});
