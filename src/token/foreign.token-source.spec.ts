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
