import * as fc from 'fast-check';
import {
  AuthenticationError,
  CircuitOpenError,
  ClientClosedError,
  ConfigurationError,
  ConnectionError,
  OriginNotAllowedError,
  ResponseParseError,
  TimeoutError,
  TlsError,
  TokenRefreshError,
} from '../errors.js';
import { CircuitBreakerRetryStrategy } from './circuit-breaker.retry.strategy.js';
import { ExponentialBackoffRetryStrategy } from './exponential-backoff.retry.strategy.js';
import { NoRetryStrategy } from './no.retry.strategy.js';
import type { RequestRetryStrategy, RetryOutcome } from './request-retry.strategy.js';
import { SimpleRetryStrategy } from './simple.retry.strategy.js';

const networkFailures = [new ConnectionError('refused'), new TimeoutError('late')];
const otherErrors = [
  new TlsError('certificate'),
  new AuthenticationError('no token'),
  new TokenRefreshError('no refresh'),
  new OriginNotAllowedError('elsewhere'),
  new ConfigurationError('option'),
  new CircuitOpenError('open'),
  new ClientClosedError('closed'),
  new ResponseParseError('no JSON'),
];
const transientStatuses = [408, 429, 500, 502, 503, 504];
const otherStatuses = [100, 200, 204, 301, 400, 401, 403, 404, 501, 505];

const centre = (): number => 0.5;
/** Delays after attempts 1, 2, … until the strategy gives up. */
function delaysOf(strategy: RequestRetryStrategy, outcome: Omit<RetryOutcome, 'attempt'>): number[] {
  const delays: number[] = [];
  for (let attempt = 1; attempt < 20; attempt += 1) {
    const delayMs = strategy.nextDelayMs({ attempt, ...outcome }, centre);
    if (delayMs === undefined) break;
    delays.push(delayMs);
  }
  return delays;
}

describe('NoRetryStrategy', () => {
  it('NoRetryStrategy never tries again', () => {
    const outcomes = [
      ...networkFailures.map((error) => ({ error })),
      ...transientStatuses.map((status) => ({ status })),
    ];
    expect(outcomes.flatMap((outcome) => delaysOf(new NoRetryStrategy(), outcome))).toEqual([]);
  });
});

describe('SimpleRetryStrategy', () => {
  it.each(networkFailures)('tries three times again after $name, a second apart', (error) => {
    expect(delaysOf(new SimpleRetryStrategy(), { error })).toEqual([1_000, 1_000, 1_000]);
  });

  it.each(otherErrors)('SimpleRetryStrategy never tries again after $name', (error) => {
    expect(delaysOf(new SimpleRetryStrategy(), { error })).toEqual([]);
  });

  it.each([...transientStatuses, ...otherStatuses])('SimpleRetryStrategy never tries again after %i', (status) => {
    expect(delaysOf(new SimpleRetryStrategy(), { status })).toEqual([]);
  });

  it('SimpleRetryStrategy obeys its options', () => {
    const error = new ConnectionError('refused');
    expect(delaysOf(new SimpleRetryStrategy({ maxRetries: 1, delayMs: 5 }), { error })).toEqual([5]);
    expect(delaysOf(new SimpleRetryStrategy({ maxRetries: 0 }), { error })).toEqual([]);
    expect(delaysOf(new SimpleRetryStrategy({ delayMs: 0 }), { error })).toEqual([0, 0, 0]);
  });
});

describe.each<[string, new () => RequestRetryStrategy]>([
  ['ExponentialBackoffRetryStrategy', ExponentialBackoffRetryStrategy],
  ['CircuitBreakerRetryStrategy', CircuitBreakerRetryStrategy],
])('%s', (_name, Strategy) => {
  it.each(networkFailures)('tries three times again after $name, waiting twice as long each time', (error) => {
    expect(delaysOf(new Strategy(), { error })).toEqual([1_000, 2_000, 4_000]);
  });

  it.each(transientStatuses)('tries three times again after %i', (status) => {
    expect(delaysOf(new Strategy(), { status })).toEqual([1_000, 2_000, 4_000]);
  });

  it.each(otherErrors)('SimpleRetryStrategy never tries again after $name', (error) => {
    expect(delaysOf(new Strategy(), { error })).toEqual([]);
  });

  it.each(otherStatuses)('never tries again after %i', (status) => {
    expect(delaysOf(new Strategy(), { status })).toEqual([]);
  });

  it('varies its delays by a quarter', () => {
    const strategy = new Strategy();
    const delays = [0, 0.5, 0.75].map((random) => strategy.nextDelayMs({ attempt: 1, status: 503 }, () => random));
    expect(delays).toEqual([750, 1_000, 1_125]);
  });
});

