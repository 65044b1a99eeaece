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
    [
      'a negative count',
      () => new SimpleRetryStrategy({ maxRetries: -1 }),
      'SimpleRetryStrategy: maxRetries is -1. Give a whole number, 0 or more.',
    ],
    ['a fractional count', () => new SimpleRetryStrategy({ maxRetries: 1.5 }), 'maxRetries is 1.5'],
    ['an infinite count', () => new SimpleRetryStrategy({ maxRetries: Infinity }), 'maxRetries is Infinity'],
    ['a negative delay', () => new SimpleRetryStrategy({ delayMs: -1 }), 'SimpleRetryStrategy: delayMs is -1'],
    ['a delay that is no number', () => new SimpleRetryStrategy({ delayMs: NaN }), 'delayMs is NaN. Give milliseconds'],
    ['a delay in words', () => new SimpleRetryStrategy({ delayMs: '1s' as never }), 'delayMs is of type string'],
    [
      'a count of NaN',
      () => new ExponentialBackoffRetryStrategy({ maxRetries: NaN }),
      'BackoffRetryStrategy: maxRetries is NaN',
    ],
    ['a negative base', () => new ExponentialBackoffRetryStrategy({ baseDelayMs: -1 }), 'baseDelayMs is -1'],
    [
      'an infinite maximum',
      () => new ExponentialBackoffRetryStrategy({ maxDelayMs: Infinity }),
      'maxDelayMs is Infinity',
    ],
    ['a shrinking multiplier', () => new ExponentialBackoffRetryStrategy({ multiplier: 0.5 }), 'multiplier is 0.5'],
    ['a multiplier of NaN', () => new ExponentialBackoffRetryStrategy({ multiplier: NaN }), 'multiplier is NaN'],
    [
      'jitter in words',
      () => new ExponentialBackoffRetryStrategy({ jitter: 'no' as never }),
      'jitter is of type string',
    ],
    ['a status of 99', () => new ExponentialBackoffRetryStrategy({ statuses: [503, 99] }), 'statuses is 99'],
    ['a status of 600', () => new ExponentialBackoffRetryStrategy({ statuses: [600] }), 'statuses is 600'],
    [
      'one status',
      () => new ExponentialBackoffRetryStrategy({ statuses: 503 as never }),
      'statuses is 503. Give an array',
    ],
    [
      'statuses as an object',
      () => new ExponentialBackoffRetryStrategy({ statuses: {} as never }),
      'statuses is of type object',
    ],
    [
      'a function as statuses',
      () => new ExponentialBackoffRetryStrategy({ statuses: never as never }),
      'statuses is of type function',
    ],
    [
      'statuses in words',
      () => new ExponentialBackoffRetryStrategy({ statuses: '503' as never }),
      'statuses is of type string',
    ],
    [
      'no threshold',
      () => new CircuitBreakerRetryStrategy({ failureThreshold: 0 }),
      'CircuitBreakerRetryStrategy: failureThreshold is 0. Give a whole number, 1 or more.',
    ],
    ['no probes', () => new CircuitBreakerRetryStrategy({ halfOpenMaxCalls: 0 }), 'halfOpenMaxCalls is 0'],
    [
      'a recovery of NaN',
      () => new CircuitBreakerRetryStrategy({ recoveryTimeoutMs: NaN }),
      'recoveryTimeoutMs is NaN',
    ],
    [
      'a breaker with a negative count',
      () => new CircuitBreakerRetryStrategy({ maxRetries: -1 }),
      'BreakerRetryStrategy: maxRetries is -1',
    ],
    [
      'a breaker with a negative base',
      () => new CircuitBreakerRetryStrategy({ baseDelayMs: -1 }),
      'BreakerRetryStrategy: baseDelayMs is -1',
    ],
    [
      'a breaker with a status of 1',
      () => new CircuitBreakerRetryStrategy({ statuses: [1] }),
      'BreakerRetryStrategy: statuses is 1',
    ],
  ])('refuse %s', (_name, construct, problem) => {
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
  ])('are accepted: %s', (_name, construct) => {
    expect(construct).not.toThrow();
  });
});

describe('options of auth retry strategies', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a negative count',
      () => new SimpleAuthRetryStrategy({ maxRetries: -1 }),
      'SimpleAuthRetryStrategy: maxRetries is -1',
    ],
    ['a delay of NaN', () => new SimpleAuthRetryStrategy({ delayMs: NaN }), 'SimpleAuthRetryStrategy: delayMs is NaN'],
    ['a status of 0', () => new SimpleAuthRetryStrategy({ statuses: [0] }), 'SimpleAuthRetryStrategy: statuses is 0'],
    [
      'a fractional count',
      () => new ExponentialAuthRetryStrategy({ maxRetries: 0.5 }),
      'ExponentialAuthRetryStrategy: maxRetries is 0.5',
    ],
    [
      'a negative base',
      () => new ExponentialAuthRetryStrategy({ baseDelayMs: -1 }),
      'ExponentialAuthRetryStrategy: baseDelayMs is -1',
    ],
    [
      'a negative maximum',
      () => new ExponentialAuthRetryStrategy({ maxDelayMs: -1 }),
      'ExponentialAuthRetryStrategy: maxDelayMs is -1',
    ],
    [
      'a multiplier of 0',
      () => new ExponentialAuthRetryStrategy({ multiplier: 0 }),
      'ExponentialAuthRetryStrategy: multiplier is 0',
    ],
    [
      'jitter as a number',
      () => new ExponentialAuthRetryStrategy({ jitter: 1 as never }),
      'ExponentialAuthRetryStrategy: jitter is 1',
    ],
    [
      'no function',
      () => new ConditionalAuthRetryStrategy({} as never),
      'ConditionalAuthRetryStrategy: shouldRetry is of type undefined. Give a function: (response, attempt) => boolean.',
    ],
    [
      'an infinite count',
      () => new ConditionalAuthRetryStrategy({ shouldRetry: never, maxRetries: Infinity }),
      'ConditionalAuthRetryStrategy: maxRetries is Infinity',
    ],
    [
      'a negative delay',
      () => new ConditionalAuthRetryStrategy({ shouldRetry: never, delayMs: -1 }),
      'ConditionalAuthRetryStrategy: delayMs is -1',
    ],
  ])('refuse %s', (_name, construct, problem) => {
    expect(construct).toThrow(ConfigurationError);
    expect(construct).toThrow(problem);
  });
});
