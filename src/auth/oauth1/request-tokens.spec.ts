import { FakeClock } from '../../testing/fake-clock.js';
import type { GuardedStorage } from '../../storage/guarded-storage.js';
import { RequestTokens } from './request-tokens.js';

/** A storage that takes nothing, and has nothing. */
const down = {
  writeText: async () => 'failed',
  readText: async () => undefined,
  acquire: async () => 'down',
} as unknown as GuardedStorage;
const { signal } = new AbortController();

const tokensOn = (storage: GuardedStorage, clock = new FakeClock()): RequestTokens =>
  new RequestTokens({ storage, clock, keyPrefix: 'forge-auth', owner: ['x-api'] });

describe('request tokens that cannot be stored', () => {
  it('request tokens that cannot be stored are taken once by the process that asked for them, within ten minutes', async () => {
    const clock = new FakeClock();
    const tokens = tokensOn(down, clock);
    await tokens.put('one', { tokenSecret: 'its secret' });
    await tokens.put('late', { tokenSecret: 'another secret' });
    expect(await tokens.take('one', signal)).toEqual({ tokenSecret: 'its secret' });
    expect(await tokens.take('one', signal)).toBeUndefined();
    await clock.advance(600_000);
    expect(await tokens.take('late', signal)).toBeUndefined();
  });

  it('request tokens that cannot be stored are the latest 10,000', async () => {
    const tokens = tokensOn(down);
    for (let index = 0; index <= 10_000; index += 1) await tokens.put(`t${index}`, { tokenSecret: `s${index}` });
    expect(await tokens.take('t0', signal)).toBeUndefined();
    expect(await tokens.take('t1', signal)).toEqual({ tokenSecret: 's1' });
    expect(await tokens.take('t10000', signal)).toEqual({ tokenSecret: 's10000' });
  });
});