describe('ExponentialBackoffRetryStrategy', () => {
  it('ExponentialBackoffRetryStrategy obeys its options', () => {
    const strategy = new ExponentialBackoffRetryStrategy({
      maxRetries: 4,
      baseDelayMs: 10,
      maxDelayMs: 50,
      multiplier: 3,
      jitter: false,
      statuses: new Set([418]),
    });
    expect(delaysOf(strategy, { status: 418 })).toEqual([10, 30, 50, 50]);
    expect(delaysOf(strategy, { status: 503 })).toEqual([]);
    expect(delaysOf(strategy, { error: new TimeoutError('late') })).toEqual([10, 30, 50, 50]);
  });

  it('retries network failures alone without statuses', () => {
    const strategy = new ExponentialBackoffRetryStrategy({ statuses: [] });
    expect(delaysOf(strategy, { status: 503 })).toEqual([]);
    expect(delaysOf(strategy, { error: new ConnectionError('reset') })).toHaveLength(3);
  });

  it('waits no longer than it may, whatever the jitter', () => {
    const options = fc.record({
      maxRetries: fc.nat({ max: 50 }),
      baseDelayMs: fc.nat(),
      maxDelayMs: fc.nat(),
      multiplier: fc.double({ min: 1, max: 100, noNaN: true }),
    });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 60 }), random, (given, attempt, number) => {
        const delayMs = new ExponentialBackoffRetryStrategy(given).nextDelayMs({ attempt, status: 503 }, () => number);
        expect(delayMs === undefined).toBe(attempt > given.maxRetries);
        expect(delayMs ?? 0).toBeGreaterThanOrEqual(0);
        expect(delayMs ?? 0).toBeLessThanOrEqual(given.maxDelayMs);
      }),
    );
  });
});

describe('CircuitBreakerRetryStrategy', () => {
  it('CircuitBreakerRetryStrategy obeys its options', () => {
    const strategy = new CircuitBreakerRetryStrategy({ maxRetries: 2, baseDelayMs: 10, statuses: [418] });
    expect(delaysOf(strategy, { status: 418 })).toEqual([10, 20]);
    expect(delaysOf(strategy, { status: 503 })).toEqual([]);
  });

  it('waits a minute at most', () => {
    const delays = delaysOf(new CircuitBreakerRetryStrategy({ maxRetries: 10 }), { status: 503 });
    expect(delays.at(-1)).toBe(60_000);
  });

  it('creates a circuit of its own for each service, of its options', () => {
    const strategy = new CircuitBreakerRetryStrategy({
      failureThreshold: 2,
      recoveryTimeoutMs: 10,
      halfOpenMaxCalls: 1,
      statuses: [418],
    });
    let now = 0;
    const clock = { now: () => now, random: centre, after: () => () => undefined };
    const orders = strategy.createCircuit({ serviceName: 'orders', clock });
    const stock = strategy.createCircuit({ serviceName: 'stock', clock });
    orders.admit().record({ attempt: 1, status: 418 });
    expect(orders.state).toBe('closed');
    orders.admit().record({ attempt: 2, status: 418 });
    expect([orders.state, stock.state]).toEqual(['open', 'closed']);
    expect(() => orders.admit()).toThrow('"orders"');
    now = 10;
    orders.admit();
    expect(() => orders.admit()).toThrow('half-open');
  });

  it('opens after five failures in a row, for 30 s, and lets three probes pass by default', () => {
    let now = 0;
    const clock = { now: () => now, random: centre, after: () => () => undefined };
    const circuit = new CircuitBreakerRetryStrategy().createCircuit({ serviceName: 'orders', clock });
    const fail = (status: number): void => circuit.admit().record({ attempt: 1, status });
    transientStatuses.slice(0, 4).forEach(fail);
    expect(circuit.state).toBe('closed');
    fail(504);
    now = 29_999;
    expect(circuit.state).toBe('open');
    now = 30_000;
    const probes = [circuit.admit(), circuit.admit(), circuit.admit()];
    expect(() => circuit.admit()).toThrow(CircuitOpenError);
    probes[0]?.record({ attempt: 1, status: 200 });
    expect(circuit.state).toBe('closed');
  });
});
