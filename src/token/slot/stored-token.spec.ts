import { Token } from '../token.js';
import {
  generationsFrom,
  isToBeRejected,
  refreshExpiryOf,
  type StoredToken,
  toStored,
  ttlMsOf,
} from './stored-token.js';

const NOW = 1_000_000;
const HOUR_MS = 3_600_000;
const tokenOf = (more: Partial<ConstructorParameters<typeof Token>[0]> = {}): Token =>
  new Token({ accessToken: 'a', ...more });
const storedOf = (more: Partial<StoredToken> = {}): StoredToken => ({
  token: tokenOf(),
  obtainedAt: NOW,
  generation: 7,
  ...more,
});

describe('the place of a token in the order of writes', () => {
  const place = (generation: number | undefined, after: number | undefined): number =>
    toStored(
      tokenOf(),
      NOW,
      { after: after === undefined ? undefined : storedOf({ generation: after }), generation },
      { defaultTtlMs: undefined },
    ).generation;

  it.each([
    ['is when it was obtained', undefined, undefined, NOW],
    ['is the generation of its lease', NOW + 5, undefined, NOW + 5],
    ['is after the token before it, though its lease is older', NOW, NOW, NOW + 1],
    ['is its own where the token before it is older', NOW, NOW - 1, NOW],
    ['is above zero', 0, undefined, 1],
  ])('the place of a token in the order of writes %s', (_name, generation, after, expected) => {
    expect(place(generation, after)).toBe(expected);
  });
});

it('a token without an end has that of the service, where that sets one, from when it was asked for', () => {
  const place = { after: undefined, generation: undefined };
  const expiry = (expiresAt: number | undefined, defaultTtlMs: number | undefined): number | undefined =>
    toStored(tokenOf({ expiresAt }), NOW, place, { defaultTtlMs }).token.expiresAt;
  expect([expiry(undefined, 500), expiry(NOW + 9, 500), expiry(undefined, undefined)]).toEqual([
    NOW + 500,
    NOW + 9,
    undefined,
  ]);
});

it('what must be written goes ahead of the clock by a second, doubled up to two days', () => {
  const ahead = [...generationsFrom(NOW)].map((generation) => generation - NOW);
  expect(ahead.slice(0, 4)).toEqual([0, 1_000, 2_000, 4_000]);
  expect(ahead.at(-1)).toBe(1_000 * 2 ** 17);
  expect(ahead).toHaveLength(19);
});

it.each<[string, Partial<StoredToken>, Token | undefined, boolean, boolean]>([
  ['a stored token is to be rejected whichever it is, where none is named', {}, undefined, false, true],
  ['a stored token is to be rejected if it is the one that is named', {}, tokenOf(), false, true],
  ['a stored token is not to be rejected for another', {}, new Token({ accessToken: 'b' }), false, false],
  ['a stored token is not to be rejected twice', { rejected: true }, tokenOf(), false, false],
  [
    'a rejected token is not to be rejected whole where it has no refresh token',
    { rejected: true },
    tokenOf(),
    true,
    false,
  ],
  [
    'a rejected token is to be rejected whole while it has a refresh token',
    { rejected: true, token: tokenOf({ refreshToken: 'r' }) },
    tokenOf(),
    true,
    true,
  ],
])('%s', (_name, stored, target, whole, expected) => {
  expect(isToBeRejected(storedOf(stored), target, whole)).toBe(expected);
});

it.each<[string, Record<string, unknown>, number | undefined]>([
  ['refresh_expires_in', { refresh_expires_in: 60 }, NOW + 60_000],
  ['refresh_token_expires_in', { refresh_token_expires_in: '90' }, NOW + 90_000],
  ['the former of both', { refresh_expires_in: 60, refresh_token_expires_in: 90 }, NOW + 60_000],
  ['nothing where it is zero, as for one without an end', { refresh_expires_in: 0 }, undefined],
  ['nothing where it is no number', { refresh_expires_in: 'soon' }, undefined],
  ['nothing where it is neither number nor text', { refresh_expires_in: true }, undefined],
  ['nothing where it cannot be written as a number', { refresh_expires_in: { toString: 0 } }, undefined],
  ['nothing', {}, undefined],
])('the end of a refresh token is read from %s', (_name, extra, expected) => {
  expect(refreshExpiryOf(tokenOf({ extra }), NOW)).toBe(expected);
});

it('a token is kept as long as it or its refresh token is good, counted from now', () => {
  const later = NOW + 1_000;
  const ttl = (more: Partial<ConstructorParameters<typeof Token>[0]>): number =>
    ttlMsOf(storedOf({ token: tokenOf(more) }), later);
  expect(ttl({ expiresAt: NOW + HOUR_MS })).toBe(HOUR_MS - 1_000);
  expect(ttl({})).toBe(24 * HOUR_MS);
  expect(ttl({ refreshToken: 'r', expiresAt: NOW + HOUR_MS })).toBe(30 * 24 * HOUR_MS - 1_000);
  expect(ttl({ refreshToken: 'r', extra: { refresh_expires_in: 60 }, expiresAt: NOW + 5_000 })).toBe(59_000);
  expect(ttl({ refreshToken: 'r', extra: { refresh_expires_in: 2 }, expiresAt: NOW + 5_000 })).toBe(4_000);
});
