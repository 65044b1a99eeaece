import { RenewalElsewhere } from './renewal-elsewhere.js';

it('a renewal elsewhere is waited for where storage went away while it was under way', () => {
  const elsewhere = new RenewalElsewhere();
  elsewhere.seen('r1');
  expect(elsewhere.isUnsureOf('r1')).toBe(false);
  expect(elsewhere.loseSight('r1')).toBe(true);
  expect([elsewhere.isUnsureOf('r1'), elsewhere.isUnsureOf('r2'), elsewhere.isUnsureOf(undefined)]).toEqual([
    true,
    false,
    false,
  ]);
  elsewhere.seen('r1');
  expect(elsewhere.isUnsureOf('r1')).toBe(true);
  elsewhere.over();
  expect(elsewhere.isUnsureOf('r1')).toBe(false);
});

it.each([
  ['nobody was seen to send', undefined, 'r1'],
  ['is another one', 'r1', 'r2'],
  ['a grant can take the place of', undefined, undefined],
])('a refresh token that %s is sent though storage is away', (_which, seen, sent) => {
  const elsewhere = new RenewalElsewhere();
  elsewhere.seen(seen);
  expect([elsewhere.loseSight(sent), elsewhere.isUnsureOf(sent)]).toEqual([false, false]);
});

it('a renewal elsewhere with the next refresh token is one that is known to be under way', () => {
  const elsewhere = new RenewalElsewhere();
  elsewhere.seen('r1');
  elsewhere.loseSight('r1');
  elsewhere.seen('r2');
  expect([elsewhere.isUnsureOf('r2'), elsewhere.isUnsureOf('r1')]).toEqual([false, false]);
});
