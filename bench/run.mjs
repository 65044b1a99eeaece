/**
 * Measures what the package costs, against the plain thing it takes the place of.
 * Prints a table, writes the ratios to results.json, and ends with 1 when a bound is missed.
 */
import { writeFile } from 'node:fs/promises';
import { benchBoot } from './boot.mjs';
import { benchCalls } from './calls.mjs';
import { benchFaces } from './faces.mjs';
import { benchWarmToken } from './warm-token.mjs';

const round = (value) => Math.round(value * 100) / 100;

const calls = await benchCalls();
const faces = await benchFaces();
const token = await benchWarmToken();
const boots = await benchBoot();
const boot = (way) => boots.find((row) => row.way === way);

const bounds = [
  { what: 'CPU time of client.get', value: calls.find(({ way }) => way === 'default').ratio, atMost: 0.75 },
  ...faces.map(({ name, ratio, atMost }) => ({ what: `CPU time of ${name}`, value: ratio, atMost })),
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
};
await writeFile(new URL('results.json', import.meta.url), `${JSON.stringify(results, undefined, 2)}\n`);
if (bounds.some(({ holds }) => !holds)) process.exitCode = 1;
