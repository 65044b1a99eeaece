import { type Clock, monotonicNow, sleep } from '../../clock.js';
import { type AuthenticationError, ForgeAuthError } from '../../errors.js';
import { exponentialDelayMs } from '../../retry/backoff.js';
import type { RequestRetryStrategy, RetryOutcome } from '../../retry/request-retry.strategy.js';
import { wishedDelayMs } from '../../retry/wished-delay.js';
import { isTransient, tokenFailure } from '../../token/token-failure.js';
import type { TokenRequestContext } from '../../token/token-provider.js';

/** Bounds on the retries of one request. */
export type RetryBounds = Pick<TokenRequestContext, 'clock' | 'signal' | 'deadline'>;
import type { Token } from '../../token/token.js';

/** Three attempts ride out a restart; more belong to the next flight. */
const MAX_RETRIES = 2;
const BACKOFF = { baseMs: 250, maxMs: 2_000, multiplier: 2, jitter: true };
/** Least rest of the deadline that makes another attempt worth waiting for. */
const LEAST_REST_MS = 250;

/** Retries of one token request, within the deadline of its flight. */
export class TokenRequestRetry {
  readonly #strategy: RequestRetryStrategy;

  constructor(strategy: RequestRetryStrategy = transientFailures) {
    this.#strategy = strategy;
  }

  async run(
    attempt: () => Promise<Token>,
    context: RetryBounds,
    mayRepeat: (error: unknown) => boolean = () => true,
  ): Promise<Token> {
    const { clock } = context;
    const endAt = monotonicNow(clock) + context.deadline - clock.now();
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (context.signal.aborted) throw error;
        const leftMs = endAt - monotonicNow(clock);
        const delayMs = mayRepeat(error) ? this.#delayMs(error, attempts, leftMs, clock) : undefined;
        if (delayMs === undefined) {
          if (error instanceof ForgeAuthError) error.attempts = attempts;
          throw error;
        }
        await sleep(clock, delayMs, context.signal);
      }
    }
  }

  /** Returns undefined to give up: refused, out of attempts, or a wait beyond the deadline (left to the backoff). */
  #delayMs(error: unknown, attempt: number, leftMs: number, clock: Clock): number | undefined {
    const failure = tokenFailure(error, 'the service', undefined);
    if (!isTransient(failure)) return undefined;
    const { status, retryAfterMs } = failure as AuthenticationError;
    const outcome: RetryOutcome = {
      attempt,
      // A strategy of the user's knows network failures by their own class.
      error: failure.cause instanceof ForgeAuthError ? failure.cause : failure,
      ...(status === undefined ? undefined : { status }),
      ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
    };
    const wished = wishedDelayMs(this.#strategy, outcome, clock);
    if (wished === undefined) return undefined;
    const delayMs = Math.max(wished, retryAfterMs ?? 0);
    return delayMs + LEAST_REST_MS < leftMs ? delayMs : undefined;
  }
}

const transientFailures: RequestRetryStrategy = {
  nextDelayMs: ({ attempt }, random) =>
    attempt > MAX_RETRIES ? undefined : exponentialDelayMs(attempt - 1, BACKOFF, random),
};
