import { HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  InMemoryTokenStorage,
  NoRetryStrategy,
} from 'nestjs-forge-auth';
import { ForgeAuthHealthIndicator, type ForgeAuthHealthOptions } from 'nestjs-forge-auth/terminus';
import { TestIssuer } from 'nestjs-forge-auth/testing';

/** A storage whose commands never end, while it is frozen. */
class Frozen extends InMemoryTokenStorage {
  frozen = false;
  override async get(key: string): Promise<string | undefined> {
    return this.frozen ? new Promise(() => undefined) : super.get(key);
  }
  override async set(key: string, value: string, ttlMs?: number): Promise<void> {
    return this.frozen ? new Promise(() => undefined) : super.set(key, value, ttlMs);
  }
}

const service = (name: string, { tokenUrl }: TestIssuer): ForgeServiceOptions => ({
  name,
  baseUrl: 'http://127.0.0.1:9',
  auth: {
    provider: new ClientCredentialsTokenProvider({
      tokenUrl,
      clientId: name,
      clientSecret: 'a-secret-of-the-app',
      retry: new NoRetryStrategy(),
    }),
  },
});

interface Answer {
  readonly status: string;
  readonly services: Readonly<Record<string, { status: string; reason?: string }>>;
  readonly storage: { status: string; reason?: string };
}

let good: TestIssuer;
let bad: TestIssuer;
let storage: Frozen;
let app: TestingModule;
beforeEach(async () => {
  [good, bad] = [await TestIssuer.start(), await TestIssuer.start()];
  storage = new Frozen();
  app = await Test.createTestingModule({
    imports: [
      TerminusModule.forRoot({ logger: false }),
      ForgeAuthModule.forRoot({
        storage,
        services: [
          service('orders', good),
          service('prices', bad),
          { name: '__proto__', baseUrl: 'http://127.0.0.1:9' },
        ],
      }),
    ],
    providers: [ForgeAuthHealthIndicator],
  }).compile();
  app.useLogger(false);
  await app.init();
});
afterEach(async () => {
  await app.close();
  await Promise.all([good.close(), bad.close()]);
});

async function check(options?: ForgeAuthHealthOptions): Promise<Answer> {
  const result = await app.get(ForgeAuthHealthIndicator).check('tokens', options);
  return JSON.parse(JSON.stringify(result.tokens)) as Answer;
}
const statuses = ({ services }: Answer) => Object.entries(services).map(([name, { status }]) => [name, status]);

it('health is down for the one service whose issuer hangs, within the time of the probe, and asks no other', async () => {
  bad.slowDown(60_000);
  const began = performance.now();
  const answer = await check({ probe: true, probeTimeoutMs: 2_000 });
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(answer.status).toBe('down');
  expect(statuses(answer)).toEqual([
    ['orders', 'up'],
    ['prices', 'down'],
    ['__proto__', 'up'],
  ]);
  expect(answer.services['prices']?.reason).toBe('no token can be obtained (FORGE_AUTH_TIMEOUT)');
  expect(statuses(await check({ probe: true, services: ['orders'] }))).toEqual([['orders', 'up']]);
  expect([good.tokenRequests, bad.tokenRequests]).toEqual([1, 1]);
});

it('health is degraded, not down, while the storage hangs, with a probe and without', async () => {
  storage.frozen = true;
  const tokens = app.get(ForgeAuthService).tokens('orders');
  expect((await tokens.getToken()).accessToken).toBe(good.issued[0]?.accessToken);
  for (const options of [undefined, { probe: true, services: ['orders'] }]) {
    const answer = await check(options);
    expect([answer.status, answer.services['orders']?.status]).toEqual(['degraded', 'up']);
    expect(answer.storage).toEqual({ status: 'degraded', reason: 'token storage (Frozen) is not answering' });
  }
  expect(good.tokenRequests).toBe(1);
});

it('health is what each service is: one refused and one well', async () => {
  bad.failNext(9, 'invalid_client');
  const answer = await check({ probe: true });
  expect(answer.status).toBe('down');
  expect(statuses(answer).slice(0, 2)).toEqual([
    ['orders', 'up'],
    ['prices', 'down'],
  ]);
  expect((await check({ services: ['orders'] })).status).toBe('up');
  expect((await check({ services: ['prices'] })).status).toBe('down');
  expect((await check({ services: [] })).status).toBe('up');
});

it.each(['nobody', '', 'ORDERS', 'constructor', 'toString', 'orders '])('refuses the name "%s"', async (name) => {
  for (const probe of [true, false])
    await expect(check({ services: ['orders', name], probe })).rejects.toMatchObject({
      code: 'FORGE_AUTH_CONFIGURATION',
    });
  expect(good.requests).toEqual([]);
});

it('health is down once the application has closed its clients, and throws nothing', async () => {
  await app.get(ForgeAuthService).tokens('orders').getToken();
  const indicator = new ForgeAuthHealthIndicator(app.get(ForgeAuthService), app.get(HealthIndicatorService));
  await app.close();
  for (const probe of [false, true])
    expect((await indicator.check('tokens', { probe, services: ['orders'] })).tokens).toMatchObject({
      status: 'down',
      services: { orders: { status: 'down', reason: 'its client is closed' } },
    });
  expect(good.tokenRequests).toBe(1);
});
