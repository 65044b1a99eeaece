// Runs one small Nest app in a process of its own, which has nothing to do afterwards but to exit. See exit.spec.ts.
import 'reflect-metadata';
import { createKeyv } from '@keyv/redis';
import { CacheModule } from '@nestjs/cache-manager';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const { entry, how, redisUrl, apiUrl, tokenUrl, clientId, clientSecret } = JSON.parse(process.env.MUST_EXIT);
const forge = await import(entry);
const say = (what) => process.stdout.write(`${what}\n`);

const provider = new forge.ClientCredentialsTokenProvider({ tokenUrl, clientId, clientSecret });
const service = { name: 'orders', baseUrl: apiUrl, auth: { provider } };
const quiet = { log() {}, warn() {}, error() {}, debug() {}, verbose() {}, fatal() {} };

async function start(...more) {
  class App {}
  const cache = CacheModule.register({ isGlobal: true, stores: [createKeyv(redisUrl, { namespace: 'exit' })] });
  const retry = new forge.CircuitBreakerRetryStrategy({ recoveryTimeoutMs: 600_000 });
  const services = [
    { ...service, retry, logging: true },
    { name: 'customers', auth: { tokenManager: 'orders' } },
    ...more,
  ];
  Module({ imports: [...(redisUrl ? [cache] : []), forge.ForgeAuthModule.forRoot({ services })] })(App);
  return NestFactory.createApplicationContext(App, { logger: quiet, abortOnError: false });
}

/** What each run does before it has nothing left to do. */
const RUNS = {
  async closed() {
    const app = await start();
    const client = app.get(forge.ForgeAuthService).client('orders');
    await Promise.all(Array.from({ length: 20 }, () => client.get('/orders')));
    await (await client.fetch('/orders')).text();
    await client.tokens.forceRefresh();
    await app.close();
  },
  async 'barely used'() {
    const app = await start();
    await app.get(forge.ForgeAuthService).tokens('orders').getToken();
    await app.close();
  },
  async unused() {
    await (await start()).close();
  },
  async 'in flight'() {
    const app = await start();
    const client = app.get(forge.ForgeAuthService).client('orders');
    const calls = Array.from({ length: 5 }, () => client.get('/orders').catch((error) => error.code));
    process.stdin.once('data', async () => {
      await app.close();
      say(JSON.stringify([...new Set(await Promise.all(calls))]));
      process.stdin.destroy();
    });
    say('waiting');
  },
  async 'outlives its Redis'() {
    const app = await start();
    const client = app.get(forge.ForgeAuthService).client('orders');
    await client.get('/orders');
    process.stdin.once('data', async () => {
      // Reads, asks for leases, writes and announces: whatever of it is not answered must not be waited for.
      for (let round = 0; round < 3; round += 1) await client.tokens.forceRefresh();
      await client.get('/orders');
      await app.close();
      say('closed');
      process.stdin.destroy();
    });
    say('waiting');
  },
  async 'by signal'() {
    const app = await start();
    app.enableShutdownHooks();
    await app.get(forge.ForgeAuthService).client('orders').get('/orders');
    // Something of the app's own keeps it alive until then.
    const work = setInterval(() => undefined, 60_000);
    process.once('SIGTERM', () => clearInterval(work));
    say('waiting');
  },
  async failed() {
    return start({ name: 'wrong', timeoutMs: -1 }).catch((error) => error.code);
  },
  async 'never closed'() {
    const app = await start();
    await app.get(forge.ForgeAuthService).client('orders').get('/orders');
  },
  async 'outside Nest'() {
    const client = forge.createForgeClient(service);
    await client.get('/orders');
    await client.close();
  },
  async 'outside Nest, a manager'() {
    const manager = new forge.TokenManager({ provider });
    await manager.getToken();
    await manager.close();
  },
};

const outcome = await RUNS[how]();
say(outcome === undefined ? 'done' : `done: ${outcome}`);
