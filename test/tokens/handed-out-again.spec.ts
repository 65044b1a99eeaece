import { Token, type TokenManager, type TokenProvider } from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { rejection } from '../support/async.js';
import { World } from './world.js';

const world = new World();
beforeEach(() => world.start());
afterEach(() => world.close());

/** An issuer that hands out the same token until it runs out, and takes off of its life when it says how long that is. */
class Issuer implements TokenProvider {
  readonly #clock: FakeClock;
  readonly #lifeS: number;
  /** Lifetimes are rounded down to so many seconds. */
  readonly #grainS: number;
  /** And are shorter by so many, as its own clock has it. */
  readonly #lateS: number;
  until = 0;
  issued = 0;
  requests = 0;

  constructor(clock: FakeClock, { lifeS, grainS, lateS }: { lifeS: number; grainS: number; lateS: number }) {
    this.#clock = clock;
    this.#lifeS = lifeS;
    this.#grainS = grainS;
    this.#lateS = lateS;
  }

  get current(): string {
    return `token-${this.issued}`;
  }

  isGood(token: Token): boolean {
    return token.accessToken === this.current && this.#clock.now() < this.until;
  }

  async fetchToken(): Promise<Token> {
    this.requests += 1;
    const now = this.#clock.now();
    if (now >= this.until) [this.issued, this.until] = [this.issued + 1, now + this.#lifeS * 1_000];
    const left = (this.until - now) / 1_000 - this.#lateS;
    const expiresIn = Math.max(0, Math.floor(left / this.#grainS) * this.#grainS);
    return new Token({ accessToken: this.current, expiresAt: now + expiresIn * 1_000 });
  }
}

/** Lets time pass until a token is there. Returns how long that took, and what came of it. */
async function call(manager: TokenManager, clock: FakeClock): Promise<{ waitedMs: number; token?: Token }> {
  const startedAt = clock.now();
  const state: { settled: boolean; token?: Token } = { settled: false };
  void manager
    .getToken()
    .then((token) => (state.token = token))
    .catch(() => undefined)
    .finally(() => (state.settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  while (!state.settled) await clock.advance(50);
  return { waitedMs: clock.now() - startedAt, ...(state.token && { token: state.token }) };
}

describe('an issuer that hands out the same token until it runs out', () => {
  it.each([
    { grainS: 1, lateS: 0, lifeS: 30.5 },
    { grainS: 5, lateS: 0, lifeS: 33.3 },
    { grainS: 10, lateS: 0, lifeS: 67.3 },
    { grainS: 60, lateS: 0, lifeS: 301 },
    { grainS: 60, lateS: 0, lifeS: 359 },
    { grainS: 1, lateS: 2, lifeS: 30.5 },
    { grainS: 5, lateS: 2, lifeS: 47 },
    { grainS: 1, lateS: 20, lifeS: 120.5 },
  ])('fails no call, and no call gets an old token: %p', async (how) => {
    const clock = new FakeClock();
    const issuer = new Issuer(clock, how);
    const manager = world.manager({ clock, provider: issuer });
    const calls = 535;
    const stepMs = (how.lifeS * 1_000 * 3.3) / calls;
    let [failed, old, longestMs] = [0, 0, 0];
    for (let made = 0; made < calls; made += 1) {
      const { token, waitedMs } = await call(manager, clock);
      if (token === undefined) failed += 1;
      else if (!issuer.isGood(token)) old += 1;
      longestMs = Math.max(longestMs, waitedMs);
      await clock.advance(stepMs);
    }
    expect({ failed, old }).toEqual({ failed: 0, old: 0 });
    expect(longestMs).toBeLessThanOrEqual(2_500);
    expect(issuer.issued).toBeGreaterThan(2);
    // No call of its own for each: every few seconds at most while it has no other token.
    expect(issuer.requests).toBeLessThan(issuer.issued * (20 + (how.grainS + how.lateS) / 1.5));
  });

  it('says nothing for a token that a service has rejected, or that nobody has seen with a life', async () => {
    const clock = new FakeClock();
    const issuer = new Issuer(clock, { lifeS: 100, grainS: 60, lateS: 0 });
    const late = { code: 'FORGE_AUTH_TOKEN_EXPIRED_ON_ARRIVAL' };
    const seen = world.manager({ clock, provider: issuer });
    await seen.getToken();
    await clock.advance(60_000);
    // Its life was rounded down to a minute, which is over; it has forty seconds yet.
    const unseen = rejection(world.manager({ clock, provider: issuer }).getToken());
    await clock.advance(1_500);
    expect(await unseen).toMatchObject(late);
    const { token } = await call(seen, clock);
    expect(token?.accessToken).toBe('token-1');
    await seen.invalidate(token);
    const rejected = rejection(seen.getToken());
    await clock.advance(4_000);
    expect(await rejected).toMatchObject(late);
  });
});
