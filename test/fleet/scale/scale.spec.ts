import { loadsOf, type Load } from './virtual-fleet.js';

/** Factor that chance may account for: who happens to be under way when something happens. */
const LEEWAY = 1.25;

describe('one Redis', () => {
  let small: Record<string, Load>;
  let large: Record<string, Load>;
  beforeAll(async () => {
    small = await loadsOf(20);
    large = await loadsOf(200);
  });

  it('one Redis is asked nothing while a token is good', () => {
    expect(large['steady']).toMatchObject({ commands: 0, tokenRequests: 0 });
  });

  it.each(['rotation', 'revocation', 'invalidation', 'restart'])(
    'one Redis is asked no more by each process of a larger fleet at a %s',
    (what) => {
      const each = (loads: Record<string, Load>, processes: number): number => (loads[what]?.commands ?? 0) / processes;
      expect(each(large, 200)).toBeGreaterThan(0);
      expect(each(large, 200)).toBeLessThanOrEqual(each(small, 20) * LEEWAY);
    },
  );

  it.each(['rotation', 'revocation'])(
    'one Redis carries one announcement of a %s, however many processes see it',
    (what) => {
      expect([small, large].map((loads) => loads[what]?.byCommand['PUBLISH'])).toEqual([1, 1]);
    },
  );

  it('one Redis carries an announcement of the invalidation and one of the next token, however many processes invalidate', () => {
    for (const loads of [small, large]) {
      const announcements = loads['invalidation']?.byCommand['PUBLISH'];
      expect(announcements).toBeGreaterThanOrEqual(2);
      // One may read just before the tombstone is written, and take the lease just after.
      expect(announcements).toBeLessThanOrEqual(3);
    }
  });

  it('sees one token request at a rotation, one at a revocation or an invalidation, and none at a restart', () => {
    const requests = Object.fromEntries(
      Object.entries(large).map(([what, { tokenRequests }]) => [what, tokenRequests]),
    );
    expect(requests).toEqual({ steady: 0, rotation: 1, revocation: 1, invalidation: 1, restart: 0 });
  });
});
