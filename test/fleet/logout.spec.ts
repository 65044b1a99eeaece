import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import {
  AuthenticationError,
  InMemoryTokenStorage,
  RedisTokenStorage,
  Token,
  TokenManager,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { Gate } from '../support/gate.js';
import { useRedis } from '../support/redis-of-spec.js';
import { rejection, until } from '../support/async.js';
import { OneStore } from './one-store.js';

const redis = useRedis();
const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of opened.splice(0).toReversed()) await thing.close();
});

const LIFE_MS = 3_600_000;

function tokenOf(name: string): Token {
  return new Token({ accessToken: name, refreshToken: name, expiresAt: Date.now() + LIFE_MS });
}

/** A grant that a person has to run. */
class PersonsGrant implements TokenProvider {
  readonly rerunnable = false;
  readonly identity = ['persons'];
  /** Refreshes wait here. */
  readonly refreshes = new Gate();
  /** Whether the next refresh finds the issuer busy. */
  busy = false;
  #refreshed = 0;

  async fetchToken(): Promise<Token> {
    throw new Error('nobody is here');
  }

  async refreshToken(): Promise<Token> {
    await this.refreshes.pass();
    if (this.busy) throw new AuthenticationError('The issuer is busy.', { transient: true, status: 503 });
    this.#refreshed += 1;
    return tokenOf(`next-${this.#refreshed}`);
  }
}

/** Lets the note that a refresh token is being sent wait. */
class SlowNotes extends RedisTokenStorage {
  readonly notes = new Gate();

  override async setIfNewer(...args: Parameters<RedisTokenStorage['setIfNewer']>): Promise<boolean> {
    if (args[1].includes('"claimed":true')) await this.notes.pass();
    return super.setIfNewer(...args);
  }
}

function onRedis(): { readonly manager: TokenManager; readonly storage: SlowNotes } {
  const client = new Redis(redis.url);
  opened.push({ close: () => client.disconnect() });
  const storage = new SlowNotes(client);
  const manager = new TokenManager({ name: 'calendar', provider: new PersonsGrant(), storage });
  opened.push(manager);
  return { manager, storage };
}

it('a logout stands, though another process has just taken the lease to renew the token', async () => {
  const [renewing, other] = [onRedis(), onRedis()];
  const request = { subject: 'ann' };
  await renewing.manager.setToken(tokenOf('first'), request);
  renewing.storage.notes.hold();
  const renewal = rejection(renewing.manager.forceRefresh(request));
  await until(() => renewing.storage.notes.waiting === 1, 'the note');
  await other.manager.forSubject('ann').forget();
  renewing.storage.notes.release();
  await renewal;
  for (const { manager } of [renewing, other]) {
    expect(await manager.forSubject('ann').has()).toBe(false);
    expect(await rejection(manager.forSubject('ann').getToken())).toMatchObject({ name: 'AuthenticationError' });
  }
});

it('a sign-in stands that comes while the logout before it is noticed', async () => {
  const store = new OneStore();
  const provider = new PersonsGrant();
  const managers = [0, 1].map(
    () => new TokenManager({ name: 'calendar', provider, storage: store.storage, lock: store.lock }),
  );
  opened.push(...managers);
  const [renewing, other] = managers as [TokenManager, TokenManager];
  const request = { subject: 'ann' };
  await renewing.setToken(tokenOf('first'), request);
  provider.busy = true;
  await rejection(renewing.forceRefresh(request));
  provider.busy = false;
  provider.refreshes.hold();
  const renewal = rejection(renewing.forceRefresh(request));
  await until(() => provider.refreshes.waiting === 1, 'the refresh');
  await other.forSubject('ann').forget();
  store.writes.hold();
  provider.refreshes.release();
  await until(() => store.writes.waiting > 0, 'the end of the backoff is being written');
  const signedIn = renewing.setToken(tokenOf('second'), request);
  store.writes.release();
  await Promise.all([signedIn, renewal]);
  expect((await renewing.getToken(request)).accessToken).toBe('second');
});

it('a logout stands in a process that heard nothing of it, when the access token has run out, too', async () => {
  const storage = new InMemoryTokenStorage();
  const managers = [0, 1].map(() => new TokenManager({ name: 'calendar', provider: new PersonsGrant(), storage }));
  opened.push(...managers);
  const [away, other] = managers as [TokenManager, TokenManager];
  await away.setToken(new Token({ accessToken: 'first', refreshToken: 'first', expiresAt: Date.now() - 1 }), {
    subject: 'ann',
  });
  await other.forSubject('ann').forget();
  await setTimeout(5);
  expect(await rejection(away.getToken({ subject: 'ann' }))).toMatchObject({ name: 'AuthenticationError' });
  expect(await away.forSubject('ann').has()).toBe(false);
});
