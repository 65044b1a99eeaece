import { AuthenticationError } from '../../errors.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { Token } from '../../token/token.js';
import { TokenRequestRetry } from './token-request-retry.js';

const DEADLINE_MS = 10_000;

describe.each([-3_600_000, 0, 3_600_000])('the time of day set by %d ms during a token request', (setMs) => {
  it.each([
    ['fits', 9_000, 2],
    ['does not fit', 10_000, 1],
  ])('leaves a retry that %s into the deadline as it is', async (_how, retryAfterMs, attempts) => {
    const clock = new FakeClock();
    let asked = 0;
    const attempt = async (): Promise<Token> => {
      asked += 1;
      if (asked > 1) return new Token({ accessToken: 'a' });
      clock.jump(setMs);
      throw new AuthenticationError('HTTP 503', { transient: true, retryAfterMs });
    };
    const context = { clock, signal: new AbortController().signal, deadline: clock.now() + DEADLINE_MS };
    const outcome = new TokenRequestRetry().run(attempt, context).catch(() => undefined);
    await clock.advance(DEADLINE_MS);
    expect([(await outcome)?.accessToken, asked]).toEqual([attempts === 1 ? undefined : 'a', attempts]);
  });
});
