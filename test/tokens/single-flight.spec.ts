import { Agent } from 'node:http';
import {
  AuthenticationError,
  CircuitBreakerRetryStrategy,
  ExponentialBackoffRetryStrategy,
  NoRetryStrategy,
  type RequestRetryStrategy,
  SimpleRetryStrategy,
} from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { rejection, rejections, times, until } from '../support/async.js';
import { SERVICE, World } from './world.js';

const world = new World();
afterEach(() => world.close());

describe('concurrent cold callers', () => {
  it('concurrent cold callers cause one token request, 10,000 of them', async () => {
    await world.start();
    const manager = world.manager();
    world.endpoint.hold();
    const waiting = times(10_000, () => manager.getToken());
    await world.endpoint.server.received(1);
    world.endpoint.release();
    const tokens = await Promise.all(waiting);
    expect(new Set(tokens).size).toBe(1);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('concurrent cold callers cause one token request through a client, and 10,000 calls carry its token', async () => {
    await world.start();
    const httpAgent = new Agent({ keepAlive: true, maxSockets: 100 });
    // Nothing here depends on how fast 10,000 calls at once are.
    const client = world.client({ axios: { httpAgent }, timeoutMs: 100_000 });
    const responses = await Promise.all(times(10_000, (index) => client.get(`/orders/${index}`)));
    httpAgent.destroy();
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(world.endpoint.tokenRequests).toBe(1);
    expect(world.api.server.requests).toHaveLength(10_000);
    expect(new Set(world.api.tokens)).toEqual(new Set([world.endpoint.issued[0]?.accessToken]));
    expect(world.api.unauthorized).toBe(0);
  }, 120_000);

  it('concurrent cold callers have one flight for each set of token parameters', async () => {
    await world.start();
    const manager = world.manager();
    const scopes = ['read', 'write', 'write read', ['read', 'write']];
    await Promise.all(times(100, (index) => manager.getToken({ scope: scopes[index % 4] ?? '' })));
    expect(world.endpoint.issued.map(({ params }) => params['scope']).sort()).toEqual(['read', 'write', 'write read']);
  });
});

describe('a failed flight', () => {
  it('rejects 1,000 callers with one error, and the next call tries again', async () => {
    await world.start({ respond: () => ({ status: 500 }) });
    const client = world.client({ auth: { provider: world.singleShot() } });
    const errors = await rejections(times(1_000, () => client.get('/')));
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toBeInstanceOf(AuthenticationError);
    expect(errors[0]).toMatchObject({ code: 'FORGE_AUTH_TOKEN_REQUEST_FAILED', serviceName: SERVICE, status: 500 });
    expect(world.endpoint.tokenRequests).toBe(1);

    world.endpoint.configure({ respond: undefined });
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.server.count()).toBe(1);
  });

  it('a failed flight is never replayed, not even to a caller that comes in the tick it ended', async () => {
    await world.start({ respond: () => ({ status: 500 }) });
    const manager = world.manager({ provider: world.singleShot() });
    const next = manager.getToken().catch(() => {
      world.endpoint.configure({ respond: undefined });
      return manager.getToken();
    });
    await expect(next).resolves.toMatchObject({ tokenType: 'Bearer' });
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('a failed flight ends at its deadline for all, however the endpoint hangs, and lets its connection go', async () => {
    await world.start({ respond: () => 'hang' });
    const manager = world.manager({ provider: world.singleShot(), deadlineMs: 1_000 });
    const errors = await rejections(times(1_000, () => manager.getToken()));
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toMatchObject({ code: 'FORGE_AUTH_TOKEN_DEADLINE', serviceName: SERVICE });
    expect(world.endpoint.tokenRequests).toBe(1);
    await until(() => world.endpoint.server.openConnections === 0, 'the connection is closed');
  });

  it('makes the endpoint left alone from the second in a row on: 1, 2, 4 … 30 s', async () => {
    await world.start({ respond: () => ({ status: 500 }) });
    const clock = new FakeClock({ random: 0 });
    const manager = world.manager({ provider: world.singleShot(), clock });
    const codeOf = async (): Promise<string> => (await rejection<AuthenticationError>(manager.getToken())).code;

    expect(await codeOf()).toBe('FORGE_AUTH_TOKEN_REQUEST_FAILED');
    expect(await codeOf()).toBe('FORGE_AUTH_TOKEN_REQUEST_FAILED');
    for (const [index, pauseMs] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
      const requests = index + 2;
      const held = await rejections<AuthenticationError>(times(100, () => manager.getToken()));
      expect(new Set(held.map(({ code }) => code))).toEqual(new Set(['FORGE_AUTH_BACKOFF']));
      expect(held[0]).toMatchObject({ serviceName: SERVICE, cause: { status: 500 } });
      await clock.advance(pauseMs - 1);
      expect(await codeOf()).toBe('FORGE_AUTH_BACKOFF');
      expect(world.endpoint.tokenRequests).toBe(requests);
      await clock.advance(1);
      expect(await codeOf()).toBe('FORGE_AUTH_TOKEN_REQUEST_FAILED');
      expect(world.endpoint.tokenRequests).toBe(requests + 1);
    }

    await clock.advance(30_000);
    world.endpoint.configure({ respond: undefined });
    await manager.getToken();
    await manager.invalidate();
    world.endpoint.configure({ respond: () => ({ status: 500 }) });
    expect(await codeOf()).toBe('FORGE_AUTH_TOKEN_REQUEST_FAILED');
    expect(await codeOf()).toBe('FORGE_AUTH_TOKEN_REQUEST_FAILED');
  });

  it('a failed flight is tried three times when the failure may pass, and once when it is a refusal', async () => {
    await world.start({ respond: () => ({ status: 503 }) });
    const client = world.client();
    expect(await rejection(client.get('/'))).toMatchObject({ status: 503, serviceName: SERVICE });
    expect(world.endpoint.tokenRequests).toBe(3);

    world.endpoint.configure({ respond: () => ({ status: 401, json: { error: 'invalid_client' } }) });
    const refused = await rejection(client.get('/'));
    expect(refused).toMatchObject({ code: 'FORGE_AUTH_TOKEN_REFUSED', error: 'invalid_client', status: 401 });
    expect(refused.message).toBe('Token request for "orders" failed: invalid_client (HTTP 401).');
    expect(world.endpoint.tokenRequests).toBe(4);
    expect(world.api.server.count()).toBe(0);
  });
});

describe.each<[string, RequestRetryStrategy]>([
  ['NoRetryStrategy', new NoRetryStrategy()],
  ['SimpleRetryStrategy', new SimpleRetryStrategy({ delayMs: 1 })],
  ['ExponentialBackoffRetryStrategy', new ExponentialBackoffRetryStrategy({ baseDelayMs: 1 })],
  ['CircuitBreakerRetryStrategy', new CircuitBreakerRetryStrategy({ baseDelayMs: 1, failureThreshold: 1 })],
  ['a strategy that tries every failure again', { nextDelayMs: ({ error }) => (error === undefined ? undefined : 0) }],
])('under %s', (_name, retry) => {
  it.each(['get', 'post'] as const)(
    'an AuthenticationError comes through client.%s as it is, after one flight',
    async (method) => {
      await world.start({ respond: () => ({ status: 500 }) });
      const client = world.client({ retry, auth: { provider: world.singleShot() } });
      const error = await rejection<AuthenticationError>(client[method]('/'));
      expect(error).toBeInstanceOf(AuthenticationError);
      expect(error).toMatchObject({ name: 'AuthenticationError', serviceName: SERVICE, status: 500, attempts: 1 });
      expect(error.cause).toBeUndefined();
      expect(world.endpoint.tokenRequests).toBe(1);
      expect(world.api.server.count()).toBe(0);
    },
  );

  it('a failing token endpoint opens no circuit of the service', async () => {
    await world.start();
    world.endpoint.answerNext({ status: 500 });
    const client = world.client({ retry, auth: { provider: world.singleShot() } });
    await expect(client.get('/')).rejects.toThrow(AuthenticationError);
    await expect(client.get('/')).resolves.toMatchObject({ status: 200, attempts: 1 });
  });
});

describe('a cancelled caller', () => {
  it('cancels only its own wait', async () => {
    await world.start();
    const client = world.client();
    world.endpoint.hold();
    const leaving = times(50, () => new AbortController());
    const left = leaving.map(({ signal }) => rejection(client.get('/left', { signal })));
    const stay = times(50, () => client.get('/stayed'));
    await world.endpoint.server.received(1);
    for (const caller of leaving) caller.abort(new Error('no longer interested'));
    expect((await Promise.all(left)).map(({ message }) => message)).toEqual(times(50, () => 'no longer interested'));
    expect(world.endpoint.server.openConnections).toBe(1);
    world.endpoint.release();
    await Promise.all(stay);
    expect(world.endpoint.tokenRequests).toBe(1);
    expect(world.api.server.count('/stayed')).toBe(50);
    expect(world.api.server.count('/left')).toBe(0);
  });

  it('aborts the token request when nobody waits any more, and costs the next caller nothing', async () => {
    await world.start();
    const client = world.client();
    world.endpoint.hold();
    const callers = times(3, () => new AbortController());
    const waits = callers.map(({ signal }) => rejection(client.get('/', { signal })));
    await world.endpoint.server.received(1);
    callers[0]?.abort();
    callers[1]?.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(world.endpoint.server.openConnections).toBe(1);
    callers[2]?.abort();
    await Promise.all(waits);
    await until(() => world.endpoint.server.openConnections === 0, 'the token request is aborted');

    world.endpoint.release();
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('a cancelled caller does not count as a failure of the endpoint', async () => {
    await world.start({ respond: () => 'hang' });
    const client = world.client({ auth: { provider: world.singleShot() } });
    for (let round = 1; round <= 4; round += 1) {
      const caller = new AbortController();
      const wait = rejection(client.get('/', { signal: caller.signal }));
      await world.endpoint.server.received(round);
      caller.abort(new Error('left'));
      expect((await wait).message).toBe('left');
    }
  });

  it('a cancelled caller that runs out of its total timeout leaves the flight to the others', async () => {
    await world.start({ delayMs: 150 });
    const client = world.client();
    const hasty = rejection(client.get('/hasty', { totalTimeoutMs: 40 }));
    const patient = client.get('/patient');
    expect(await hasty).toMatchObject({ code: 'FORGE_AUTH_TIMEOUT' });
    await expect(patient).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(1);
    expect(world.api.server.count('/hasty')).toBe(0);
  });

  it('a cancelled caller that was cancelled before it called causes no request', async () => {
    await world.start();
    const client = world.client();
    await expect(client.get('/', { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([world.endpoint.tokenRequests, world.api.server.count()]).toEqual([0, 0]);
  });
});
