import { benchBoot } from './boot.mjs';
import { benchCalls } from './calls.mjs';
import { benchFaces } from './faces.mjs';
import { benchFleet } from './fleet.mjs';
import { benchTelemetry } from './telemetry.mjs';
import { benchWarmToken } from './warm-token.mjs';

const round = (value) => Math.round(value * 100) / 100;
const ratiosOf = (rows) => Object.fromEntries(rows.map((row) => [row.name, round(row.ratio)]));
const ratioOf = (rows, way) => rows.find((row) => row.way === way).ratio;

/** The parts of the bench, in the order in which they run: how each is measured, shown, bounded and recorded. */
export const PARTS = {
  calls: {
    measure: benchCalls,
    show(rows) {
      console.log('\nCalls with a cached token, 50 at once: CPU time of one');
      console.table(rows.map((row) => ({ '': row.name, µs: round(row.microseconds), ratio: round(row.ratio) })));
    },
    boundsOf: (rows) => [
      { what: 'CPU time of client.get', value: ratioOf(rows, 'default'), atMost: 0.75 },
      { what: 'CPU time of client.get over undici', value: ratioOf(rows, 'undici'), atMost: 0.35 },
    ],
    resultsOf: (rows) => ({ calls: ratiosOf(rows) }),
  },
  faces: {
    measure: benchFaces,
    show(rows) {
      console.log('\nFaces with a cached token, 50 at once: CPU time of one call');
      console.table(
        rows.map((row) => ({
          '': row.name,
          against: row.plainly,
          µs: round(row.microseconds),
          ratio: round(row.ratio),
        })),
      );
    },
    boundsOf: (rows) => rows.map(({ name, ratio, atMost }) => ({ what: `CPU time of ${name}`, value: ratio, atMost })),
    resultsOf: (rows) => ({ faces: ratiosOf(rows) }),
  },
  telemetry: {
    measure: benchTelemetry,
    show: () => undefined,
    boundsOf: (rows) => [
      { what: 'CPU time of client.get with metrics', value: ratioOf(rows, 'metrics'), atMost: 1.05 },
      {
        what: 'CPU time of client.get with metrics and spans, all sampled',
        value: ratioOf(rows, 'spans'),
        atMost: 1.25,
      },
    ],
    resultsOf: () => ({}),
  },
  token: {
    measure: benchWarmToken,
    show(token) {
      console.log('\ngetToken() on a warm token, awaited');
      console.table([{ µs: round(token.microseconds), 'against a promise that is there': round(token.ratio) }]);
    },
    boundsOf: (token) => [
      { what: 'µs of getToken(), warm and awaited', value: token.microseconds, atMost: 0.2 },
      ...Object.entries(token.effects).map(([effect, value]) => ({
        what: `${effect} of 10,000 warm getToken()`,
        value,
        atMost: 0,
      })),
    ],
    resultsOf: (token) => ({
      'warm getToken()': { 'against a promise that is there': round(token.ratio), ...token.effects },
    }),
  },
  boot: {
    measure: benchBoot,
    show(rows) {
      console.log('\nBooting a Nest application: CPU time and heap of one service');
      console.table(
        rows.map((row) => ({
          '': row.name,
          µs: Math.round(row.microsecondsEach),
          'ratio of CPU time': round(row.cpuRatio),
          bytes: Math.round(row.bytesEach),
          'ratio of heap': round(row.heapRatio),
        })),
      );
    },
    boundsOf: (rows) =>
      rows
        .filter(({ way }) => way !== 'register')
        .flatMap(({ way, cpuRatio, heapRatio }) => [
          { what: `CPU time of booting 1,000 services by ${way}`, value: cpuRatio, atMost: 1.5 },
          { what: `heap of a service by ${way}`, value: heapRatio, atMost: 1.5 },
        ]),
    resultsOf: (rows) => ({
      boot: Object.fromEntries(rows.map((row) => [row.name, { cpu: round(row.cpuRatio), heap: round(row.heapRatio) }])),
    }),
  },
  fleet: {
    // Undefined where there is no Redis to measure with.
    measure: benchFleet,
    show(fleet) {
      if (fleet === undefined) return console.log('\nA fleet is not measured: there is no redis-server here.');
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
    },
    boundsOf(fleet) {
      if (fleet === undefined) return [];
      const { p99RoundTrips } = fleet.handOver.find(({ way }) => way === 'token');
      return [
        { what: 'storage commands of 10,000 warm calls', value: fleet.announced.commands, atMost: 0 },
        { what: '… without announcements, for each nearCacheTtlMs', value: fleet.unannounced.perInterval, atMost: 1 },
        { what: 'Redis round trips from a token to its last waiter, p99', value: p99RoundTrips, atMost: 60 },
      ];
    },
    resultsOf(fleet) {
      if (fleet === undefined) return {};
      const handOver = fleet.handOver.find(({ way }) => way === 'token');
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
