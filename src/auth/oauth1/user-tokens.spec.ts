import { FakeClock } from '../../testing/fake-clock.js';
import type { GuardedStorage } from '../../storage/guarded-storage.js';
import { UserTokens } from './user-tokens.js';

/** A storage that may be down, and notes what it is asked. */
class Store {
  readonly values = new Map<string, string>();
  readonly writes: { readonly text: string; readonly ttlMs: number; readonly irreplaceable: boolean | undefined }[] =
    [];
  reads = 0;
  failing = false;

  async readText(key: string): Promise<string | undefined> {
    this.reads += 1;
    return this.failing ? undefined : this.values.get(key);
  }

  async writeText(
    key: string,
    text: string,
    ttlMs: number,
    options: { irreplaceable?: boolean } = {},
  ): Promise<'written' | 'failed'> {
    this.writes.push({ text, ttlMs, irreplaceable: options.irreplaceable });
    if (this.failing) return 'failed';
    this.values.set(key, text);
    return 'written';
  }
}

let store: Store;
let clock: FakeClock;
beforeEach(() => {
  store = new Store();
  clock = new FakeClock();
});

const member = (): UserTokens =>
  new UserTokens({ storage: store as unknown as GuardedStorage, clock, keyPrefix: 'forge-auth', owner: ['x'] });
const TOKEN = { token: 't', tokenSecret: 's' };

describe('the token of a user', () => {
  it('the token of a user is stored for ten years, and is dropped after others; that there is none, for a minute', async () => {
    const alice = member().forSubject('alice');
    await alice.setToken(TOKEN);
    await alice.forget();
    expect(store.writes).toEqual([
      { text: '["t","s"]', ttlMs: 10 * 365 * 24 * 3_600_000, irreplaceable: true },
      { text: 'forgotten', ttlMs: 60_000, irreplaceable: false },
    ]);
    expect([...store.values.keys()]).toEqual([expect.stringMatching(/^forge-auth:oauth1:token:\w+/)]);
  });

  it('the token of a user is looked for again after 5 s, whether there was one or not', async () => {
    const [here, there] = [member().forSubject('alice'), member().forSubject('alice')];
    expect([await there.has(), await there.has(), store.reads]).toEqual([false, false, 1]);
    await here.setToken(TOKEN);
    await clock.advance(4_999);
    expect([await there.has(), store.reads]).toEqual([false, 1]);
    await clock.advance(1);
    expect([await there.getToken(), store.reads]).toEqual([TOKEN, 2]);
    await here.forget();
    expect([await there.has(), await here.has(), store.reads]).toEqual([true, false, 2]);
    await clock.advance(5_000);
    expect([await there.has(), store.reads]).toEqual([false, 3]);
  });

  it('the token of a user is the one last seen while the storage is down', async () => {
    const alice = member().forSubject('alice');
    await alice.setToken(TOKEN);
    store.failing = true;
    await clock.advance(60_000);
    expect(await alice.getToken()).toEqual(TOKEN);
    store.failing = false;
    store.values.clear();
    expect(await alice.has()).toBe(false);
  });

  it('the token of a user that could not be stored is used, and stored by a later look', async () => {
    const alice = member().forSubject('alice');
    store.failing = true;
    await alice.setToken(TOKEN);
    expect([await alice.getToken(), store.values.size, store.reads]).toEqual([TOKEN, 0, 0]);
    store.failing = false;
    expect(await alice.getToken()).toEqual(TOKEN);
    expect([[...store.values.values()], store.writes.length]).toEqual([['["t","s"]'], 3]);
    await alice.getToken();
    expect([store.writes.length, store.reads]).toEqual([3, 0]);
  });

  it.each(['garbage', '{}', '[]', '["t"]', '[1,"s"]', '["t",2]', 'null'])(
    'the token of a user is not what nobody of ours has written: %s',
    async (text) => {
      const alice = member().forSubject('alice');
      await alice.setToken(TOKEN);
      for (const key of store.values.keys()) store.values.set(key, text);
      await clock.advance(5_000);
      expect(await alice.has()).toBe(false);
    },
  );

  it('the token of a user is missing until they have consented: its error names them by a fingerprint alone', async () => {
    await expect(member().forSubject('alice').getToken()).rejects.toMatchObject({
      code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
      transient: false,
      subject: expect.not.stringContaining('alice') as string,
    });
  });

  it('the tokens of the 10,000 users that were last asked for are known without a look at the storage', async () => {
    const tokens = member();
    for (let user = 0; user < 10_000; user += 1) await tokens.forSubject(`${user}`).setToken(TOKEN);
    await tokens.forSubject('0').setToken(TOKEN);
    await tokens.forSubject('one more').setToken(TOKEN);
    for (const user of ['0', '2', 'one more']) await tokens.forSubject(user).getToken();
    expect(store.reads).toBe(0);
    await tokens.forSubject('1').getToken();
    expect(store.reads).toBe(1);
  });

  it.each(['', undefined, 5])('the token of a user is not asked for by the name %j', (name) => {
    expect(() => member().forSubject(name as string)).toThrow('The subject must be a text that is not empty.');
  });
});
