/**
 * Calls the API in one way, in a process of its own: what one way leaves behind in compiler and heap does not disturb the
 * others. Tells when it is ready, and then for each message the CPU time that a round of calls takes.
 */
import { Agent } from 'node:http';
import { HttpModule, HttpService } from '@nestjs/axios';
import { NestFactory } from '@nestjs/core';
import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  ExponentialBackoffRetryStrategy,
  ForgeAuthModule,
  getForgeClientToken,
} from 'nestjs-forge-auth';
import { lastValueFrom } from 'rxjs';
import { collectGarbage } from './measure.mjs';
import { UndiciTransport } from './undici.transport.mjs';

const CONCURRENCY = 50;
/** Calls before those that are measured, and how many of them follow the garbage collection. */
const RUN_UP = 2_000;
const COLLECT_AT = 1_500;
const [how, origin, accessToken] = process.argv.slice(2);
/** The same for all, so that connections are kept in the same way. */
const agent = () => new Agent({ keepAlive: true });

function service(options) {
  const provider = new ClientCredentialsTokenProvider({
    tokenUrl: `${origin}/token`,
    clientId: 'bench',
    clientSecret: 'secret',
  });
  return { name: 'orders', baseUrl: origin, auth: { provider }, axios: { httpAgent: agent() }, ...options };
}

const boot = (...imports) => NestFactory.createApplicationContext({ module: class {}, imports }, { logger: false });

async function bare() {
  const app = await boot(HttpModule.register({ baseURL: origin, httpAgent: agent() }));
  const http = app.get(HttpService, { strict: false });
  const headers = { authorization: `Bearer ${accessToken}` };
  return () => lastValueFrom(http.get('/orders/7', { headers }));
}

async function injected(options) {
  const app = await boot(ForgeAuthModule.forRoot({ services: [service(options)] }));
  const client = app.get(getForgeClientToken('orders'), { strict: false });
  return () => client.get('/orders/7');
}

async function logging() {
  const logger = { log() {}, warn() {}, error() {} };
  const client = createForgeClient(service({ logging: true }), { logger });
  return () => client.get('/orders/7');
}

const ways = {
  bare,
  default: () => injected({}),
  undici: () => injected({ transport: new UndiciTransport() }),
  ownAgent: () => injected({ axios: {} }),
  retrying: () => injected({ retry: new ExponentialBackoffRetryStrategy() }),
  totalTimeout: () => injected({ totalTimeoutMs: 60_000 }),
  logging,
};

const call = await ways[how]();

/**
 * CPU time of `count` calls, {@link CONCURRENCY} at once, after a garbage collection and a run-up. Both happen with calls
 * under way, as they do in an app: a collection that finds no request alive has V8 throw away the code compiled for them.
 */
async function measure(count) {
  let left = RUN_UP + count;
  let start;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      if (left === COLLECT_AT + count) collectGarbage();
      if (left === count) start = process.cpuUsage();
      const { status, data } = await call();
      if (status !== 200 || data.id !== 7) throw new Error(`Answered ${status}.`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

process.on('message', async (count) => process.send(await measure(count)));
process.on('disconnect', () => process.exit());
process.send('ready');
