import { FakeClock } from '../../testing/fake-clock.js';
import { Token } from '../token.js';
import { type ClaimFacts, RefreshTokenClaims } from './refresh-token-claims.js';
import type { StoredToken } from './stored-token.js';
import type { TokenStore } from './token-store.js';

const clock = new FakeClock();
const NOW = clock.now();
const LEASE = { generation: 50 };

function storedOf(refreshToken: string | undefined, more: Partial<StoredToken> & { lasts?: number } = {}): StoredToken {
  const { lasts, ...rest } = more;
  const extra = lasts === undefined ? {} : { refresh_expires_in: lasts };
  return { token: new Token({ accessToken: 'a', refreshToken, extra }), obtainedAt: NOW, generation: 10, ...rest };
}

interface World {
  readonly claims: RefreshTokenClaims;
  /** What was written. */
  readonly put: StoredToken[];
  /** What stands in storage, and whether that takes writes. */
  readonly storage: { stored?: StoredToken | undefined; outcome: string };
}

function world({ shared = true, rerunnable = true } = {}): World {
  const put: StoredToken[] = [];
  const storage: World['storage'] = { outcome: 'written' };
  const store = {
    shared,
    put: async (stored: StoredToken) => {
      await new Promise((resolve) => setImmediate(resolve));
      put.push(stored);
      return storage.outcome;
    },
    read: async () => storage.stored,
  } as unknown as TokenStore;
  return { claims: new RefreshTokenClaims(store, clock, rerunnable), put, storage };
}

/** Of a minute. */
const ofAge = (age: number): StoredToken => storedOf('r', { lasts: 60, obtainedAt: NOW - age });

/** What is known here and stands in storage, under a lease. */
const facts = (known: StoredToken | undefined, more: Partial<ClaimFacts> = {}): ClaimFacts => ({
  known,
  stored: known,
  lease: LEASE,
  ...more,
});

describe('a refresh token is sent', () => {
  it('a refresh token is sent where storage shows it as it is known, under a lease', () => {
    const known = storedOf('r');
    expect(world().claims.candidate(facts(known))).toBe(known.token);
  });

  it('a token without one is handed on as it is, and none where none is known', () => {
    const known = storedOf(undefined);
    expect(world().claims.candidate(facts(known, { lease: undefined }))).toBe(known.token);
    expect(world().claims.candidate(facts(undefined))).toBeUndefined();
  });

  it.each<[string, StoredToken, Partial<ClaimFacts>]>([
    ['where the fleet has no lease for it', storedOf('r'), { lease: undefined }],
    ['where storage has another one', storedOf('r'), { stored: storedOf('other') }],
    ['where storage has nothing', storedOf('r'), { stored: undefined }],
    ['where it was being sent by somebody', storedOf('r', { claimed: true }), {}],
  ])('a refresh token is not sent %s, unless only a person could replace it', (_name, known, more) => {
    expect(world().claims.candidate(facts(known, more))).toBeUndefined();
    expect(world({ rerunnable: false }).claims.candidate(facts(known, more))).toBe(known.token);
  });

  it('a refresh token that nobody shares is sent without a lease', () => {
    const known = storedOf('r');
    const alone = world({ shared: false });
    expect(alone.claims.candidate(facts(known, { lease: undefined, stored: undefined }))).toBe(known.token);
  });

  it.each([true, false])('a refresh token is sent until it runs out, not then (rerunnable: %s)', (rerunnable) => {
    const { claims } = world({ rerunnable });
    expect(claims.candidate(facts(ofAge(59_999)))).toBeDefined();
    expect(claims.candidate(facts(ofAge(60_000)))).toBeUndefined();
  });
});

