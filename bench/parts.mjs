import { benchBoot } from './boot.mjs';
import { benchCalls, benchFaces, benchOptions } from './calls.mjs';
import { benchDiamond, benchStampede } from './cold.mjs';
import { benchFleet } from './fleet.mjs';
import { benchRotation } from './rotation.mjs';
import { round, showTable } from './show.mjs';
import { benchStart } from './start.mjs';
import { benchTelemetry } from './telemetry.mjs';
import { benchWarmToken } from './warm-token.mjs';

const ratiosOf = (rows) => Object.fromEntries(rows.map((row) => [row.name, round(row.ratio)]));
const rowOf = (rows, way) => rows.find((row) => row.way === way);

/**
 * The parts of the bench, in the order in which they run: how each is measured, and about how long that takes; how it is
 * shown, bounded and recorded.
 */
export const PARTS = {
  calls: {
    seconds: 55,
    measure: benchCalls,
    show: (rows) =>
      showTable('Calls with a cached token, 50 at once: CPU time of one', rows, (row) => ({
        '': row.name,
        µs: round(row.microseconds),
        ratio: round(row.ratio),
      })),
    boundsOf: (rows) => [
      { what: 'CPU time of client.get, HttpService is 1', value: rowOf(rows, 'default').ratio, atMost: 0.5 },
      {
        what: 'CPU time of client.get over undici, undici.request is 1',
        value: rowOf(rows, 'undici').toUndici,
        atMost: 1.25,
      },
    ],
    resultsOf: (rows) => ({ calls: ratiosOf(rows) }),
  },
  options: {
    seconds: 15,
    measure: benchOptions,
    show: (rows) =>
      showTable('What options cost on every call of client.get', rows, (row) => ({
        '': row.name,
        µs: round(row.microseconds),
        ratio: round(row.ratio),
      })),
    boundsOf: () => [],
    resultsOf: (rows) => ({ options: ratiosOf(rows) }),
  },
  faces: {
    seconds: 45,
    measure: benchFaces,
    show: (rows) =>
      showTable('Faces with a cached token, 50 at once: CPU time of one call', rows, (row) => ({
        '': row.name,
        against: row.plainly,
        µs: round(row.microseconds),
        ratio: round(row.ratio),
      })),
    boundsOf: (rows) => rows.map(({ name, ratio, atMost }) => ({ what: `CPU time of ${name}`, value: ratio, atMost })),
    resultsOf: (rows) => ({ faces: ratiosOf(rows) }),
  },
  telemetry: {
    seconds: 25,
    measure: benchTelemetry,
    show: (rows) =>
      showTable('client.get with telemetry: CPU time of one call', rows, (row) => ({
        '': row.way,
        µs: round(row.microseconds),
        ratio: round(row.ratio),
      })),
    boundsOf: (rows) => [
      { what: 'CPU time of client.get with metrics', value: rowOf(rows, 'metrics').ratio, atMost: 1.05 },
      {
        what: 'CPU time of client.get with metrics and spans, all sampled',
        value: rowOf(rows, 'spans').ratio,
        atMost: 1.25,
      },
    ],
    resultsOf: (rows) => ({ telemetry: Object.fromEntries(rows.map(({ way, ratio }) => [way, round(ratio)])) }),
  },
  token: {
    seconds: 5,
    measure: benchWarmToken,
    show: (token) =>
      showTable(
        'getToken() on a warm token, awaited',
        [token],
        ({ microseconds, ratio, leastMicroseconds, leastRatio }) => ({
          µs: round(microseconds),
          'against a promise that is there': round(ratio),
          'µs of the clock and a promise': round(leastMicroseconds),
          'against the clock and a promise': round(leastRatio),
        }),
      ),
    boundsOf: (token) => [
      { what: 'µs of getToken(), warm and awaited', value: token.microseconds, atMost: 0.08 },
      { what: 'warm getToken(), a look at the clock and a promise are 1', value: token.leastRatio, atMost: 1.15 },
      ...Object.entries(token.effects).map(([effect, value]) => ({
        what: `${effect} of 10,000 warm getToken()`,
        value,
        atMost: 0,
      })),
    ],
    resultsOf: (token) => ({
      'warm getToken()': {
        'against a promise that is there': round(token.ratio),
        'against the clock and a promise': round(token.leastRatio),
        ...token.effects,
      },
    }),
  },
  rotation: {
    seconds: 25,
    measure: benchRotation,
    show: (rotation) =>
      showTable('The slowest hundredth of calls, while tokens are replaced', [rotation], (row) => ({
        'ms, steady': round(row.steadyMs),
        'ms, rotating': round(row.rotatingMs),
        rotations: row.rotations,
        ratio: round(row.ratio),
      })),
    boundsOf: ({ ratio }) => [{ what: 'p99 of a call under rotation, steady is 1', value: ratio, atMost: 1.2 }],
    resultsOf: ({ ratio }) => ({ 'p99 under rotation': round(ratio) }),
  },
  stampede: {
    seconds: 3,
    measure: benchStampede,
    show: (stampede) =>
      showTable('1,000 callers without a token', [stampede], ({ microseconds, requestsEach }) => ({
        'µs of each': round(microseconds),
        'token requests': requestsEach,
      })),
    boundsOf: ({ requestsEach }) => [{ what: 'token requests of 1,000 cold callers', value: requestsEach, atMost: 1 }],
    resultsOf: ({ requestsEach }) => ({ 'token requests of 1,000 cold callers': requestsEach }),
  },
  diamond: {
    seconds: 8,
    measure: benchDiamond,
    show: (diamond) =>
      showTable('A pipeline of four steps, two side by side, cold', [diamond], (row) => ({
        ms: round(row.pipelineMs),
        'ms of its critical path by hand': round(row.criticalMs),
        ratio: round(row.ratio),
      })),
    boundsOf: ({ ratio }) => [{ what: 'time of a cold diamond, its critical path is 1', value: ratio, atMost: 1.05 }],
    resultsOf: ({ ratio }) => ({ 'cold diamond': round(ratio) }),
  },
  boot: {
    seconds: 35,
    measure: benchBoot,
    show: (rows) =>
      showTable('Booting a Nest application: CPU time and heap of one service', rows, (row) => ({
        '': row.name,
        µs: Math.round(row.microsecondsEach),
        'ratio of CPU time': round(row.cpuRatio),
        bytes: Math.round(row.bytesEach),
        'ratio of heap': round(row.heapRatio),
      })),
    boundsOf: (rows) =>
      rows
        .filter(({ way }) => way.startsWith('for'))
        .flatMap(({ way, cpuRatio, heapRatio }) => [
          { what: `CPU time of booting 1,000 services by ${way}`, value: cpuRatio, atMost: 1.5 },
          { what: `heap of a service by ${way}`, value: heapRatio, atMost: 1.5 },
        ]),
    resultsOf: (rows) => ({
      boot: Object.fromEntries(rows.map((row) => [row.name, { cpu: round(row.cpuRatio), heap: round(row.heapRatio) }])),
    }),
  },
  start: {
    seconds: 40,
    measure: benchStart,
    show: (start) =>
      showTable('CPU time of a process that imports @nestjs/core and axios, in ms', [start], (row) => ({
        without: round(row.without),
        'with the package': round(row.with),
        more: round(row.milliseconds),
      })),
    boundsOf: ({ milliseconds }) => [
      { what: 'ms of CPU time that importing the package adds', value: milliseconds, atMost: 25 },
    ],
    resultsOf: (start) => ({ 'importing, against @nestjs/core and axios': round(start.with / start.without) }),
  },
  fleet: {
    seconds: 20,
    // Undefined where there is no Redis to measure with.
    measure: benchFleet,
    show(fleet) {
      if (fleet === undefined) return console.log('\nA fleet is not measured: there is no redis-server here.');
      showTable(
        'From the token of one process to the last of 100 callers in 4 processes, over Redis',
        fleet.handOver,
        (row) => ({
          '': row.name,
          'median µs': Math.round(row.median),
          'p99 µs': Math.round(row.p99),
          'median in round trips': round(row.roundTrips),
          'p99 in round trips': round(row.p99RoundTrips),
        }),
      );
    },
    boundsOf(fleet) {
      if (fleet === undefined) return [];
      const { p99RoundTrips } = rowOf(fleet.handOver, 'token');
      return [
        { what: 'storage commands of 10,000 warm calls', value: fleet.announced.commands, atMost: 0 },
        { what: '… without announcements, for each nearCacheTtlMs', value: fleet.unannounced.perInterval, atMost: 1 },
        { what: 'Redis round trips from a token to its last waiter, p99', value: p99RoundTrips, atMost: 60 },
      ];
    },
    resultsOf(fleet) {
      if (fleet === undefined) return {};
      const handOver = rowOf(fleet.handOver, 'token');
      return {
        fleet: {
          'storage commands of 10,000 warm calls': fleet.announced.commands,
          'storage commands without announcements, for each nearCacheTtlMs': round(fleet.unannounced.perInterval),
          'Redis round trips from a token to its last waiter': {
            median: round(handOver.roundTrips),
            p99: round(handOver.p99RoundTrips),
          },
        },
      };
    },
  },
};
