import {
  BearerAuth,
  CircuitBreakerRetryStrategy,
  ExponentialBackoffRetryStrategy,
  type ForgeServiceOptions,
} from 'nestjs-forge-auth';
import { resolveService } from '../../src/application/service-resolver.js';
import { ClientCore } from '../../src/client/client-core.js';
import { type ForgeAuthEvent, Observers } from '../../src/observer.js';
import { systemClock } from '../../src/clock.js';
import { give } from '../support/answer.js';
import type { RecordingServer } from '../support/recording-server.js';
import { Wire } from './wire.js';

const wire = new Wire();
const SECRET = 'canary-credential-value';
let server: RecordingServer;
let observers: Observers;
let events: ForgeAuthEvent[];
beforeEach(async () => {
  server = await wire.server();
  observers = new Observers();
  events = [];
});
afterEach(() => wire.close());

const unused = (): never => {
  throw new Error('not used');
};

async function coreOf(options: Partial<ForgeServiceOptions> = {}): Promise<ClientCore> {
  const logger = { log: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
  const service = await resolveService(
    { name: 'orders', baseUrl: server.origin, auth: new BearerAuth(SECRET), ...options },
    {},
    { clock: systemClock, logger, instantiate: unused, observer: observers } as never,
    unused,
  );
  return wire.closeLater(new ClientCore(service));
}

const listen = (): void => void observers.add({ event: (event) => events.push(event) });
const story = (): unknown[] =>
  events.map(({ type, ...event }) => [type, ...Object.values({ ...event, at: 0, durationMs: 0 }).slice(2)]);

describe('what an observer sees of calls', () => {
  it('an observer is given each request, and then the call', async () => {
    listen();
    const core = await coreOf();
    await core.call({ url: '/a?token=x', method: 'POST', data: { a: 1 } });
    expect(events).toEqual([
      {
        type: 'attempt',
        at: expect.any(Number),
        service: 'orders',
        method: 'POST',
        attempt: 1,
        durationMs: expect.any(Number),
        status: 200,
      },
      {
        type: 'call',
        at: expect.any(Number),
        service: 'orders',
        method: 'POST',
        outcome: 'ok',
        attempts: 1,
        sent: 1,
        durationMs: expect.any(Number),
        status: 200,
      },
    ]);
  });

  it('an observer is given the whole story of a call that is retried, in order', async () => {
    listen();
    const answers = [503, 503, 200];
    server.handler = (_request, response) => give(response, { status: answers[server.count() - 1] ?? 200 });
    const core = await coreOf({ retry: new ExponentialBackoffRetryStrategy({ baseDelayMs: 1, jitter: false }) });
    await core.call({ url: '/' });
    expect(events.map(({ type }) => type)).toEqual(['attempt', 'retry', 'attempt', 'retry', 'attempt', 'call']);
    expect(events[1]).toMatchObject({ attempt: 1, delayMs: 1, status: 503 });
    expect(events[3]).toMatchObject({ attempt: 2, delayMs: 2, status: 503 });
    expect(events[5]).toMatchObject({ outcome: 'ok', attempts: 3, sent: 3, status: 200 });
  });

  it('an observer that listens to no single request is given none, and how many there were all the same', async () => {
    observers.add({ attempts: false, event: (event) => events.push(event) });
    server.handler = ({ path }, response) =>
      path === '/moved'
        ? give(response, { status: 302, headers: { location: '/a' } })
        : give(response, { status: 200 });
    const core = await coreOf();
    await core.call({ url: '/moved' });
    expect(events).toMatchObject([{ type: 'call', attempts: 1, sent: 2, status: 200 }]);
  });

  it('says how a call ended: by its status, by an error, by its caller', async () => {
    listen();
    server.handler = ({ path }, response) => {
      if (path === '/404') give(response, { status: 404 });
      if (path === '/reset') response.socket?.destroy();
    };
    const core = await coreOf({ timeoutMs: 5_000 });
    await expect(core.call({ url: '/404' })).rejects.toMatchObject({ status: 404 });
    await expect(core.call({ url: '/reset', method: 'POST' })).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
    await expect(core.call({ url: '/silent', timeoutMs: 30 })).rejects.toMatchObject({ code: 'FORGE_AUTH_TIMEOUT' });
    await expect(core.call({ url: '/silent', totalTimeoutMs: 30 })).rejects.toMatchObject({
      code: 'FORGE_AUTH_TIMEOUT',
    });
    await expect(core.call({ url: '/silent', signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    const calls = events.filter(({ type }) => type === 'call');
    expect(calls).toMatchObject([
      { outcome: 'status', status: 404 },
      { outcome: 'failed', code: 'FORGE_AUTH_CONNECTION' },
      { outcome: 'failed', code: 'FORGE_AUTH_TIMEOUT' },
      { outcome: 'failed', code: 'FORGE_AUTH_TIMEOUT' },
      { outcome: 'aborted' },
    ]);
  });

  it('an observer is given each state that a circuit enters', async () => {
    listen();
    server.handler = (_request, response) => give(response, { status: server.count() <= 2 ? 500 : 200 });
    const retry = new CircuitBreakerRetryStrategy({ maxRetries: 0, failureThreshold: 2, recoveryTimeoutMs: 20 });
    const core = await coreOf({ retry });
    for (const url of ['/1', '/2']) await expect(core.call({ url })).rejects.toMatchObject({ status: 500 });
    await new Promise((resolve) => setTimeout(resolve, 40));
    await core.call({ url: '/' });
    const states = events.flatMap((event) => (event.type === 'circuit' ? [event.state] : []));
    expect(states).toEqual(['open', 'half_open', 'closed']);
  });

  it('runs around the whole call, with its method and origin and nothing else of it', async () => {
    const scopes: unknown[] = [];
    const order: string[] = [];
    observers.add({
      event: ({ type }) => order.push(type),
      around: async (scope, work) => {
        scopes.push(scope);
        order.push('begins');
        try {
          return await work();
        } finally {
          order.push('ends');
        }
      },
    });
    const core = await coreOf();
    await core.call({ url: `/a?key=${SECRET}`, method: 'DELETE' });
    expect(scopes).toEqual([{ kind: 'call', service: 'orders', method: 'DELETE', origin: server.origin }]);
    expect(order).toEqual(['begins', 'attempt', 'call', 'ends']);
  });

  it('an observer is given nothing before it listens and after it has gone', async () => {
    const core = await coreOf();
    await core.call({ url: '/' });
    const leave = observers.add({ event: (event) => events.push(event) });
    await core.call({ url: '/' });
    leave();
    await core.call({ url: '/' });
    expect(events.map(({ type }) => type)).toEqual(['attempt', 'call']);
  });

  it('holds no secret, no path, no body', async () => {
    listen();
    server.handler = (_request, response) => give(response, { status: 401, json: { error: SECRET } });
    const core = await coreOf();
    await expect(core.call({ url: `/canary-path?k=${SECRET}` })).rejects.toMatchObject({ status: 401 });
    expect(story().length).toBeGreaterThan(0);
    expect(JSON.stringify(events)).not.toMatch(/canary/);
  });
});
