import { runInNewContext } from 'node:vm';
import { ForgeAuthModule, ForgeAuthService, TokenManager } from 'nestjs-forge-auth';
import type { LoggerService } from '@nestjs/common';
import { FakeClock } from '../support/fake-clock.js';
import { CLIENT } from '../support/token-endpoint.js';
import { until } from '../support/async.js';
import { World } from '../tokens/world.js';
import { boot } from './boot.js';

const world = new World();
beforeEach(() => world.start());
afterEach(() => world.close());

let lines = 0;
function broken(): never {
  lines += 1;
  throw new Error('the disk is full');
}
async function brokenLater(): Promise<never> {
  return broken();
}
/** A promise that is none of this realm's, as a logger in a context of its own may answer one. */
function foreign(): Promise<never> {
  lines += 1;
  return runInNewContext('Promise.reject(new Error("the disk is full"))') as Promise<never>;
}
/** Nest's own lines are written. */
const inNest = (_message: unknown, ...details: unknown[]): void => {
  if (details.includes('ForgeAuth')) broken();
};
const LOGGER: LoggerService = { log: inNest, warn: inNest, error: inNest };
const failing = async (): Promise<never> => {
  throw new Error('down');
};

beforeEach(() => {
  lines = 0;
});

it('a logger that throws keeps no app from starting, and fails no call over a storage that is down', async () => {
  const app = await boot(
    {
      imports: [
        ForgeAuthModule.forRoot({
          storage: { get: failing, set: failing },
          services: [
            {
              name: 'orders',
              baseUrl: world.api.origin,
              // Warns at the start.
              timeoutMs: 50_000,
              tls: { rejectUnauthorized: false },
              auth: { provider: world.provider() },
            },
          ],
        }),
      ],
    },
    { logger: LOGGER },
  );
  const client = app.get(ForgeAuthService, { strict: false }).client('orders');
  expect((await client.get('/')).status).toBe(200);
  await app.close();
  expect(lines).toBeGreaterThan(2);
});

it.each([
  ['throws', broken],
  ['rejects', brokenLater],
  ['answers a promise of another realm that rejects', foreign],
])('a logger that %s ends no refresh in the background, and no process', async (_how, method) => {
  const clock = new FakeClock();
  const manager = world.closeLater(
    new TokenManager({
      name: 'orders',
      provider: world.singleShot(CLIENT),
      clock,
      logger: { log: method, warn: method, error: method },
    }),
  );
  const first = await manager.getToken();
  await clock.advance(3_500_000);
  world.endpoint.answerNext({ status: 500 });
  expect((await manager.getToken()).accessToken).toBe(first.accessToken);
  await until(() => lines > 0, 'the failure was to be logged');
  await clock.advance(60_000);
  expect((await manager.getToken()).expiresAt).toBeDefined();
});
