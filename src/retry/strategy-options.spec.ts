import { ConfigurationError } from '../errors.js';
import { CircuitBreakerRetryStrategy } from './circuit-breaker.retry.strategy.js';
import { ConditionalAuthRetryStrategy } from './conditional.auth-retry.strategy.js';
import { ExponentialBackoffRetryStrategy } from './exponential-backoff.retry.strategy.js';
import { ExponentialAuthRetryStrategy } from './exponential.auth-retry.strategy.js';
import { SimpleAuthRetryStrategy } from './simple.auth-retry.strategy.js';
import { SimpleRetryStrategy } from './simple.retry.strategy.js';

const never = (): boolean => false;

describe('options of request retry strategies', () => {
  it.each<[string, () => unknown, string]>([
    ['a negative count', () => new SimpleRetryStrategy({ maxRetries: -1 }), 'SimpleRetryStrategy: maxRetries must be'],
    ['a fractional count', () => new SimpleRetryStrategy({ maxRetries: 1.5 }), 'maxRetries must be'],
    ['an infinite count', () => new SimpleRetryStrategy({ maxRetries: Infinity }), 'maxRetries must be'],
    ['a negative delay', () => new SimpleRetryStrategy({ delayMs: -1 }), 'SimpleRetryStrategy: delayMs must be'],
    ['a delay that is no number', () => new SimpleRetryStrategy({ delayMs: NaN }), 'delayMs must be'],
    ['a delay in words', () => new SimpleRetryStrategy({ delayMs: '1s' as never }), 'delayMs must be'],
    [
      'a count of NaN',
      () => new ExponentialBackoffRetryStrategy({ maxRetries: NaN }),
      'BackoffRetryStrategy: maxRetries must be',
    ],
    ['a negative base', () => new ExponentialBackoffRetryStrategy({ baseDelayMs: -1 }), 'baseDelayMs must be'],
    ['an infinite maximum', () => new ExponentialBackoffRetryStrategy({ maxDelayMs: Infinity }), 'maxDelayMs must be'],
    ['a shrinking multiplier', () => new ExponentialBackoffRetryStrategy({ multiplier: 0.5 }), 'multiplier must be'],
    ['a multiplier of NaN', () => new ExponentialBackoffRetryStrategy({ multiplier: NaN }), 'multiplier must be'],
    ['jitter in words', () => new ExponentialBackoffRetryStrategy({ jitter: 'no' as never }), 'jitter must be'],
    ['a status of 99', () => new ExponentialBackoffRetryStrategy({ statuses: [503, 99] }), 'statuses must be'],
    ['a status of 600', () => new ExponentialBackoffRetryStrategy({ statuses: [600] }), 'statuses must be'],
    ['one status', () => new ExponentialBackoffRetryStrategy({ statuses: 503 as never }), 'statuses must be'],
    ['statuses as an object', () => new ExponentialBackoffRetryStrategy({ statuses: {} as never }), 'statuses must be'],
    [
      'a function as statuses',
      () => new ExponentialBackoffRetryStrategy({ statuses: never as never }),
      'statuses must be',
    ],
    ['statuses in words', () => new ExponentialBackoffRetryStrategy({ statuses: '503' as never }), 'statuses must be'],
    [
      'no threshold',
      () => new CircuitBreakerRetryStrategy({ failureThreshold: 0 }),
      'CircuitBreakerRetryStrategy: failureThreshold must be',
    ],
    ['no probes', () => new CircuitBreakerRetryStrategy({ halfOpenMaxCalls: 0 }), 'halfOpenMaxCalls must be'],
    [
      'a recovery of NaN',
      () => new CircuitBreakerRetryStrategy({ recoveryTimeoutMs: NaN }),
      'recoveryTimeoutMs must be',
    ],
    [
      'a breaker with a negative count',
      () => new CircuitBreakerRetryStrategy({ maxRetries: -1 }),
      'BreakerRetryStrategy: maxRetries must be',
    ],
    [
      'a breaker with a negative base',
      () => new CircuitBreakerRetryStrategy({ baseDelayMs: -1 }),
      'BreakerRetryStrategy: baseDelayMs must be',
    ],
    [
      'a breaker with a status of 1',
      () => new CircuitBreakerRetryStrategy({ statuses: [1] }),
      'BreakerRetryStrategy: statuses must be',
    ],
  ])('options of request retry strategies refuse %s', (_name, construct, problem) => {
    expect(construct).toThrow(ConfigurationError);
    expect(construct).toThrow(problem);
  });
});

describe('the least and the most of each option', () => {
  it.each<[string, () => unknown]>([
    ['zeroes', () => new ExponentialBackoffRetryStrategy({ maxRetries: 0, baseDelayMs: 0, maxDelayMs: 0 })],
    ['a multiplier of 1', () => new ExponentialBackoffRetryStrategy({ multiplier: 1 })],
    ['statuses of 100 and 599', () => new ExponentialBackoffRetryStrategy({ statuses: [100, 599] })],
    [
      'a breaker of ones',
      () => new CircuitBreakerRetryStrategy({ failureThreshold: 1, halfOpenMaxCalls: 1, recoveryTimeoutMs: 0 }),
    ],
  ])('the least and the most of each option are accepted: %s', (_name, construct) => {
    expect(construct).not.toThrow();
  });
});

describe('options of auth retry strategies', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a negative count',
      () => new SimpleAuthRetryStrategy({ maxRetries: -1 }),
      'SimpleAuthRetryStrategy: maxRetries must be',
    ],
    ['a delay of NaN', () => new SimpleAuthRetryStrategy({ delayMs: NaN }), 'SimpleAuthRetryStrategy: delayMs must be'],
    [
      'a status of 0',
      () => new SimpleAuthRetryStrategy({ statuses: [0] }),
      'SimpleAuthRetryStrategy: statuses must be',
    ],
    [
      'a fractional count',
      () => new ExponentialAuthRetryStrategy({ maxRetries: 0.5 }),
      'ExponentialAuthRetryStrategy: maxRetries must be',
    ],
    [
      'a negative base',
      () => new ExponentialAuthRetryStrategy({ baseDelayMs: -1 }),
      'ExponentialAuthRetryStrategy: baseDelayMs must be',
    ],
    [
      'a negative maximum',
      () => new ExponentialAuthRetryStrategy({ maxDelayMs: -1 }),
      'ExponentialAuthRetryStrategy: maxDelayMs must be',
    ],
    [
      'a multiplier of 0',
      () => new ExponentialAuthRetryStrategy({ multiplier: 0 }),
      'ExponentialAuthRetryStrategy: multiplier must be',
    ],
    [
      'jitter as a number',
      () => new ExponentialAuthRetryStrategy({ jitter: 1 as never }),
      'ExponentialAuthRetryStrategy: jitter must be',
    ],
    [
      'no function',
      () => new ConditionalAuthRetryStrategy({} as never),
      'ConditionalAuthRetryStrategy: shouldRetry is missing. Give a function: (response, attempt) => boolean.',
    ],
    [
      'an infinite count',
      () => new ConditionalAuthRetryStrategy({ shouldRetry: never, maxRetries: Infinity }),
      'ConditionalAuthRetryStrategy: maxRetries must be',
    ],
    [
      'a negative delay',
      () => new ConditionalAuthRetryStrategy({ shouldRetry: never, delayMs: -1 }),
      'ConditionalAuthRetryStrategy: delayMs must be',
    ],
  ])('options of auth retry strategies refuse %s', (_name, construct, problem) => {
    expect(construct).toThrow(ConfigurationError);
    expect(construct).toThrow(problem);
  });
});
