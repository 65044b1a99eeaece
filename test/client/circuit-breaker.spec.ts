import { Test } from '@nestjs/testing';
import {
  BearerAuth,
  CircuitBreakerRetryStrategy,
  type CircuitBreakerRetryStrategyOptions,
  CircuitOpenError,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
  NoRetryStrategy,
  TimeoutError,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import { quietly } from '../support/quietly.js';
import type { RecordingServer } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint } from '../support/token-endpoint.js';
import { rejection, times, until } from '../support/async.js';
import { Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

const RECOVERY_MS = 150;

function breakerOf(options: CircuitBreakerRetryStrategyOptions = {}): CircuitBreakerRetryStrategy {
  return new CircuitBreakerRetryStrategy({
    maxRetries: 0,
    failureThreshold: 3,
    recoveryTimeoutMs: RECOVERY_MS,
    baseDelayMs: 1,
    ...options,
  });
}

/** Starts a server that is down until it is switched on. */
async function downServer(): Promise<RecordingServer & { up: boolean }> {
  const server = await wire.server();
  const state = Object.assign(server, { up: false });
  server.handler = (_request, response) => give(response, state.up ? { json: {} } : { status: 503 });
  return state;
}

const recovery = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, RECOVERY_MS + 20));

describe('a circuit', () => {
  it.each<[string, (server: RecordingServer) => void]>([
    ['503', () => undefined],
    ['lost connections', (server) => void (server.handler = (_request, response) => give(response, 'reset'))],
    ['timeouts', (server) => void (server.handler = (_request, response) => give(response, 'hang'))],
  ])('opens after a number of %s: then nothing reaches the server', async (_what, arrange) => {
    const server = await downServer();
    arrange(server);
    const client = wire.client(server, { retry: breakerOf({ recoveryTimeoutMs: 60_000 }), timeoutMs: 500 });
    for (let call = 0; call < 3; call += 1) await rejection(client.get('/'));
    expect(server.count()).toBe(3);
    const { connections } = server;
    for (let call = 0; call < 20; call += 1) {
      const error = await rejection(client.post('/', { a: 1 }));
      expect(error).toBeInstanceOf(CircuitOpenError);
      expect(error).toMatchObject({ code: 'FORGE_AUTH_CIRCUIT_OPEN', serviceName: 'orders' });
    }
    expect([server.count(), server.connections]).toEqual([3, connections]);
  });

  it('counts attempts, not calls; the call that opens the circuit fails with the reason', async () => {
    const server = await downServer();
    const client = wire.client(server, { retry: breakerOf({ maxRetries: 9, recoveryTimeoutMs: 60_000 }) });
    await expect(client.get('/')).rejects.toMatchObject({ status: 503, attempts: 3 });
    await expect(client.get('/')).rejects.toBeInstanceOf(CircuitOpenError);
    expect(server.count()).toBe(3);
  });

  it.each([200, 302, 400, 401, 404])('counts failures in a row only: %d begins anew', async (status) => {
    const server = await downServer();
    const client = wire.client(server, { retry: breakerOf() });
    for (let round = 0; round < 4; round += 1) {
      for (let call = 0; call < 2; call += 1) await expect(client.get('/')).rejects.toMatchObject({ status: 503 });
      server.handler = (_request, response) => give(response, { status });
      await expect(client.get('/', { validateStatus: null })).resolves.toMatchObject({ status });
      server.handler = (_request, response) => give(response, { status: 503 });
    }
    expect(server.count()).toBe(12);
  });

  it('closes when the service is back, and stays closed', async () => {
    const server = await downServer();
    const client = wire.client(server, { retry: breakerOf() });
    for (let call = 0; call < 3; call += 1) await rejection(client.get('/'));
    await recovery();
    server.up = true;
    for (let call = 0; call < 10; call += 1) await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(server.count()).toBe(13);
  });

  it('opens again when the first probe fails', async () => {
    const server = await downServer();
    const client = wire.client(server, { retry: breakerOf() });
    for (let call = 0; call < 3; call += 1) await rejection(client.get('/'));
    await recovery();
    await expect(client.get('/')).rejects.toMatchObject({ status: 503 });
    await expect(client.get('/')).rejects.toBeInstanceOf(CircuitOpenError);
    expect(server.count()).toBe(4);
  });

  it.each([1, 3])(
    'lets %d of a hundred concurrent calls probe a service that may be back',
    async (halfOpenMaxCalls) => {
      const server = await downServer();
      const client = wire.client(server, { retry: breakerOf({ halfOpenMaxCalls }) });
      for (let call = 0; call < 3; call += 1) await rejection(client.get('/'));
      await recovery();
      const held: (() => void)[] = [];
      server.reset();
      server.handler = async (_request, response) => {
        await new Promise<void>((resolve) => held.push(resolve));
        give(response, { json: {} });
      };
      const calls = times(100, () =>
        client.get('/').then(
          () => 'answered',
          (error: unknown) => error,
        ),
      );
      await server.received(halfOpenMaxCalls);
      await until(() => held.length === halfOpenMaxCalls, 'probes are held');
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(server.count()).toBe(halfOpenMaxCalls);
      for (const release of held) release();
      const outcomes = await Promise.all(calls);
      expect(outcomes.filter((outcome) => outcome === 'answered')).toHaveLength(halfOpenMaxCalls);
      expect(outcomes.filter((outcome) => outcome instanceof CircuitOpenError)).toHaveLength(100 - halfOpenMaxCalls);
      server.handler = (_request, response) => give(response, { json: {} });
      await Promise.all(times(20, () => client.get('/')));
      expect(server.count()).toBe(halfOpenMaxCalls + 20);
    },
  );

  it('gives the place of a probe back whose caller left', async () => {
    const server = await downServer();
    const client = wire.client(server, { retry: breakerOf({ halfOpenMaxCalls: 1 }) });
    for (let call = 0; call < 3; call += 1) await rejection(client.get('/'));
    await recovery();
    server.handler = ({ path }, response) => give(response, path === '/hang' ? 'hang' : { json: {} });
    const caller = new AbortController();
    const leaving = rejection(client.get('/hang', { signal: caller.signal }));
    await server.received(1, '/hang');
    await expect(client.get('/')).rejects.toBeInstanceOf(CircuitOpenError);
    caller.abort();
    await leaving;
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
  });

  it('gives the place of a probe back that waits for a credential for ever', async () => {
    const server = await downServer();
    const client = wire.client(server, { retry: breakerOf({ halfOpenMaxCalls: 1 }) });
    for (let call = 0; call < 3; call += 1) await rejection(client.get('/'));
    await recovery();
    server.up = true;
    const auth = new BearerAuth(() => new Promise<string>(() => undefined));
    await expect(client.get('/', { auth, totalTimeoutMs: 30 })).rejects.toBeInstanceOf(TimeoutError);
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
  });

  it('opens no circuit for callers that leave, nor for tokens that cannot be obtained', async () => {
    const endpoint = wire.closeLater(await startTokenEndpoint({ respond: () => ({ status: 500 }) }));
    const server = await wire.server(({ path }, response) => give(response, path === '/hang' ? 'hang' : { json: {} }));
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: endpoint.url,
      ...CLIENT,
      retry: new NoRetryStrategy(),
    });
    const client = wire.client(server, { retry: breakerOf({ failureThreshold: 1 }), auth: { provider } });
    for (let call = 0; call < 5; call += 1) {
      await expect(client.get('/')).rejects.toMatchObject({ name: 'AuthenticationError' });
      const caller = new AbortController();
      const leaving = rejection(client.get('/hang', { auth: false, signal: caller.signal }));
      await server.received(call + 1, '/hang');
      caller.abort();
      await leaving;
    }
    await expect(client.get('/', { auth: false })).resolves.toMatchObject({ status: 200 });
  });

  it('holds back calls that are not retried, too', async () => {
    const server = await downServer();
    const client = wire.client(server, { retry: breakerOf({ recoveryTimeoutMs: 60_000 }) });
    for (let call = 0; call < 3; call += 1) await rejection(client.get('/', { retry: false }));
    await expect(client.get('/', { retry: false })).rejects.toBeInstanceOf(CircuitOpenError);
    expect(server.count()).toBe(3);
  });

  it('opens for one service only, of those that share a strategy', async () => {
    const [down, other] = [await downServer(), await wire.server()];
    const retry = breakerOf({ recoveryTimeoutMs: 60_000 });
    const client = wire.client(down, { retry });
    const further = wire.client(other, { name: 'invoices', retry });
    for (let call = 0; call < 3; call += 1) await rejection(client.get('/'));
    await expect(client.get('/')).rejects.toBeInstanceOf(CircuitOpenError);
    await expect(further.get('/')).resolves.toMatchObject({ status: 200 });
  });

  it('stands in defaults for every service of an application on its own', async () => {
    const [down, other] = [await downServer(), await wire.server()];
    const module = ForgeAuthModule.forRoot({
      defaults: { retry: breakerOf({ recoveryTimeoutMs: 60_000 }) },
      services: [
        { name: 'orders', baseUrl: down.origin },
        { name: 'invoices', baseUrl: other.origin },
      ],
    });
    const app = await Test.createTestingModule({ imports: [module] }).compile();
    await quietly('', () => app.init());
    const services = app.get(ForgeAuthService);
    for (let call = 0; call < 3; call += 1) await rejection(services.client('orders').get('/'));
    await expect(services.client('orders').get('/')).rejects.toBeInstanceOf(CircuitOpenError);
    await expect(services.client('invoices').get('/')).resolves.toMatchObject({ status: 200 });
    expect(down.count()).toBe(3);
    await app.close();
  });
});
