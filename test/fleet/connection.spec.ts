import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createKeyv } from '@keyv/redis';
import { Test, type TestingModule } from '@nestjs/testing';
import { createClient, type RedisClientType } from '@redis/client';
import { createCache } from 'cache-manager';
import {
  ApiKeyAuth,
  CacheManagerTokenStorage,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  type ForgeServiceOptions,
  RedisTokenStorage,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { builtPackage } from '../support/built-package.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { CLIENT } from '../support/token-endpoint.js';

let redis: RedisServer;
let app: TestingModule | undefined;

beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await redis.stop();
});

// Longer than any machine takes to connect.
const inCache = (): TokenStorage =>
  new CacheManagerTokenStorage(createCache({ stores: [createKeyv(redis.url)] }), { deadlineMs: 20_000 });

/** Starts an application with one service, and makes no call. */
async function start(auth: NonNullable<ForgeServiceOptions['auth']>, storage = inCache()): Promise<void> {
  const services = [{ name: 'orders', baseUrl: 'https://orders.example', auth }];
  app = await Test.createTestingModule({ imports: [ForgeAuthModule.forRoot({ storage, services })] }).compile();
  await app.init();
}

/** Without the one that asks. */
async function connections(): Promise<number> {
  return (
    String(await redis.command('CLIENT', 'LIST'))
      .trim()
      .split('\n').length - 1
  );
}

it('an application whose services have tokens is connected to its Redis before its first call', async () => {
  const provider = new ClientCredentialsTokenProvider({ tokenUrl: 'https://issuer.example/token', ...CLIENT });
  await start({ provider });
  expect(await connections()).toBe(1);
});

it.each<[string, (client: RedisClientType) => TokenStorage]>([
  ['a cache', inCache],
  ['a client of its own', (client) => new RedisTokenStorage(client, { deadlineMs: 20_000 })],
])(
  'an application that is closed leaves no connection behind, and the client that it was given open: %s',
  async (_name, storageOf) => {
    const client: RedisClientType = createClient({ url: redis.url });
    await client.connect();
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: 'https://issuer.example/token', ...CLIENT });
    await start({ provider }, storageOf(client));
    expect(await connections()).toBe(2);
    await app?.close();
    expect(await connections()).toBe(1);
    expect(await client.ping()).toBe('PONG');
    client.destroy();
  },
);

it('an application without tokens never connects', async () => {
  await start(new ApiKeyAuth('key'));
  expect(await connections()).toBe(0);
});

/** In a process of its own: what Node.js warns of does not reach a sandbox. */
const LOSE_CONNECTION = `
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
const [entry, url] = process.argv.slice(1);
const { CacheManagerTokenStorage } = await import(entry);
const keyv = createKeyv(url);
const storage = new CacheManagerTokenStorage(createCache({ stores: [keyv] }), { deadlineMs: 20_000 });
const failed = () => storage.get('key').then(() => false, () => true);
if (await failed()) throw new Error('Redis does not answer.');
const client = await keyv.store.getClient();
await client.sendCommand(['SHUTDOWN', 'NOSAVE']).catch(() => undefined);
client.destroy();
while (!(await failed()));
await Promise.all(Array.from({ length: 30 }, failed));
for (let index = 0; index < 30; index += 1) await failed();
await storage.release();
console.log('lost');`;

it('commands that find their connection lost make Node.js warn of nothing', async () => {
  const script = ['--input-type=module', '--eval', LOSE_CONNECTION, await builtPackage(), redis.url];
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, script, { env, timeout: 60_000 });
  expect({ stdout, stderr }).toEqual({ stdout: 'lost\n', stderr: '' });
}, 120_000);
