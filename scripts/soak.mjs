/**
 * Runs one client for ten minutes (`npm run soak -- --minutes 2`: for two) through what a long life brings: 10,000 keys,
 * tokens that expire and are revoked, answers that fail, come late or not at all, callers that leave. Prints figures from
 * the OpenTelemetry metrics, and ends with 1 where heap has grown, or a socket, timer or listener is left.
 */
import { fork } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientCredentialsTokenProvider, createForgeClient, ExponentialBackoffRetryStrategy } from 'nestjs-forge-auth';
import { ForgeTelemetry } from 'nestjs-forge-auth/opentelemetry';
import { Figures } from './soak-figures.mjs';

const KEYS = 10_000;
const WORKERS = 16;
/** Between two calls of one worker. */
const PAUSE_MS = 20;
const REVOKE_EVERY_MS = 90_000;
const ABORTED_SHARE = 0.02;
/** Factor of heap at the end over that after the first minute, at most. */
const MOST_GROWTH = 1.05;
/** Handles that an idle process has of its own: standard streams, and the channel to the server's process. */
const OF_THE_PROCESS = new Set(['PipeWrap', 'TTYWrap', 'FSReqPromise', 'SimpleWriteWrap', 'ProcessWrap', 'WriteWrap']);

if (globalThis.gc === undefined) throw new Error('Run the soak with node --expose-gc.');
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const totalMs = Number(values.minutes) * 60_000;
if (!(totalMs > 0)) throw new Error('--minutes must be a number above zero.');
/** The first minute, or a fifth of a shorter run: until then everything is compiled, and every key known. */
const settledMs = Math.min(60_000, totalMs / 5);

const server = fork(new URL('soak-server.mjs', import.meta.url));
const [{ origin }] = await once(server, 'message');
const figures = new Figures();
const stopped = new AbortController();
const logger = { log() {}, warn() {}, error() {} };
const client = createForgeClient(
  {
    name: 'orders',
    baseUrl: origin,
    timeoutMs: 5_000,
    retry: new ExponentialBackoffRetryStrategy({ baseDelayMs: 20, maxRetries: 3 }),
    auth: {
      provider: new ClientCredentialsTokenProvider({
        tokenUrl: `${origin}/token`,
        clientId: 'soak',
        clientSecret: 'secret',
      }),
    },
  },
  { logger, telemetry: new ForgeTelemetry({ meterProvider: figures.meterProvider }) },
);

let nextKey = 0;
/** Every second call has the service's own token, which all share; the others go through the keys, one after the other. */
function optionsOf(call) {
  // One signal for all, which lives as long as the app: whoever does not let go of it leaks.
  const signal = Math.random() < ABORTED_SHARE ? AbortSignal.timeout(Math.ceil(Math.random() * 5)) : stopped.signal;
  if (call % 2 === 0) return { signal };
  nextKey = (nextKey + 1) % KEYS;
  return { signal, auth: { scope: `key-${nextKey}` } };
}

async function work(endsAt) {
  for (let call = 0; performance.now() < endsAt; call += 1) {
    await client.get('/orders/7', optionsOf(call)).catch(() => undefined);
    await sleep(PAUSE_MS);
  }
}

/** Megabytes in use, once everything is idle. */
async function heapAtRest() {
  await client.idle?.();
  for (let round = 0; round < 4; round += 1) {
    await sleep(50);
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed / 1e6;
}

const rounded = (number) => Math.round(number * 10) / 10;
const report = async (title) => {
  console.log(`\n${title}`);
  console.table(await figures.read());
};

const startedAt = performance.now();
const revoking = setInterval(() => server.send('revoke'), Math.min(REVOKE_EVERY_MS, totalMs / 4));
const run = (ms) => Promise.all(Array.from({ length: WORKERS }, () => work(performance.now() + ms)));

for (let key = 0; key < KEYS; key += 50) {
  const keys = Array.from({ length: 50 }, (_, more) => ({ auth: { scope: `key-${key + more}` } }));
  await Promise.all(keys.map((options) => client.get('/orders/7', options).catch(() => undefined)));
}
console.log(`${KEYS} keys known after ${rounded((performance.now() - startedAt) / 1_000)} s.`);
await run(Math.max(0, settledMs - (performance.now() - startedAt)));
const before = await heapAtRest();
console.log(`Heap after ${rounded(settledMs / 1_000)} s: ${rounded(before)} MB.`);
while (performance.now() - startedAt < totalMs) {
  const leftMs = totalMs - (performance.now() - startedAt);
  await run(Math.min(60_000, leftMs));
  await report(`After ${rounded((performance.now() - startedAt) / 60_000)} of ${values.minutes} minutes`);
}
const after = await heapAtRest();
console.log(`Heap after ${values.minutes} min: ${rounded(after)} MB, ${rounded((after / before) * 100)} % of before.`);

clearInterval(revoking);
const listeners = getEventListeners(stopped.signal, 'abort').length;
await client.close();
await figures.close();
await sleep(100);
const left = process.getActiveResourcesInfo().filter((kind) => !OF_THE_PROCESS.has(kind));
console.log(`Left after close(): ${left.length === 0 ? 'nothing' : left.join(', ')}; listeners: ${listeners}.`);
server.disconnect();
const holds = after <= before * MOST_GROWTH && left.length === 0 && listeners === 0;
console.log(holds ? '\nIt holds.' : '\nIT DOES NOT HOLD.');
if (!holds) process.exitCode = 1;
