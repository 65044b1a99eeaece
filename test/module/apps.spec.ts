import { createKeyv } from '@keyv/redis';
import { CacheModule } from '@nestjs/cache-manager';
import type { INestApplicationContext } from '@nestjs/common';
import {
  CircuitBreakerRetryStrategy,
  ClientClosedError,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  type ForgeAuthRootOptions,
  ForgeAuthService,
  type ForgeServiceOptions,
  Token,
} from 'nestjs-forge-auth';
import { type Api, startApi } from '../support/api.js';
import { sharedRedis } from '../support/redis-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { rejection, times, until } from '../support/async.js';
import { boot, bootFailure } from './boot.js';

let endpoint: TokenEndpoint;
let api: Api;
const closing: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  endpoint = await startTokenEndpoint();
  api = await startApi(endpoint);
});

afterEach(async () => {
  for (const app of closing.splice(0).toReversed()) await app.close();
  await api.close();
  await endpoint.close();
});

async function start(...imports: NonNullable<Parameters<typeof boot>[0]['imports']>): Promise<INestApplicationContext> {
  const app = await boot({ imports });
  closing.push(app);
  return app;
}

function orders(more: Partial<ForgeServiceOptions> = {}): ForgeServiceOptions {
  const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
  return { name: 'orders', baseUrl: api.origin, auth: { provider }, ...more };
}

const clientOf = (app: INestApplicationContext) => app.get(ForgeAuthService).client('orders');

describe('two apps in one process', () => {
  it('two apps in one process share no token, though they share module, options and provider', async () => {
    const root = ForgeAuthModule.forRoot({ services: [orders()] });
    const [one, two] = [await start(root), await start(root)];
    await Promise.all([...times(10, () => clientOf(one).get('/')), ...times(10, () => clientOf(two).get('/'))]);
    expect(endpoint.tokenRequests).toBe(2);
    expect(new Set(api.tokens)).toEqual(new Set(endpoint.issued.map(({ accessToken }) => accessToken)));
    expect(clientOf(one)).not.toBe(clientOf(two));
    expect(clientOf(one).tokens?.peek()).not.toBe(clientOf(two).tokens?.peek());
  });

  it('two apps in one process do not invalidate, renew or hold back for each other', async () => {
    const root = ForgeAuthModule.forRoot({ services: [orders()] });
    const [one, two] = [await start(root), await start(root)];
    await clientOf(one).get('/');
    await clientOf(two).get('/');
    await clientOf(one).tokens?.invalidate();
    expect(clientOf(one).tokens?.peek()).toBeUndefined();
    expect(clientOf(two).tokens?.peek()).toBeInstanceOf(Token);

    endpoint.configure({ respond: () => ({ status: 500 }) });
    for (let flights = 0; flights < 3; flights += 1) await rejection(clientOf(one).get('/'));
    expect(await rejection(clientOf(one).get('/'))).toMatchObject({ code: 'FORGE_AUTH_BACKOFF' });
    endpoint.configure({ respond: undefined });
    await clientOf(two).tokens?.invalidate();
    await expect(clientOf(two).get('/')).resolves.toMatchObject({ status: 200 });
  });

  it('two apps in one process have a circuit each, though they share the strategy', async () => {
    const retry = new CircuitBreakerRetryStrategy({ failureThreshold: 1, maxRetries: 0 });
    const root = ForgeAuthModule.forRoot({ services: [orders({ retry })] });
    const [one, two] = [await start(root), await start(root)];
    api.answerNext({ status: 503 });
    await rejection(clientOf(one).get('/'));
    expect(await rejection(clientOf(one).get('/'))).toMatchObject({ code: 'FORGE_AUTH_CIRCUIT_OPEN' });
    await expect(clientOf(two).get('/')).resolves.toMatchObject({ status: 200 });
  });

  it('two apps in one process ask for the documents of an issuer each', async () => {
    const provider = new ClientCredentialsTokenProvider({ issuer: api.origin, ...CLIENT });
    const document = { issuer: api.origin, token_endpoint: endpoint.url };
    api.configure({ respond: ({ path }) => (path.startsWith('/.well-known/') ? { json: document } : undefined) });
    const root = ForgeAuthModule.forRoot({ services: [orders({ auth: { provider } })] });
    for (const app of [await start(root), await start(root)]) await clientOf(app).get('/orders');
    expect(api.server.count('/.well-known/')).toBe(2);
  });

  it('two apps in one process go on when the other one is closed', async () => {
    const root = ForgeAuthModule.forRoot({ services: [orders()] });
    const [one, two] = [await boot({ imports: [root] }), await start(root)];
    await clientOf(one).get('/');
    await one.close();
    await expect(clientOf(two).get('/')).resolves.toMatchObject({ status: 200 });
    expect(await rejection(clientOf(one).get('/'))).toBeInstanceOf(ClientClosedError);
  });

  it('two apps in one process share a token where they share a storage', async () => {
    const storage = new Map<string, string>();
    const apps = [await start(ForgeAuthModule.forRoot({ services: [orders()], storage }))];
    apps.push(await start(ForgeAuthModule.forRoot({ services: [orders()], storage })));
    for (const app of apps) await clientOf(app).get('/');
    expect(endpoint.tokenRequests).toBe(1);
  });

  it('two apps in one process do not share it there under key prefixes of their own', async () => {
    const storage = new Map<string, string>();
    const root = (keyPrefix: string): ForgeAuthRootOptions => ({ services: [orders()], storage, keyPrefix });
    for (const prefix of ['shop', 'office'])
      await clientOf(await start(ForgeAuthModule.forRoot(root(prefix)))).get('/');
    expect(endpoint.tokenRequests).toBe(2);
    expect([...storage.keys()].map((key) => key.split(':')[0])).toEqual(['shop', 'office']);
  });
});

