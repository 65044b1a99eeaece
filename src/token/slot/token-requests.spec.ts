import { AuthenticationError, TokenRefreshError } from '../../errors.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { ServiceScope } from '../runtime.js';
import { Token } from '../token.js';
import type { ClaimFacts, RefreshTokenClaims } from './refresh-token-claims.js';
import type { FlightReport } from './slot-observer.js';
import { TokenRequests } from './token-requests.js';
import type { TokenWork } from './token-work.js';

interface World {
  readonly clock: FakeClock;
  /** The token that was sent along with each request. */
  readonly asked: (Token | undefined)[];
  /** What became of the claim. */
  readonly claims: string[];
  obtain(known?: Token, signal?: AbortSignal): Promise<Token>;
}

/** @param answers one for each request, the last again and again: its lifetime in milliseconds, or what it is */
function world(answers: readonly unknown[], work: Partial<TokenWork> = {}): World {
  const clock = new FakeClock();
  const asked: (Token | undefined)[] = [];
  const claims: string[] = [];
  const report = { grant: 'custom' } as FlightReport;
  const stub = {
    candidate: ({ known }: ClaimFacts) => known?.token,
    claim: async () => void claims.push('claimed'),
    refused: async () => void claims.push('refused'),
    succeeded: () => void claims.push('succeeded'),
  } as unknown as RefreshTokenClaims;
  const obtain: TokenWork['obtain'] = async (previous, _signal, claim, itsReport) => {
    if (previous?.refreshToken !== undefined) await claim();
    asked.push(previous);
    expect(itsReport).toBe(report);
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (answer instanceof Error) throw answer;
    if (typeof answer !== 'number') return answer as Token;
    return new Token({ accessToken: `token-${asked.length}`, expiresAt: clock.now() + answer });
  };
  const requests = new TokenRequests(
    { clock, owner: '"orders"' } as unknown as ServiceScope,
    { obtain, ...work } as TokenWork,
    stub,
  );
  return {
    clock,
    asked,
    claims,
    obtain: (known, signal = new AbortController().signal) => {
      const stored = known && { token: known, obtainedAt: clock.now(), generation: 1 };
      const flight = { signal, report, isRejected: (token: Token) => token.accessToken === 'rejected' };
      return requests.obtain({ known: stored, stored: undefined, lease: undefined }, flight);
    },
  };
}

/** Lets time pass until the work is over. */
async function passing<T>({ clock }: World, work: Promise<T>): Promise<PromiseSettledResult<T>> {
  const settled = Promise.allSettled([work]);
  await clock.advance(10_000);
  return (await settled)[0];
}

it('a token with a second left is taken, one with less is asked for again after 400 ms', async () => {
  const enough = world([1_000]);
  expect((await enough.obtain()).accessToken).toBe('token-1');
  const short = world([999, 3_600_000]);
  const obtaining = short.obtain();
  await short.clock.advance(399);
  expect(short.asked).toHaveLength(1);
  await short.clock.advance(1);
  expect((await obtaining).accessToken).toBe('token-2');
});

it('a token that always has less than a second left is asked for four times, and taken while it lasts', async () => {
  const short = world([500]);
  expect(await passing(short, short.obtain())).toMatchObject({ value: { accessToken: 'token-4' } });
  expect([short.asked.length, short.claims]).toEqual([4, ['succeeded']]);
});

it('a token that is expired whenever it arrives is refused: the clocks are wrong, and may be set', async () => {
  const late = world([0]);
  expect(await passing(late, late.obtain())).toMatchObject({
    reason: {
      code: 'FORGE_AUTH_TOKEN_EXPIRED_ON_ARRIVAL',
      transient: true,
      message: 'Token request for "orders" failed: the token was expired when it arrived. Check the clocks.',
    },
  });
  expect(late.claims).toEqual([]);
});

it.each<[string, unknown, Partial<TokenWork>]>([
  [
    'it came with a refresh token',
    new Token({ accessToken: 'a', refreshToken: 'r', expiresAt: Date.UTC(2026, 0, 1) + 9 }),
    {},
  ],
  ['only a person could get another one', 500, { rerunnable: false }],
  ['the app itself bounds its life to less', 500, { ttlMs: 999 }],
])('a token with less than a second left is asked for once where %s', async (_name, answer, work) => {
  const once = world([answer], work);
  await once.obtain();
  expect(once.asked).toHaveLength(1);
});

