/**
 * Measures what the package costs, against the plain thing it takes the place of.
 * Prints a table, writes the ratios to results.json, and ends with 1 when a bound is missed.
 */
import { writeFile } from 'node:fs/promises';
import { benchBoot } from './boot.mjs';
import { benchCalls } from './calls.mjs';
import { benchFaces } from './faces.mjs';
import { benchFleet } from './fleet.mjs';
import { benchTelemetry } from './telemetry.mjs';
import { benchWarmToken } from './warm-token.mjs';

const round = (value) => Math.round(value * 100) / 100;

const calls = await benchCalls();
const faces = await benchFaces();
const telemetry = await benchTelemetry();
const token = await benchWarmToken();
const boots = await benchBoot();
const fleet = await benchFleet();
const observed = (way) => telemetry.find((row) => row.way === way).ratio;
const boot = (way) => boots.find((row) => row.way === way);

/** Undefined where there is no Redis to measure with. */
const handOver = fleet?.handOver.find(({ way }) => way === 'token');

const bounds = [
  { what: 'CPU time of client.get', value: calls.find(({ way }) => way === 'default').ratio, atMost: 0.75 },
  ...faces.map(({ name, ratio, atMost }) => ({ what: `CPU time of ${name}`, value: ratio, atMost })),
  { what: 'CPU time of client.get with metrics', value: observed('metrics'), atMost: 1.05 },
  { what: 'CPU time of client.get with metrics and spans, all sampled', value: observed('spans'), atMost: 1.25 },
  { what: 'µs of getToken(), warm and awaited', value: token.microseconds, atMost: 0.2 },
  ...Object.entries(token.effects).map(([effect, value]) => ({
    what: `${effect} of 10,000 warm getToken()`,
    value,
    atMost: 0,
  })),
  ...['forRoot', 'forFeature'].flatMap((way) => [
    { what: `CPU time of booting 1,000 services by ${way}`, value: boot(way).cpuRatio, atMost: 1.5 },
    { what: `heap of a service by ${way}`, value: boot(way).heapRatio, atMost: 1.5 },
  ]),
  ...(fleet === undefined
    ? []
    : [
        { what: 'storage commands of 10,000 warm calls', value: fleet.announced.commands, atMost: 0 },
        { what: '… without announcements, for each nearCacheTtlMs', value: fleet.unannounced.perInterval, atMost: 1 },
        { what: 'Redis round trips from a token to its last waiter, p99', value: handOver.p99RoundTrips, atMost: 60 },
      ]),
].map((bound) => ({ ...bound, holds: bound.value <= bound.atMost }));

console.log('\nCalls with a cached token, 50 at once: CPU time of one');
console.table(calls.map((row) => ({ '': row.name, µs: round(row.microseconds), ratio: round(row.ratio) })));
console.log('\nFaces with a cached token, 50 at once: CPU time of one call');
console.table(
  faces.map((row) => ({ '': row.name, against: row.plainly, µs: round(row.microseconds), ratio: round(row.ratio) })),
);
console.log('\ngetToken() on a warm token, awaited');
console.table([{ µs: round(token.microseconds), 'against a promise that is there': round(token.ratio) }]);
console.log('\nBooting a Nest application: CPU time and heap of one service');
console.table(
  boots.map((row) => ({
    '': row.name,
    µs: Math.round(row.microsecondsEach),
    'ratio of CPU time': round(row.cpuRatio),
    bytes: Math.round(row.bytesEach),
    'ratio of heap': round(row.heapRatio),
  })),
);
if (fleet === undefined) {
  console.log('\nA fleet is not measured: there is no redis-server here.');
} else {
  console.log('\nFrom the token of one process to the last of 100 callers in 4 processes, over Redis');
  console.table(
    fleet.handOver.map((row) => ({
      '': row.name,
      'median µs': Math.round(row.median),
      'p99 µs': Math.round(row.p99),
      'median in round trips': round(row.roundTrips),
      'p99 in round trips': round(row.p99RoundTrips),
    })),
  );
}
console.log('\nBounds');
console.table(
  bounds.map(({ what, value, atMost, holds }) => ({
    '': what,
    value: round(value),
    'at most': atMost,
    '-': holds ? 'holds' : 'MISSED',
  })),
);

// Ratios alone: whatever else is measured belongs to the machine.
const results = {
  calls: Object.fromEntries(calls.map((row) => [row.name, round(row.ratio)])),
  faces: Object.fromEntries(faces.map((row) => [row.name, round(row.ratio)])),
  'warm getToken()': { 'against a promise that is there': round(token.ratio), ...token.effects },
  boot: Object.fromEntries(boots.map((row) => [row.name, { cpu: round(row.cpuRatio), heap: round(row.heapRatio) }])),
  ...(fleet !== undefined && {
    fleet: {
      'storage commands of 10,000 warm calls': fleet.announced.commands,
      'storage commands without announcements, for each nearCacheTtlMs': round(fleet.unannounced.perInterval),
      'Redis round trips from a token to its last waiter': {
        median: round(handOver.roundTrips),
        p99: round(handOver.p99RoundTrips),
      },
    },
  }),
};
await writeFile(new URL('results.json', import.meta.url), `${JSON.stringify(results, undefined, 2)}\n`);
if (bounds.some(({ holds }) => !holds)) process.exitCode = 1;
