import { Readable } from 'node:stream';
import {
  type AuthRetryStrategy,
  BearerAuth,
  ClientCredentialsTokenProvider,
  ConditionalAuthRetryStrategy,
  ExponentialAuthRetryStrategy,
  type ForgeHttpClient,
  HttpStatusError,
  NoAuthRetryStrategy,
  NoRetryStrategy,
  SimpleAuthRetryStrategy,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import type { RecordingServer } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { rejection, until } from '../support/async.js';
import { Wire } from './wire.js';

const wire = new Wire();
let server: RecordingServer;
let endpoint: TokenEndpoint;
beforeEach(async () => {
  endpoint = wire.closeLater(await startTokenEndpoint());
  server = await wire.server(({ headers }, response) => {
    const token = headers.authorization?.replace('Bearer ', '') ?? '';
    give(response, endpoint.isValid(token) ? { json: { ok: true } } : { status: 401, json: { error: 'unauthorized' } });
  });
});
afterEach(() => wire.close());

function clientWith(retry?: AuthRetryStrategy): ForgeHttpClient {
  const provider = new ClientCredentialsTokenProvider({
    tokenUrl: endpoint.url,
    ...CLIENT,
    retry: new NoRetryStrategy(),
  });
  return wire.client(server, { auth: { provider, ...(retry === undefined ? {} : { retry }) } });
}

/** The tokens of the requests, by their number at the issuer. */
function tokensSent(): number[] {
  const issued = endpoint.issued.map(({ accessToken }) => `Bearer ${accessToken}`);
  return server.requests.map(({ headers }) => issued.indexOf(headers.authorization ?? '') + 1);
}

const alwaysRejects = (): void => {
  server.handler = (_request, response) => give(response, { status: 401, json: { error: 'unauthorized' } });
};

const quick = { baseDelayMs: 1, jitter: false } as const;

describe('a redirect to a login page in place of a 401', () => {
  beforeEach(() => {
    server.handler = ({ path, headers }, response) => {
      const token = headers.authorization?.replace('Bearer ', '') ?? '';
      if (path === '/login') return give(response, { body: 'Please sign in.' });
      give(
        response,
        endpoint.isValid(token) ? { json: { ok: true } } : { status: 302, headers: { location: '/login' } },
      );
    };
  });

  it.each<[string, AuthRetryStrategy]>([
    ['it is a 302', new SimpleAuthRetryStrategy({ statuses: [401, 302] })],
    [
      'of its location',
      new ConditionalAuthRetryStrategy({
        shouldRetry: ({ status, headers }) => status === 302 && headers['location'] === '/login',
      }),
    ],
  ])(
    'a redirect to a login page has the token replaced before it is followed, where the strategy asks for it because %s',
    async (_what, retry) => {
      const client = clientWith(retry);
      await client.get('/');
      endpoint.revokeAll();
      await expect(client.get('/')).resolves.toMatchObject({ status: 200, data: { ok: true } });
      expect(server.requests.map(({ path }) => path)).toEqual(['/', '/', '/']);
      expect(tokensSent()).toEqual([1, 1, 2]);
    },
  );

  it('a redirect to a login page is followed when the new token meets it, too', async () => {
    const client = clientWith(new SimpleAuthRetryStrategy({ statuses: [302] }));
    await client.get('/');
    endpoint.configure({ respond: () => ({ json: { access_token: 'good-for-nothing', expires_in: 3_600 } }) });
    endpoint.revokeAll();
    expect((await client.get('/')).data).toBe('Please sign in.');
    expect(server.requests.map(({ path }) => path)).toEqual(['/', '/', '/', '/login']);
  });

  it('a redirect to a login page is followed like every other where no strategy names its status', async () => {
    const client = clientWith();
    await client.get('/');
    endpoint.revokeAll();
    expect((await client.get('/')).data).toBe('Please sign in.');
    expect(endpoint.tokenRequests).toBe(1);
  });
});

describe('a rejected token', () => {
  it.each<[string, AuthRetryStrategy | undefined]>([
    ['no strategy given', undefined],
    ['SimpleAuthRetryStrategy', new SimpleAuthRetryStrategy()],
    ['ExponentialAuthRetryStrategy', new ExponentialAuthRetryStrategy(quick)],
    ['ConditionalAuthRetryStrategy', new ConditionalAuthRetryStrategy({ shouldRetry: ({ status }) => status === 401 })],
  ])('a rejected token is replaced once, and the call sent again: %s', async (_name, retry) => {
    const client = clientWith(retry);
    await client.get('/');
    endpoint.revokeAll();
    await expect(client.post('/', { a: 1 })).resolves.toMatchObject({ status: 200, data: { ok: true }, attempts: 1 });
    expect(tokensSent()).toEqual([1, 1, 2]);
    expect(server.requests.map(({ text }) => text)).toEqual(['', '{"a":1}', '{"a":1}']);
    expect(endpoint.tokenRequests).toBe(2);
  });

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'])(
    'a rejected token is replaced for a %s',
    async (method) => {
      const client = clientWith();
      await client.get('/');
      endpoint.revokeAll();
      await expect(client.request({ method, url: '/' })).resolves.toMatchObject({ status: 200 });
      expect(endpoint.tokenRequests).toBe(2);
    },
  );

  it.each<[string, AuthRetryStrategy, number]>([
    ['SimpleAuthRetryStrategy', new SimpleAuthRetryStrategy(), 2],
    ['SimpleAuthRetryStrategy of three', new SimpleAuthRetryStrategy({ maxRetries: 3 }), 4],
    ['SimpleAuthRetryStrategy of none', new SimpleAuthRetryStrategy({ maxRetries: 0 }), 1],
    ['ExponentialAuthRetryStrategy', new ExponentialAuthRetryStrategy(quick), 3],
    ['ExponentialAuthRetryStrategy of four', new ExponentialAuthRetryStrategy({ ...quick, maxRetries: 4 }), 5],
    ['ConditionalAuthRetryStrategy', new ConditionalAuthRetryStrategy({ maxRetries: 2, shouldRetry: () => true }), 3],
    ['NoAuthRetryStrategy', new NoAuthRetryStrategy(), 1],
  ])(
    'a rejected token is renewed at most once per call, later replays carry the same token: %s',
    async (_name, retry, sent) => {
      alwaysRejects();
      const error = await rejection<HttpStatusError>(clientWith(retry).get('/'));
      expect(error).toBeInstanceOf(HttpStatusError);
      expect(error).toMatchObject({ status: 401, data: { error: 'unauthorized' } });
      expect(server.count()).toBe(sent);
      expect(endpoint.tokenRequests).toBe(Math.min(sent, 2));
      expect(tokensSent()).toEqual([1, 2, 2, 2, 2].slice(0, sent));
    },
  );

  it('a rejected token is not replayed where no replay is allowed, but the next call has a new one', async () => {
    const client = clientWith(new SimpleAuthRetryStrategy({ maxRetries: 0 }));
    await client.get('/');
    endpoint.revokeAll();
    await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(tokensSent()).toEqual([1, 1, 2]);
  });

  it.each<[string, AuthRetryStrategy]>([
    ['NoAuthRetryStrategy', new NoAuthRetryStrategy()],
    ['ConditionalAuthRetryStrategy', new ConditionalAuthRetryStrategy({ shouldRetry: () => false })],
    ['statuses without 401', new SimpleAuthRetryStrategy({ statuses: [403] })],
  ])(
    'a rejected token is none where the strategy says so: the token of a 401 stays in use: %s',
    async (_name, retry) => {
      const client = clientWith(retry);
      alwaysRejects();
      await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
      await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
      expect(tokensSent()).toEqual([1, 1]);
    },
  );

  it('recognises a rejection by statuses of the strategy’s own', async () => {
    server.handler = (_request, response) => give(response, server.count() === 1 ? { status: 403 } : { json: {} });
    const client = clientWith(new SimpleAuthRetryStrategy({ statuses: [403] }));
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(tokensSent()).toEqual([1, 2]);
  });

  it('recognises a rejection by the body of a 401', async () => {
    const attempts: number[] = [];
    const retry = new ConditionalAuthRetryStrategy({
      maxRetries: 3,
      shouldRetry: (response, attempt) => {
        attempts.push(attempt);
        return response.jsonOrNull()?.['error'] === 'expired';
      },
    });
    const errors = ['expired', 'expired', 'forbidden'];
    server.handler = (_request, response) =>
      give(response, { status: 401, json: { error: errors[server.count() - 1] } });
    await expect(clientWith(retry).get('/')).rejects.toMatchObject({ status: 401, data: { error: 'forbidden' } });
    expect(attempts).toEqual([0, 1, 2]);
    expect(tokensSent()).toEqual([1, 2, 2]);
  });

  it('recognises a rejection by the body of a 200, asynchronously', async () => {
    const retry = new ConditionalAuthRetryStrategy({
      shouldRetry: async (response) => response.jsonOrNull()?.['code'] === 99_991_663,
    });
    server.handler = (_request, response) =>
      give(response, { json: server.count() === 1 ? { code: 99_991_663 } : { code: 0 } });
    await expect(clientWith(retry).get('/')).resolves.toMatchObject({ data: { code: 0 } });
    expect(tokensSent()).toEqual([1, 2]);
  });

  it('recognises no rejection in a 200 whose body is no JSON', async () => {
    const retry = new ConditionalAuthRetryStrategy({ shouldRetry: (response) => response.jsonOrNull() !== null });
    server.handler = (_request, response) => give(response, { body: 'plain' });
    await expect(clientWith(retry).get('/')).resolves.toMatchObject({ data: 'plain' });
    expect(server.count()).toBe(1);
  });

  it('a rejected token that a strategy cannot judge fails the call, and frees the socket', async () => {
    const retry = new ConditionalAuthRetryStrategy({
      shouldRetry: () => {
        throw new RangeError('no idea');
      },
    });
    server.handler = (_request, response) => void response.writeHead(200).write('unread');
    await expect(clientWith(retry).get('/', { responseType: 'stream' })).rejects.toMatchObject({
      code: 'FORGE_AUTH_INVALID_REQUEST',
    });
    await until(() => server.openConnections === 0, 'the connection is closed');
  });

  it('shows a strategy no credential that is in the URL', async () => {
    const urls: string[] = [];
    const retry = new ConditionalAuthRetryStrategy({ shouldRetry: ({ url }) => (urls.push(url), false) });
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
    server.handler = (_request, response) => give(response, { json: {} });
    await wire.client(server, { auth: { provider, retry, placement: 'uri' } }).get('/a?b=c');
    expect(server.requests[0]?.query.get('access_token')).toBe(endpoint.issued[0]?.accessToken);
    expect(urls).toEqual([`${server.origin}/a?b=c`]);
  });

  it('a rejected token that cannot be replaced fails the call as unauthenticated, and frees the socket', async () => {
    const client = clientWith();
    await client.get('/');
    endpoint.revokeAll();
    endpoint.configure({ respond: () => ({ status: 400, json: { error: 'invalid_client' } }) });
    server.handler = (_request, response) => void response.writeHead(401).write('unread');
    const error = await rejection(client.get('/', { responseType: 'stream' }));
    expect(error).toMatchObject({ name: 'AuthenticationError', error: 'invalid_client', serviceName: 'orders' });
    await until(() => server.openConnections === 0, 'connections are closed');
  });

  it('a rejected token that is rejected by all is not renewed by every call', async () => {
    alwaysRejects();
    const client = clientWith();
    for (let call = 0; call < 20; call += 1) await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
    expect(endpoint.tokenRequests).toBe(2);
  });

  it('a rejected token is the end of the matter where nobody can renew', async () => {
    alwaysRejects();
    const client = wire.client(server, { auth: new BearerAuth('t') });
    await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
    expect(server.count()).toBe(1);
  });

  it('a rejected token is replaced for calls that allow any status, too', async () => {
    const client = clientWith();
    await client.get('/');
    endpoint.revokeAll();
    await expect(client.get('/', { validateStatus: null })).resolves.toMatchObject({ status: 200 });
    alwaysRejects();
    await expect(client.get('/', { validateStatus: null })).resolves.toMatchObject({ status: 401 });
  });
});

