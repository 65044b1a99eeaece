import { ForgeResponse } from '../http/forge-response.js';
import type { AuthRetryStrategy } from './auth-retry.strategy.js';
import { ConditionalAuthRetryStrategy } from './conditional.auth-retry.strategy.js';
import { ExponentialAuthRetryStrategy } from './exponential.auth-retry.strategy.js';
import { NoAuthRetryStrategy } from './no.auth-retry.strategy.js';
import { SimpleAuthRetryStrategy } from './simple.auth-retry.strategy.js';

function answer(status: number, body = ''): ForgeResponse {
  const url = 'https://orders.example/';
  return new ForgeResponse(
    { method: 'GET', url, headers: {}, responseType: 'json' },
    { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(body), url },
  );
}

const centre = (): number => 0.5;
const never = (): boolean => false;
const delaysOf = (strategy: AuthRetryStrategy): number[] =>
  Array.from({ length: strategy.maxRetries }, (_, attempt) => strategy.delayMs(attempt, centre));

describe('NoAuthRetryStrategy', () => {
  it('NoAuthRetryStrategy never sends again', () => {
    const strategy: AuthRetryStrategy = new NoAuthRetryStrategy();
    expect(strategy.maxRetries).toBe(0);
    expect(strategy.shouldRetry(answer(401), 0)).toBe(false);
    expect(strategy.delayMs(0, centre)).toBe(0);
  });
});

describe.each<[string, AuthRetryStrategy, number[]]>([
  ['SimpleAuthRetryStrategy', new SimpleAuthRetryStrategy(), [0]],
  ['ExponentialAuthRetryStrategy', new ExponentialAuthRetryStrategy(), [500, 1_000]],
])('%s', (_name, strategy, delays) => {
  it.each([
    [401, true],
    [200, false],
    [400, false],
    [403, false],
    [407, false],
    [503, false],
  ])('reads %i as a rejection: %s', (status, expected) => {
    expect(strategy.shouldRetry(answer(status), 0)).toBe(expected);
  });

  it('waits as long as its defaults say', () => {
    expect(delaysOf(strategy)).toEqual(delays);
  });
});

describe('SimpleAuthRetryStrategy', () => {
  it('SimpleAuthRetryStrategy obeys its options', () => {
    const strategy = new SimpleAuthRetryStrategy({ maxRetries: 2, delayMs: 7, statuses: new Set([403, 419]) });
    expect(delaysOf(strategy)).toEqual([7, 7]);
    expect([401, 403, 419].map((status) => strategy.shouldRetry(answer(status)))).toEqual([false, true, true]);
  });
});

describe('ExponentialAuthRetryStrategy', () => {
  it('ExponentialAuthRetryStrategy obeys its options', () => {
    const options = { maxRetries: 4, baseDelayMs: 10, maxDelayMs: 80, multiplier: 3, jitter: false };
    expect(delaysOf(new ExponentialAuthRetryStrategy(options))).toEqual([10, 30, 80, 80]);
  });

  it('varies its delays by a quarter, up to five seconds', () => {
    const strategy = new ExponentialAuthRetryStrategy();
    expect(strategy.delayMs(0, () => 0)).toBe(375);
    expect(strategy.delayMs(0, () => 0.75)).toBe(562.5);
    expect(strategy.delayMs(10, () => 0.75)).toBe(5_000);
  });
});

describe('ConditionalAuthRetryStrategy', () => {
  it('asks its function, with the answer and the replays already made', async () => {
    const expired = new ConditionalAuthRetryStrategy({
      shouldRetry: (response, attempt) => attempt === 0 && response.jsonOrNull()?.['error'] === 'token_expired',
    });
    expect(expired.shouldRetry(answer(400, '{"error":"token_expired"}'), 0)).toBe(true);
    expect(expired.shouldRetry(answer(400, '{"error":"token_expired"}'), 1)).toBe(false);
    expect(expired.shouldRetry(answer(401, 'no json'), 0)).toBe(false);
    const later = new ConditionalAuthRetryStrategy({ shouldRetry: async ({ status }) => status === 401 });
    await expect(later.shouldRetry(answer(401), 0)).resolves.toBe(true);
  });

  it('obeys its options, and replays once without delay by default', () => {
    expect(delaysOf(new ConditionalAuthRetryStrategy({ shouldRetry: never }))).toEqual([0]);
    const options = { maxRetries: 2, delayMs: 7, shouldRetry: never };
    expect(delaysOf(new ConditionalAuthRetryStrategy(options))).toEqual([7, 7]);
  });
});
