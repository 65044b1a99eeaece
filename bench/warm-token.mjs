import { createHook } from 'node:async_hooks';
import { Token, TokenManager } from '../dist/index.js';
import { cpuTimeOf, interleave, median, ratio } from './measure.mjs';

const CALLS = 1_000_000;
const WATCHED_CALLS = 10_000;
const ROUNDS = 9;
const DAY_MS = 86_400_000;

/** Time of `getToken()` on a warm token, awaited, and what else it sets in motion: nothing. */
export async function benchWarmToken() {
  const stored = new Map();
  let storageCalls = 0;
  const counting =
    (work) =>
    (...args) => {
      storageCalls += 1;
      return work(...args);
    };
  const manager = new TokenManager({
    name: 'warm',
    provider: { fetchToken: async () => new Token({ accessToken: 'warm', expiresAt: Date.now() + DAY_MS }) },
    storage: { get: counting((key) => stored.get(key)), set: counting((key, value) => stored.set(key, value)) },
    nearCacheTtlMs: DAY_MS, // A look at shared storage every few seconds is no part of a warm call.
  });
  await manager.getToken();
  const coldStorageCalls = storageCalls;
  const ready = Promise.resolve();
  const until = Date.now() + DAY_MS;
  const cases = {
    getToken: () => cpuTimeOf(() => repeat(() => manager.getToken(), CALLS)),
    'a promise that is there': () => cpuTimeOf(() => repeat(() => ready, CALLS)),
    // No client can do less: it asks the clock whether its token is good, and its answer is awaited.
    'the clock and a promise': () => cpuTimeOf(() => repeat(() => (Date.now() < until ? ready : undefined), CALLS)),
  };
  await interleave(cases, 2);
  const measured = await interleave(cases, ROUNDS);
  storageCalls = 0;
  const effects = await effectsOf(() => repeat(() => manager.getToken(), WATCHED_CALLS));
  await manager.close();
  if (coldStorageCalls === 0) throw new Error('The storage was never asked: it is not the one in use.');
  return {
    microseconds: median(measured.getToken) / CALLS,
    ratio: median(measured.getToken) / median(measured['a promise that is there']),
    leastMicroseconds: median(measured['the clock and a promise']) / CALLS,
    leastRatio: ratio(measured, 'getToken', 'the clock and a promise'),
    effects: { ...effects, 'storage calls': storageCalls },
  };
}

async function repeat(work, count) {
  for (let call = 0; call < count; call += 1) await work();
}

/** Counts what `work` starts: handles and requests of the event loop, timers, and JSON. */
async function effectsOf(work) {
  const counts = { 'I/O and timers': 0, JSON: 0 };
  const hook = createHook({
    init(_id, type) {
      if (type !== 'PROMISE') counts['I/O and timers'] += 1;
    },
  });
  const { parse, stringify } = JSON;
  const counted =
    (original) =>
    (...args) => {
      counts.JSON += 1;
      return original(...args);
    };
  JSON.parse = counted(parse);
  JSON.stringify = counted(stringify);
  hook.enable();
  try {
    await work();
  } finally {
    hook.disable();
    Object.assign(JSON, { parse, stringify });
  }
  return counts;
}