describe('an app that is closed', () => {
  it('an app that is closed aborts the token request that calls wait for, and rejects them', async () => {
    endpoint.hold();
    const app = await boot({ imports: [ForgeAuthModule.forRoot({ services: [orders()] })] });
    const client = clientOf(app);
    const waiting = times(10, (index) =>
      rejection(index % 2 === 0 ? client.get('/') : app.get(ForgeAuthService).tokens('orders').getToken()),
    );
    await endpoint.server.received(1);
    await app.close();
    for (const error of await Promise.all(waiting))
      expect(error).toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED', serviceName: 'orders' });
    await until(() => endpoint.server.openConnections === 0, 'the connection to the token endpoint is gone');
    expect(api.server.requests).toHaveLength(0);
    endpoint.release();
  });

  it('an app that is closed aborts the calls that are under way, and closes their connections', async () => {
    api.configure({ respond: ({ path }) => (path === '/slow' ? 'hang' : undefined) });
    const app = await boot({ imports: [ForgeAuthModule.forRoot({ services: [orders()] })] });
    const client = clientOf(app);
    await client.get('/');
    const waiting = rejection(client.get('/slow'));
    await api.server.received(1, '/slow');
    await app.close();
    expect(await waiting).toBeInstanceOf(ClientClosedError);
    await until(() => api.server.openConnections === 0, 'the connections to the API are gone');
    expect(await rejection(client.get('/'))).toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED', serviceName: 'orders' });
  });

  it('an app that is closed asks for no token that a background refresh was about to get', async () => {
    endpoint.configure({ expiresIn: 1 });
    const app = await boot({ imports: [ForgeAuthModule.forRoot({ services: [orders()] })] });
    await clientOf(app).get('/');
    await app.close();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(endpoint.tokenRequests).toBe(1);
  });

  it('an app that is closed can be closed twice', async () => {
    const app = await boot({ imports: [ForgeAuthModule.forRoot({ services: [orders()] })] });
    await clientOf(app).get('/');
    await app.close();
    await expect(app.close()).resolves.toBeUndefined();
  });
});

describe('an app that does not start', () => {
  it('an app that is closed leaves no connection of ours behind: not to the API, the issuer, or Redis', async () => {
    const redis = await sharedRedis();
    const before = await listeners(redis);
    const root = ForgeAuthModule.forRoot({ services: [orders(), orders({ name: 'wrong', baseUrl: '/relative' })] });
    const keyv = createKeyv(redis.url);
    const cache = CacheModule.register({ stores: [keyv] });
    const error = await bootFailure({ imports: [cache, root] });
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'wrong' });
    await expect(settled(() => listeners(redis), before)).resolves.toBe(before);
    await keyv.disconnect();
    await redis.stop();
  });
});

/** How many connections to Redis listen for messages. */
async function listeners(redis: Awaited<ReturnType<typeof sharedRedis>>): Promise<number> {
  const clients = String(await redis.command('CLIENT', 'LIST'));
  return clients.split('\n').filter((line) => /\bsub=[1-9]/.test(line)).length;
}

/** Returns the answer of `read` when it has answered `wanted`, or two seconds have passed. */
async function settled(read: () => Promise<number>, wanted: number): Promise<number> {
  const end = performance.now() + 2_000;
  // A connection that is still being made would be seen only later.
  await new Promise((resolve) => setTimeout(resolve, 200));
  let answer = await read();
  while (answer !== wanted && performance.now() < end) answer = await read();
  return answer;
}