describe('a claim', () => {
  it('a claim is written down before the refresh token is sent, in the place of the lease', async () => {
    const { claims, put } = world();
    const known = storedOf('r');
    expect(await claims.claim(facts(known))).toBeDefined();
    expect(put).toEqual([{ ...known, claimed: true, generation: 50 }]);
  });

  it.each([
    ['nobody shares it', { shared: false }, LEASE],
    ['there is no lease', {}, undefined],
  ])('a claim is not written down where %s', async (_name, options, lease) => {
    const { claims, put } = world(options);
    expect(await claims.claim(facts(storedOf('r'), { lease }))).toBeDefined();
    expect(put).toEqual([]);
  });

  it('a claim is refused for a token that is not known, or was sent before with no answer', async () => {
    const { claims } = world();
    expect(await claims.claim(facts(undefined))).toBeUndefined();
    const known = facts(storedOf('r'));
    await claims.claim(known);
    expect(await claims.claim(known)).toBeUndefined();
    expect(claims.candidate(known)).toBeUndefined();
    expect(await claims.claim(facts(storedOf('other')))).toBeDefined();
  });

  it('a claim is not refused a second time where only a person could replace the token', async () => {
    const { claims } = world({ rerunnable: false });
    const known = facts(storedOf('r'));
    await claims.claim(known);
    expect(claims.candidate(known)).toBeDefined();
    expect(await claims.claim(known)).toBeDefined();
  });

  it.each([
    ['written', true, true],
    ['superseded', false, false],
    ['failed', false, true],
  ])('a claim whose note is %s is granted: %s, and a person’s: %s', async (outcome, granted, persons) => {
    for (const [rerunnable, expected] of [
      [true, granted],
      [false, persons],
    ] as const) {
      const { claims, storage } = world({ rerunnable });
      storage.outcome = outcome;
      const known = facts(storedOf('r'));
      expect((await claims.claim(known)) !== undefined).toBe(expected);
      expect(claims.candidate(known) !== undefined).toBe(!rerunnable || !expected);
    }
  });

  it('a claim that is released is written down as none, and the refresh token may be sent again', async () => {
    const { claims, put } = world();
    const known = facts(storedOf('r'));
    await (await claims.claim(known))?.release();
    expect(put.at(-1)).toMatchObject({ claimed: false, generation: 50 });
    expect(claims.candidate(known)).toBeDefined();
    expect(await claims.claim(known)).toBeDefined();
  });

  it('a claim that brought a token leaves a refresh token that stays the same good', async () => {
    const { claims } = world();
    const known = facts(storedOf('r'));
    await claims.claim(known);
    claims.succeeded();
    expect(claims.candidate(known)).toBeDefined();
  });
});

describe('a refresh token that the issuer refused', () => {
  it.each<[string, Partial<ClaimFacts>, number]>([
    ['in the place of the lease', {}, 50],
    ['after what stands there, where the lease is older', { lease: { generation: 3 } }, 11],
    ['after what stands there, where there is no lease', { lease: undefined }, 11],
  ])(
    'a refresh token that the issuer refused is not sent again, here or elsewhere: it is taken out of storage %s',
    async (_name, more, generation) => {
      const { claims, put } = world({ rerunnable: false });
      const known = storedOf('r');
      await claims.refused(facts(known, more));
      expect(put).toMatchObject([{ claimed: false, generation }]);
      expect(put[0]?.token).toMatchObject({ accessToken: 'a', refreshToken: undefined });
      expect(claims.candidate(facts(known))?.refreshToken).toBeUndefined();
      expect(claims.candidate(facts(known))?.accessToken).toBe('a');
    },
  );

  it('a refresh token that the issuer refused of a token that is not known changes nothing', async () => {
    const { claims, put } = world();
    await claims.refused(facts(undefined));
    expect(put).toEqual([]);
  });

  it('leaves a sign-in that came meanwhile as it is, and follows a later note of the same one', async () => {
    const { claims, put, storage } = world({ rerunnable: false });
    storage.stored = storedOf('signed-in', { generation: 51 });
    await claims.refused(facts(storedOf('r')));
    expect(put).toEqual([]);
    storage.stored = storedOf('r', { generation: 60 });
    await claims.refused(facts(storedOf('r')));
    expect(put).toMatchObject([{ generation: 61 }]);
  });
});

describe('what others have written since', () => {
  it.each<[string, boolean, number, number | undefined]>([
    ['is what is later than the token and the note of the own claim', true, 51, 51],
    ['is not the note of the own claim', true, 50, undefined],
    ['is not the token itself, where nobody shares it', false, 10, undefined],
    ['is what is later than the token, where nobody shares it', false, 11, 11],
  ])('what others have written since %s', async (_name, shared, generation, expected) => {
    const { claims, storage } = world({ shared });
    storage.stored = storedOf('r', { generation });
    expect((await claims.writtenSince({ known: storedOf('r'), lease: LEASE }))?.generation).toBe(expected);
  });

  it('what others have written since is anything where nothing was known', async () => {
    const { claims, storage } = world();
    expect(await claims.writtenSince({ known: undefined, lease: undefined })).toBeUndefined();
    storage.stored = storedOf('r', { generation: 1 });
    expect(await claims.writtenSince({ known: undefined, lease: undefined })).toBe(storage.stored);
  });
});
