import { createKeyv } from '@keyv/redis';
import { Test, type TestingModule } from '@nestjs/testing';
import { createCache } from 'cache-manager';
import {
  ApiKeyAuth,
  CacheManagerTokenStorage,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  type ForgeServiceOptions,
} from 'nestjs-forge-auth';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { CLIENT } from '../support/token-endpoint.js';

let redis: RedisServer;
let app: TestingModule;

beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await app.close();
  await redis.stop();
});

/** Starts an application with one service, and makes no call. */
async function start(auth: NonNullable<ForgeServiceOptions['auth']>): Promise<void> {
  // Longer than any machine takes to connect.
  const storage = new CacheManagerTokenStorage(createCache({ stores: [createKeyv(redis.url)] }), {
    deadlineMs: 20_000,
  });
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

it('an application without tokens never connects', async () => {
  await start(new ApiKeyAuth('key'));
  expect(await connections()).toBe(0);
});
