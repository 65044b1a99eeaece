import type { Readable } from 'node:stream';
import {
  AuthenticationError,
  BearerAuth,
  ClientCredentialsTokenProvider,
  ExponentialBackoffRetryStrategy,
  TimeoutError,
} from 'nestjs-forge-auth';
import { firstValueFrom } from 'rxjs';
import { give } from '../support/answer.js';
import { CLIENT, startTokenEndpoint } from '../support/token-endpoint.js';
import { rejection, until } from '../support/async.js';
import { SERVICE, Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

describe('timeoutMs', () => {
  it.each(['hang', 'dribble'] as const)(
    'timeoutMs ends an attempt whose answer does %s, and frees the socket',
    async (mishap) => {
      const server = await wire.server((_request, response) => give(response, mishap));
      const error = await rejection(wire.client(server, { timeoutMs: 120 }).get('/a?q=secret'));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({
        code: 'FORGE_AUTH_TIMEOUT',
        serviceName: SERVICE,
        message: `GET ${server.origin}/a did not answer within 120 ms (timeoutMs).`,
      });
      await until(() => server.openConnections === 0, 'the connection is closed');
    },
  );

  it('timeoutMs of the call wins over that of the service', async () => {
    const server = await wire.server((_request, response) => give(response, 'hang'));
    await expect(wire.client(server).get('/', { timeoutMs: 100 })).rejects.toThrow('within 100 ms');
  });

  it('timeoutMs is for each attempt', async () => {
    const server = await wire.server((_request, response) => give(response, 'hang'));
    const retry = new ExponentialBackoffRetryStrategy({ maxRetries: 2, baseDelayMs: 1 });
    const error = await rejection(wire.client(server, { timeoutMs: 500, retry }).get('/'));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ attempts: 3 });
    expect(server.count()).toBe(3);
  });

  it('timeoutMs is for each hop', async () => {
    const server = await wire.server(async ({ path }, response) => {
      await new Promise((resolve) => setTimeout(resolve, 600));
      give(
        response,
        path === '/c' ? { json: {} } : { status: 302, headers: { location: path === '/a' ? '/b' : '/c' } },
      );
    });
    await expect(wire.client(server, { timeoutMs: 1_500 }).get('/a')).resolves.toMatchObject({ status: 200 });
  });

  it('timeoutMs of a stream ends when its headers are in', async () => {
    const server = await wire.server(async (_request, response) => {
      response.write('first');
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      response.end(' last');
    });
    const client = wire.client(server, { timeoutMs: 1_000 });
    const { data } = await client.get<Readable>('/', { responseType: 'stream' });
    const chunks = await data.setEncoding('utf8').toArray();
    expect(chunks.join('')).toBe('first last');
  });

  it('timeoutMs of a stream ends the wait for its headers', async () => {
    const server = await wire.server((_request, response) => give(response, 'hang'));
    const client = wire.client(server, { timeoutMs: 100 });
    await expect(client.get('/', { responseType: 'stream' })).rejects.toBeInstanceOf(TimeoutError);
  });

  it('timeoutMs does not run while a token is waited for', async () => {
    const server = await wire.server();
    const slowly = new BearerAuth(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      return 'token';
    });
    await expect(wire.client(server, { auth: slowly, timeoutMs: 1_000 }).get('/')).resolves.toMatchObject({
      status: 200,
    });
  });
});

