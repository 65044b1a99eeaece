import { ConfigurationError } from '../errors.js';
import { foreignSource } from './foreign.token-source.js';
import { Token } from './token.js';

const TOKEN = new Token({ accessToken: 'a' });
const REQUEST = { scope: 'read' };

/** A manager that records how it is called, and answers one token to everything. */
function recording(): { calls: unknown[][]; manager: object } {
  const calls: unknown[][] = [];
  const method =
    (name: string, answer: unknown = TOKEN) =>
    (...args: unknown[]): unknown => {
      calls.push([name, ...args]);
      return answer;
    };
  const names = ['getToken', 'forceRefresh', 'setToken', 'invalidate', 'revoke', 'peek'];
  const manager = Object.fromEntries(names.map((name) => [name, method(name)]));
  return { calls, manager: { ...manager, introspect: method('introspect', { active: true }) } };
}

it('a manager that is put in the place of one of ours is asked for what the call asks for', async () => {
  const { calls, manager } = recording();
  const handle = foreignSource(manager, 'Service "orders"').for(REQUEST);
  await handle.get();
  await handle.forceRefresh();
  await handle.set(TOKEN);
  await handle.invalidate(TOKEN);
  await handle.revoke('refresh_token');
  await handle.revoke();
  expect(await handle.introspect()).toEqual({ active: true });
  expect([handle.peek(), await handle.has()]).toEqual([TOKEN, true]);
  expect(calls).toEqual([
    ['getToken', REQUEST],
    ['forceRefresh', REQUEST],
    ['setToken', TOKEN, REQUEST],
    ['invalidate', TOKEN, REQUEST],
    ['revoke', { ...REQUEST, token: 'refresh_token' }],
    ['revoke', REQUEST],
    ['introspect', REQUEST],
    ['peek', REQUEST],
    ['peek', REQUEST],
  ]);
});

it('a manager that has getToken alone is one: what it cannot do is left out', async () => {
  const handle = foreignSource({ getToken: async () => TOKEN }, 'Service "orders"').for(REQUEST);
  await Promise.all([handle.set(TOKEN), handle.invalidate(), handle.revoke()]);
  expect([handle.peek(), await handle.has(), await handle.introspect()]).toEqual([undefined, false, {}]);
});

it.each([
  ['the same', 'a', undefined],
  ['another one', 'b', true],
])('a manager’s rejected token is invalidated and asked for again: it answers %s', async (_name, answer, isNewer) => {
  const calls: unknown[][] = [];
  const newer = new Token({ accessToken: answer });
  const manager = {
    getToken: async (...args: unknown[]) => (calls.push(['get', ...args]), newer),
    invalidate: async (...args: unknown[]) => void calls.push(['invalidate', ...args]),
  };
  const replaced = await foreignSource(manager, 'Service "orders"').for(REQUEST).replace(TOKEN);
  expect(replaced).toEqual(isNewer && { token: newer, obtainedAfterRejection: true });
  expect(calls).toEqual([
    ['invalidate', TOKEN, REQUEST],
    ['get', REQUEST],
  ]);
});

it('a manager’s token is forgotten by its invalidation, which says whether there was one', async () => {
  const { calls, manager } = recording();
  expect(await foreignSource(manager, 'Service "orders"').for(REQUEST).forget()).toBe(true);
  expect(calls).toEqual([
    ['peek', REQUEST],
    ['invalidate', undefined, REQUEST],
  ]);
  expect(
    await foreignSource({ getToken: async () => TOKEN }, 'x')
      .for()
      .forget(),
  ).toBe(false);
});

it('a manager hears of a rejection that concerns no call, and is left open at the end', async () => {
  const { calls, manager } = recording();
  const source = foreignSource({ ...manager, close: () => calls.push(['close']) }, 'Service "orders"');
  await source.invalidate(TOKEN);
  await source.close();
  expect(calls).toEqual([['invalidate', TOKEN]]);
  await foreignSource({ getToken: async () => TOKEN }, 'x').invalidate(TOKEN);
});

it('a manager is asked again and again: nothing is kept of what it answered', async () => {
  const handle = foreignSource(recording().manager, 'Service "orders"').for();
  expect([handle.peekFresh(), handle.reject(TOKEN), handle.recordOutcome(TOKEN, true)]).toEqual(
    Array(3).fill(undefined),
  );
  expect(handle.refusing.mayRenew('/orders')).toBe(true);
});

it.each([undefined, null, {}, { getToken: TOKEN }])(
  'a manager that is none is refused by what it lacks: %j',
  (manager) => {
    expect(() => foreignSource(manager, 'Service "orders"')).toThrow(ConfigurationError);
    expect(() => foreignSource(manager, 'Service "orders"')).toThrow(
      'Service "orders": what takes the place of its token manager must have a method getToken(): Promise<Token>.',
    );
  },
);