it('a token with less than a second left is asked for again where the app bounds its life to a second', async () => {
  const short = world([500, 5_000], { ttlMs: 1_000 });
  await passing(short, short.obtain());
  expect(short.asked).toHaveLength(2);
});

it('a token that is asked for again is asked for without the known one, until the flight ends', async () => {
  const known = new Token({ accessToken: 'known' });
  const short = world([500]);
  const flight = new AbortController();
  const obtaining = short.obtain(known, flight.signal);
  await short.clock.advance(400);
  flight.abort(new Error('the flight ended'));
  await expect(obtaining).rejects.toThrow('the flight ended');
  expect(short.asked).toEqual([known, undefined]);
});

const START = Date.UTC(2026, 0, 1);
const tokenOf = (accessToken: string, lasts: number | undefined): Token =>
  new Token({ accessToken, ...(lasts !== undefined && { expiresAt: START + lasts }) });

/** The lifetime of a token that is answered where one is known, in milliseconds. */
async function again(knownLasts: number | undefined, lasts: number | undefined, known = 'same') {
  const { expiresAt } = await world([tokenOf('same', lasts)]).obtain(tokenOf(known, knownLasts));
  return expiresAt === undefined ? undefined : expiresAt - START;
}

describe('the same token again', () => {
  it('the same token again keeps the later of its ends', async () => {
    expect([await again(9_000, 8_000), await again(8_000, 9_000), await again(9_000, 9_000)]).toEqual([
      9_000, 9_000, 9_000,
    ]);
  });

  it('the same token again stays without an end, unless the answer is the one that has none', async () => {
    expect([await again(undefined, 8_000), await again(8_000, undefined)]).toEqual([undefined, undefined]);
  });

  it('another token says nothing of the one before it', async () => {
    expect(await again(9_000, 8_000, 'another')).toBe(8_000);
  });
});

it.each<[string, string, number]>([
  ['one that was known', 'same', 4],
  ['one that a service has rejected', 'rejected', 4],
])('a token without a life, asked for four times: %s', async (_what, name, times) => {
  const without = world([tokenOf(name, 0)]);
  const settled = await passing(without, without.obtain(tokenOf(name, 0)));
  expect(without.asked).toHaveLength(times);
  expect(settled.status).toBe(name === 'rejected' ? 'rejected' : 'fulfilled');
});

it('a token that comes again without a life is asked for after 0.4, 0.6, 0.9 … 2 s, once each, and is good for the moment', async () => {
  const same = world([tokenOf('same', 0)]);
  await passing(same, same.obtain(tokenOf('same', 0)));
  const waits: number[] = [];
  let askedAt = same.clock.now();
  for (let turn = 0; turn < 6; turn += 1) {
    const before = same.asked.length;
    const state: { token?: Token } = {};
    void same.obtain(tokenOf('same', 0)).then((obtained) => (state.token = obtained));
    while (state.token === undefined) await same.clock.advance(50);
    expect(same.asked).toHaveLength(before + 1);
    expect(state.token.expiresAt).toBeLessThanOrEqual(same.clock.now() + 1);
    waits.push(same.clock.now() - askedAt);
    askedAt = same.clock.now();
  }
  // Time had passed before the first; the clock moves by 50 ms.
  const pauses = [50, 600, 900, 1_350, 2_000, 2_000];
  for (const [turn, pause] of pauses.entries()) expect(Math.abs((waits[turn] ?? 0) - pause)).toBeLessThanOrEqual(50);
});

it('the refusal of a refresh token is noted before it is thrown, other failures are not', async () => {
  const known = new Token({ accessToken: 'a', refreshToken: 'r' });
  const refused = world([new TokenRefreshError('It is spent.')]);
  await expect(refused.obtain(known)).rejects.toThrow('It is spent.');
  expect(refused.claims).toEqual(['claimed', 'refused']);
  const failed = world([new AuthenticationError('It is down.')]);
  await expect(failed.obtain(known)).rejects.toThrow('It is down.');
  expect(failed.claims).toEqual(['claimed']);
});

it('a provider that answers no Token fails with an error that names what to return, and is not asked again', async () => {
  const wrong = world([{ access_token: 'a' }]);
  await expect(wrong.obtain()).rejects.toMatchObject({
    code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
    transient: false,
    message: 'Token request for "orders" failed: the provider returned no Token. Return new Token({ … }).',
  });
  expect([wrong.asked.length, wrong.claims]).toEqual([1, []]);
});
