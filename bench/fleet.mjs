import { median } from './measure.mjs';
import { startProcess } from './process.mjs';
import { startRedis } from './redis.mjs';

const PROCESSES = 4;
const CALLERS = 25;
const ROUNDS = 300;
/** Rounds until everything is compiled. */
const WARM_UP_ROUNDS = 40;
const WARM_CALLS = 10_000;
/** Short, so that 10,000 calls see many of them. */
const NEAR_CACHE_TTL_MS = 100;
const WAYS = {
  roundTrip: 'PING of a process that slept as long',
  byHand: 'SET, PUBLISH, GET by hand',
  token: 'getToken()',
};
/** Commands that this bench itself sends to Redis. */
const OWN_COMMANDS = /^(?:config|info)/;

/**
 * Measures what a fleet on one Redis asks of it, and how long a token takes from the process that got it to the last caller who
 * waits for it in another one. Undefined where no Redis can be started.
 */
export async function benchFleet() {
  const redis = await startRedis();
  if (redis === undefined) return undefined;
  try {
    const announced = await warmCalls(redis, 'announced');
    const unannounced = await warmCalls(redis, 'unannounced');
    return { announced, unannounced, handOver: await handOver(redis) };
  } finally {
    redis.stop();
  }
}

/** Commands that Redis sees while a process makes calls with a token that it has. */
async function warmCalls(redis, how) {
  const server = await startProcess('server.mjs');
  const member = await startProcess('fleet-member.mjs', redis.url, how, server.ready.origin, String(NEAR_CACHE_TTL_MS));
  try {
    await member.ask({ command: 'calls', count: WARM_CALLS / 10 });
    await redis.resetCommands();
    const milliseconds = await member.ask({ command: 'calls', count: WARM_CALLS });
    const counts = [...(await redis.commands())].filter(([name]) => !OWN_COMMANDS.test(name));
    const commands = counts.reduce((sum, [, calls]) => sum + calls, 0);
    // Any time holds the end of one interval more than it has intervals.
    return { commands, perInterval: Math.max(0, commands - 1) / (milliseconds / NEAR_CACHE_TTL_MS) };
  } finally {
    member.end();
    server.end();
  }
}

/**
 * From the moment a process has a new token to the return of the last caller of all processes, in microseconds: against
 * the round trip of a process that sleeps as long, and against the same done by hand with a write, a message and a read.
 */
async function handOver(redis) {
  const start = () => startProcess('fleet-member.mjs', redis.url, 'announced', 'http://127.0.0.1:9', '5000');
  const members = await Promise.all(Array.from({ length: PROCESSES }, start));
  const all = (command, of) => Promise.all(members.map((member, index) => member.ask({ command, ...of(index) })));
  try {
    const measured = { token: [], byHand: [], roundTrip: [] };
    for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
      const token = latency(await all('handOver', () => ({ callers: CALLERS, round })));
      const byHand = latency(await all('byHand', (index) => ({ round, holds: index === round % PROCESSES })));
      const roundTrips = await all('roundTrip', () => ({}));
      if (round < WARM_UP_ROUNDS) continue;
      measured.token.push(token);
      measured.byHand.push(byHand);
      measured.roundTrip.push(...roundTrips);
    }
    const roundTrip = median(measured.roundTrip);
    return Object.entries(WAYS).map(([way, name]) => {
      const [middle, p99] = [median(measured[way]), percentile(measured[way], 0.99)];
      return { way, name, median: middle, p99, roundTrips: middle / roundTrip, p99RoundTrips: p99 / roundTrip };
    });
  } finally {
    for (const { end } of members) end();
  }
}

/** @throws {Error} when not exactly one process got the token from the issuer */
function latency(reports) {
  const fetched = reports.flatMap(({ fetchedAt }) => fetchedAt ?? []);
  if (fetched.length !== 1) throw new Error(`${fetched.length} processes of the fleet asked for one token.`);
  return Math.max(...reports.map(({ lastAt }) => lastAt)) - fetched[0];
}

function percentile(values, part) {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1];
}
