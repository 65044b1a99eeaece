import { SubjectTokens } from './subject-tokens.js';
import type { TokenHandle } from './token-source.js';
import { Token } from './token.js';

it('the tokens of a user are those of their handle, and every call waits for its end', async () => {
  const token = new Token({ accessToken: 'a' });
  const done: unknown[] = [];
  const later =
    <T>(name: string, answer: T) =>
    async (...args: unknown[]): Promise<T> => {
      await new Promise((resolve) => setImmediate(resolve));
      done.push([name, ...args]);
      return answer;
    };
  const handle = {
    get: later('get', token),
    set: later('set', undefined),
    has: later('has', true),
    revoke: later('revoke', undefined),
    forget: later('forget', true),
  } as unknown as TokenHandle;
  const tokens = new SubjectTokens((use) => use(handle));
  expect([await tokens.getToken(), await tokens.has()]).toEqual([token, true]);
  await tokens.setToken(token);
  await tokens.revoke();
  expect(await tokens.forget()).toBeUndefined();
  expect(done).toEqual([['get'], ['has'], ['set', token], ['revoke'], ['forget']]);
});
