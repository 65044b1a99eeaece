import { FakeClock } from '../../testing/fake-clock.js';
import { silentLogger } from '../../logger.js';
import { GuardedStorage } from '../../storage/guarded-storage.js';
import { InMemoryTokenStorage } from '../../storage/in-memory.token-storage.js';
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

const storeOf = (
  clock: FakeClock,
): { values: Map<string, string>; memory: InMemoryTokenStorage; storage: GuardedStorage } => {
  const memory = new InMemoryTokenStorage({ clock });
  const values = new Map<string, string>();
  const { set } = memory;
  memory.set = async (key, value, ...more) => {
    values.set(key, value);
    return set.call(memory, key, value, ...more);
  };
  return { values, memory, storage: new GuardedStorage(memory, { clock, logger: silentLogger }) };
};

describe('request tokens that are stored', () => {
  it('request tokens that are stored are taken once, by whichever process, and stay taken', async () => {
    const { storage, values } = storeOf(new FakeClock());
    const [one, other] = [tokensOn(storage), tokensOn(storage)];
    await one.put('a', { tokenSecret: 'its secret', subject: 'alice' });
    expect([...values.keys()]).toEqual([expect.stringMatching(/^forge-auth:oauth1:request-token:\w+/)]);
    expect(await other.take('a', signal)).toEqual({ tokenSecret: 'its secret', subject: 'alice' });
    expect([...values.values()]).toEqual(['taken']);
    expect(await one.take('a', signal)).toBeUndefined();
    expect(await one.take('unknown', signal)).toBeUndefined();
  });

  it('request tokens that are stored are good for less than ten minutes, whatever the storage keeps', async () => {
    const clock = new FakeClock();
    const { storage, values, memory } = storeOf(clock);
    const tokens = tokensOn(storage, clock);
    await tokens.put('early', { tokenSecret: 's' });
    await tokens.put('late', { tokenSecret: 's' });
    const kept = [...values];
    await clock.advance(599_999);
    expect(await tokens.take('early', signal)).toEqual({ tokenSecret: 's' });
    await clock.advance(1);
    for (const [key, value] of kept) await memory.set(key, value);
    expect(await tokens.take('late', signal)).toBeUndefined();
  });

  it('request tokens that are stored are taken under a lease of 5 s, which is given back, whatever was found', async () => {
    const { storage } = storeOf(new FakeClock());
    const [asked, log]: [unknown[], string[]] = [[], []];
    const release = (): Promise<void> => {
      log.push('released');
      return Promise.reject(new Error('lost'));
    };
    Object.assign(storage, {
      acquire: async (key: string, options: { ttlMs: number; signal: AbortSignal }) => {
        asked.push([key, options.ttlMs, options.signal === signal]);
        return { generation: 1, extend: async () => true, release };
      },
    });
    const tokens = tokensOn(storage);
    await tokens.put('a', { tokenSecret: 's' });
    expect([await tokens.take('a', signal), await tokens.take('none', signal)]).toEqual([
      { tokenSecret: 's' },
      undefined,
    ]);
    const key = expect.stringMatching(/^forge-auth:oauth1:request-token:.+:lock$/) as string;
    expect(asked).toEqual([
      [key, 5_000, true],
      [key, 5_000, true],
    ]);
    expect(log).toEqual(['released', 'released']);
  });

  it('request tokens that are stored are not taken while another process takes them', async () => {
    const { storage } = storeOf(new FakeClock());
    const tokens = tokensOn(storage);
    await tokens.put('a', { tokenSecret: 's' });
    const [first, second] = await Promise.all([tokens.take('a', signal), tokens.take('a', signal)]);
    expect([first, second]).toEqual([{ tokenSecret: 's' }, undefined]);
  });

  it('request tokens that were taken locally are forgotten here, and the old make room for the new', async () => {
    const clock = new FakeClock();
    const tokens = tokensOn(down, clock);
    await tokens.put('old', { tokenSecret: 'o' });
    await clock.advance(1_000);
    await tokens.put('younger', { tokenSecret: 'y' });
    await clock.advance(599_000);
    await tokens.put('new', { tokenSecret: 'n' });
    expect([await tokens.take('younger', signal), await tokens.take('old', signal)]).toEqual([
      { tokenSecret: 'y' },
      undefined,
    ]);
  });
});