describe('the body of a rejected call', () => {
  it('the body of a rejected call that is a stream is not sent again; the next call has a new token', async () => {
    const client = clientWith();
    await client.get('/');
    endpoint.revokeAll();
    await expect(client.post('/', Readable.from(['once']))).rejects.toMatchObject({ status: 401 });
    await expect(client.post('/', Readable.from(['again']))).resolves.toMatchObject({ status: 200 });
    expect(server.requests.map(({ text }) => text)).toEqual(['', 'once', 'again']);
    expect(tokensSent()).toEqual([1, 1, 2]);
  });

  it('the body of a rejected call that a function makes is made again', async () => {
    const client = clientWith();
    await client.get('/');
    endpoint.revokeAll();
    let made = 0;
    await client.post('/', () => Readable.from([`body ${(made += 1)}`]));
    expect(server.requests.map(({ text }) => text)).toEqual(['', 'body 1', 'body 2']);
  });

  it('the body of a rejected call that is FormData is sent again', async () => {
    const client = clientWith();
    await client.get('/');
    endpoint.revokeAll();
    const form = new FormData();
    form.append('a', 'b');
    await expect(client.post('/', form)).resolves.toMatchObject({ status: 200 });
    expect(server.requests.slice(1).map(({ text }) => text.includes('name="a"'))).toEqual([true, true]);
  });
});

it('a hundred streamed answers that are rejected leave no connection behind', async () => {
  alwaysRejects();
  const client = clientWith(new ExponentialAuthRetryStrategy(quick));
  for (let call = 0; call < 100; call += 1) {
    await expect(client.get('/', { responseType: 'stream' })).rejects.toMatchObject({ status: 401 });
  }
  expect(server.openConnections).toBeLessThanOrEqual(2);
});
