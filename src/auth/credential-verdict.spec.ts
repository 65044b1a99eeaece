import { ForgeResponse } from '../http/forge-response.js';
import { NoAuthRetryStrategy } from '../retry/no.auth-retry.strategy.js';
import { SimpleAuthRetryStrategy } from '../retry/simple.auth-retry.strategy.js';
import { FakeClock } from '../testing/fake-clock.js';
import { authenticatedRequest } from './authenticated-request.fixture.js';
import type { AuthenticatedRequest, Authenticator } from './authenticator.js';
import { isTaken, type OwnCredentials, isBlank, writtenBy } from './credential-headers.js';
import { judgesAnswers, retryOf, verdictOf, waitBeforeReplay } from './credential-verdict.js';

const clock = new FakeClock();

const requestOf = (more: Partial<AuthenticatedRequest> = {}): AuthenticatedRequest =>
  authenticatedRequest({ clock, ...more });

const verdict = (
  more: Partial<Authenticator>,
  status = 401,
  of: Partial<AuthenticatedRequest> = {},
): ReturnType<typeof verdictOf> => {
  const request = requestOf(of);
  const response = new ForgeResponse(request, { status, headers: {}, body: Buffer.alloc(0), url: request.url });
  return verdictOf({ authenticate: () => undefined, ...more }, response, request);
};

const authenticate = (): void => undefined;

describe('the verdict of the simple form of judging', () => {
  it('the verdict of the simple form is whether another credential was obtained', async () => {
    expect(await verdict({ onRejected: async () => true })).toBe('replaced');
    expect(await verdict({ onRejected: async () => false })).toBe('rejected');
    expect(await verdict({ onRejected: async () => 'yes' as never })).toBe('rejected');
  });

  it('the verdict of the simple form is at once that nothing is against it, but where the strategy says so', async () => {
    expect(verdict({ onRejected: async () => true }, 200)).toBe('accepted');
    expect(verdict({ onRejected: async () => true }, 401, { replays: 0 })).toBeInstanceOf(Promise);
    const later = { maxRetries: 1, delayMs: () => 0, shouldRetry: async () => false };
    expect(await verdict({ onRejected: async () => true, retry: later })).toBe('accepted');
  });

  it('the verdict of the simple form stands without asking where the request may not be sent again', async () => {
    let asked = 0;
    const onRejected = async (): Promise<boolean> => (asked += 1) > 0;
    const twice = new SimpleAuthRetryStrategy({ maxRetries: 2 });
    expect(await verdict({ onRejected }, 401, { replayable: false })).toBe('rejected');
    expect(await verdict({ onRejected }, 401, { replays: 1 })).toBe('rejected');
    expect(await verdict({ onRejected, retry: twice }, 401, { replays: 2 })).toBe('rejected');
    expect(asked).toBe(0);
    expect(await verdict({ onRejected, retry: twice }, 401, { replays: 1 })).toBe('replaced');
  });

  it('the verdict of the simple form comes after the delay that the strategy says', async () => {
    let asked = 0;
    const retry = new SimpleAuthRetryStrategy({ delayMs: 300 });
    const judged = verdict({ onRejected: async () => (asked += 1) > 0, retry });
    await clock.advance(299);
    expect(asked).toBe(0);
    await clock.advance(1);
    expect([await judged, asked]).toEqual(['replaced', 1]);
  });
});

it('an authenticator with neither form of judging accepts every answer; onResponse goes before onRejected', async () => {
  expect(verdict({})).toBe('accepted');
  expect(verdict({ onResponse: () => 'resend', onRejected: async () => true })).toBe('resend');
  expect(judgesAnswers({ authenticate })).toBe(false);
  expect(judgesAnswers({ authenticate, onResponse: () => 'accepted' })).toBe(true);
  expect(judgesAnswers({ authenticate, onRejected: async () => true })).toBe(true);
});

it('an authenticator has its own strategy, or the one that replays once on 401', () => {
  const own = new NoAuthRetryStrategy();
  expect(retryOf({ authenticate: () => undefined, retry: own })).toBe(own);
  expect(retryOf({ authenticate: () => undefined }).maxRetries).toBe(1);
});

it('a wait before a replay is given the replays and the random numbers of the clock, and ends with its caller', async () => {
  const asked: unknown[] = [];
  const strategy = {
    maxRetries: 3,
    shouldRetry: () => true,
    delayMs: (...[attempt, random]: [number, () => number]) => (asked.push(attempt, random()), 1_000),
  };
  const caller = new AbortController();
  const waiting = waitBeforeReplay(strategy, requestOf({ replays: 2, callSignal: caller.signal }));
  caller.abort(new Error('left'));
  await expect(waiting).rejects.toThrow('left');
  expect(asked).toEqual([2, 0.5]);
  expect(clock.pending).toBe(0);
  await waitBeforeReplay({ ...strategy, delayMs: () => 0 }, requestOf());
  expect(clock.pending).toBe(0);
});

function owning(name: string): OwnCredentials {
  return { ownParameters: new Set([name]) };
}

it('a header or a parameter is taken where the call brings it, or says that there be none', () => {
  const authenticator: Authenticator = {
    authenticate: () => undefined,
    credentialHeaders: ['x-one', 'x-two'],
    credentialParameters: { query: ['q'], form: ['f'] },
  };
  const none = { headers: {} };
  expect(writtenBy({ authenticate: () => undefined })).toEqual([]);
  expect(isTaken(authenticator, none, {})).toBe(false);
  expect(isTaken(authenticator, { headers: { q: 'a' }, withheld: new Set(['f']) }, owning('x-one'))).toBe(false);
  expect(isTaken(authenticator, { headers: { 'x-two': 'a' } }, {})).toBe(true);
  expect(isTaken(authenticator, { headers: {}, withheld: new Set(['x-two']) }, {})).toBe(true);
  expect(isTaken(authenticator, none, owning('q'))).toBe(true);
  expect(isTaken(authenticator, none, owning('f'))).toBe(true);
  expect(isTaken({ authenticate: () => undefined }, none, owning('q'))).toBe(false);
  const inQuery: Authenticator = { authenticate: () => undefined, credentialParameters: { query: ['q'] } };
  expect([isTaken(inQuery, none, owning('q')), isTaken(inQuery, none, owning('f'))]).toEqual([true, false]);
  const ownAuthorization = { ownAuthorization: true };
  expect(isTaken(inQuery, none, ownAuthorization)).toBe(true);
  expect(isTaken({ authenticate: () => undefined }, none, ownAuthorization)).toBe(true);
  expect(isTaken(authenticator, none, ownAuthorization)).toBe(false);
});

it('a header is blank that is there and holds nothing but blanks', () => {
  expect([undefined, 'a', [' ', 'a'], '', ' \t', [], [' ', '']].map((value) => isBlank(value))).toEqual([
    false,
    false,
    false,
    true,
    true,
    true,
    true,
  ]);
});