describe('totalTimeoutMs', () => {
  it('totalTimeoutMs ends a call that hangs, and frees the socket', async () => {
    const server = await wire.server((_request, response) => give(response, 'hang'));
    const error = await rejection(wire.client(server, { totalTimeoutMs: 100 }).get('/a?q=secret'));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({
      serviceName: SERVICE,
      message: `GET ${server.origin}/a was not done within 100 ms (totalTimeoutMs).`,
    });
    await until(() => server.openConnections === 0, 'the connection is closed');
  });

  it.each<[string, { timeoutMs?: number; totalTimeoutMs?: number }, string, string]>([
    ['totalTimeoutMs', { totalTimeoutMs: 90 }, 'totalTimeoutMs', 'was not done within 90 ms (totalTimeoutMs).'],
    ['totalTimeoutMs beside a longer timeout', { timeoutMs: 5_000, totalTimeoutMs: 90 }, 'totalTimeoutMs', ''],
    ['timeoutMs', { timeoutMs: 90, totalTimeoutMs: 5_000 }, 'timeoutMs', 'did not answer within 90 ms (timeoutMs).'],
  ])('%s that runs out is named, the same on each face', async (_what, limits, limit, words) => {
    const server = await wire.server((_request, response) => give(response, 'hang'));
    const client = wire.client(server, limits);
    const errors = await Promise.all(
      [
        client.get('/a'),
        client.fetch('/a'),
        client.axiosRef.get('/a'),
        firstValueFrom(client.httpService.get('/a')),
      ].map(rejection),
    );
    const ours = errors.map((error) => (error instanceof TimeoutError ? error : (error as Error).cause));
    expect(ours).toEqual(ours.map(() => expect.any(TimeoutError) as unknown));
    for (const error of ours as TimeoutError[]) {
      expect(error.limit).toBe(limit);
      expect(error.message).toContain(words);
    }
    const [, , ...ofAxios] = errors as Error[];
    for (const { message } of ofAxios)
      expect(message).toMatch(limit === 'timeoutMs' ? 'timeout of 90ms exceeded' : 'within 90 ms (totalTimeoutMs).');
  });

  it('totalTimeoutMs ends the wait for a token; other callers wait on', async () => {
    const endpoint = wire.closeLater(await startTokenEndpoint());
    const server = await wire.server();
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
    const client = wire.client(server, { auth: { provider } });
    endpoint.hold();
    const patient = client.get('/patient');
    await expect(client.get('/hasty', { totalTimeoutMs: 100 })).rejects.toBeInstanceOf(TimeoutError);
    endpoint.release();
    await expect(patient).resolves.toMatchObject({ status: 200 });
    expect(endpoint.tokenRequests).toBe(1);
    expect(server.requests.map(({ path }) => path)).toEqual(['/patient']);
  });

  it('totalTimeoutMs ends the wait for a credential that never comes', async () => {
    const server = await wire.server();
    const auth = new BearerAuth(() => new Promise<string>(() => undefined));
    await expect(wire.client(server, { auth, totalTimeoutMs: 100 }).get('/')).rejects.toBeInstanceOf(TimeoutError);
    expect(server.count()).toBe(0);
  });

  it('totalTimeoutMs ends the wait between attempts', async () => {
    const server = await wire.server((_request, response) => give(response, { status: 503 }));
    const retry = new ExponentialBackoffRetryStrategy({
      baseDelayMs: 50,
      multiplier: 1,
      jitter: false,
      maxRetries: 99,
    });
    const error = await rejection(wire.client(server, { retry }).get('/', { totalTimeoutMs: 180 }));
    // Either the time ran out amid an attempt, or there was none left for another one.
    expect(['FORGE_AUTH_TIMEOUT', 'FORGE_AUTH_HTTP_STATUS']).toContain((error as { code?: string }).code);
    expect(server.count()).toBeGreaterThanOrEqual(1);
    expect(server.count()).toBeLessThanOrEqual(4);
  });

  it('totalTimeoutMs is not slept away: a retry that would come too late is not waited for', async () => {
    const server = await wire.server((_request, response) => give(response, { status: 503 }));
    const retry = new ExponentialBackoffRetryStrategy({ baseDelayMs: 20_000 });
    const error = await rejection(wire.client(server, { retry, totalTimeoutMs: 10_000 }).get('/'));
    expect(error).toMatchObject({ status: 503, attempts: 1 });
  });

  it('holds to the end of a stream', async () => {
    const server = await wire.server((_request, response) => give(response, 'dribble'));
    const client = wire.client(server, { totalTimeoutMs: 150 });
    const { data } = await client.get<Readable>('/', { responseType: 'stream' });
    await expect(data.toArray()).rejects.toBeInstanceOf(TimeoutError);
    await until(() => server.openConnections === 0, 'the connection is closed');
  });

  it('holds a timeout through redirects', async () => {
    const server = await wire.server(async (_request, response) => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      give(response, { status: 302, headers: { location: '/again' } });
    });
    const client = wire.client(server, { totalTimeoutMs: 150, maxRedirects: 1_000 });
    await expect(client.get('/')).rejects.toBeInstanceOf(TimeoutError);
  });

  it('leaves a call alone that is done in time', async () => {
    const server = await wire.server();
    const client = wire.client(server, { totalTimeoutMs: 5_000 });
    for (let call = 0; call < 5; call += 1) await client.get('/');
    expect(server.connections).toBe(1);
  });
});

it('a token endpoint that hangs fails the call within the deadline of its flight', async () => {
  const endpoint = wire.closeLater(await startTokenEndpoint({ respond: () => 'hang' }));
  const server = await wire.server();
  const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
  const error = await rejection(wire.client(server, { auth: { provider, deadlineMs: 150 } }).get('/'));
  expect(error).toBeInstanceOf(AuthenticationError);
  expect(error).toMatchObject({ code: 'FORGE_AUTH_TOKEN_DEADLINE', serviceName: SERVICE });
  expect(server.count()).toBe(0);
});
