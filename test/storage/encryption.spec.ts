import { randomBytes } from 'node:crypto';
import { createKeyv } from '@keyv/redis';
import { CacheModule } from '@nestjs/cache-manager';
import {
  ConfigurationError,
  type EncryptionOptions,
  ForgeAuthModule,
  type ForgeAuthRootOptions,
} from 'nestjs-forge-auth';
import { bootFailure } from '../module/boot.js';
import { expectNoSecrets } from '../support/secrets.js';
import { CLIENT, USER } from '../support/token-endpoint.js';
import { times } from '../support/async.js';
import { type Member, nestAppOver } from './members.js';
import { useSharedWorld } from '../support/world-of-spec.js';

const old = { id: 'old', key: randomBytes(32).toString('base64') };
const next = { id: 'next', key: randomBytes(32) };

const world = useSharedWorld();

const nestApp = nestAppOver((url) => createKeyv(url, { namespace: 'app' }));

/** Starts an app that has these keys; without any, one that stores in the clear. */
async function start(keys?: EncryptionOptions['keys'], root: ForgeAuthRootOptions = {}): Promise<Member> {
  const member = await nestApp({
    redisUrl: world.redis.url,
    apiUrl: world.api.origin,
    tokenUrl: world.endpoint.url,
    logger: world.logger,
    root: { ...root, ...(keys === undefined ? undefined : { encryption: { keys } }) },
  });
  return world.closeLater(member);
}

/** Everything in Redis, keys and values. */
async function dump(): Promise<string> {
  const keys = (await world.redis.command('KEYS', '*')) as string[];
  const values = await Promise.all(keys.map((key) => world.redis.command('GET', key)));
  return keys.flatMap((key, index) => [key, String(values[index])]).join('\n');
}

async function tokenKey(service = 'orders'): Promise<string> {
  const keys = (await world.redis.command('KEYS', '*')) as string[];
  return keys.find((key) => key.startsWith(`app::forge-auth:${service}:`)) ?? '';
}

const troubles = (): string[] => world.logger.warnings.filter((line) => line.startsWith('Token'));
const storageLines = (): string[] => world.logger.lines.filter((line) => line.startsWith('Tokens are kept'));

it('keeps every secret out of Redis and out of the log', async () => {
  const canaries = { id_token: 'canary-id-token', extra_secret: 'canary-extra-secret' };
  world.endpoint.configure({ refreshTokens: 'rotate', extra: canaries });
  const { client } = await start([old]);
  await client.get('/orders');
  await client.tokens?.forceRefresh();
  world.endpoint.answerNext(
    ...times(10, () => ({ status: 503, headers: { 'retry-after': '60' }, text: 'canary-of-the-issuer' })),
  );
  await client.tokens?.forceRefresh().catch(() => undefined);
  const issued = world.endpoint.issued.flatMap(({ accessToken, refreshToken = accessToken }) => [
    accessToken,
    refreshToken,
  ]);
  const secrets = [
    ...issued,
    ...Object.values(canaries),
    'canary-of-the-issuer',
    ...Object.values(CLIENT),
    USER.password,
  ];
  const stored = await dump();
  expect(stored).toContain('forge-auth.1.old.');
  expectNoSecrets(stored, secrets);
  expectNoSecrets([...world.logger.lines, ...world.logger.warnings].join('\n'), [...secrets, old.key]);
  expect(storageLines()).toEqual(["Tokens are kept in the app's CACHE_MANAGER, encrypted: one request per fleet."]);
});

it('without keys, one line at the start says that tokens are stored in the clear', async () => {
  const { client } = await start();
  await client.get('/orders');
  expect(await dump()).toContain(world.api.tokens[0]);
  expect(storageLines()).toEqual(["Tokens are kept in the app's CACHE_MANAGER, in the clear: one request per fleet."]);
});

it('a key is rotated under two running apps without a token request', async () => {
  const [one, two] = [await start([old]), await start([old])];
  await Promise.all([one.client.get('/orders'), two.client.get('/orders')]);
  expect(world.endpoint.tokenRequests).toBe(1);
  // One app after the other gets the new key, and finds the token under the old one.
  await one.close();
  const oneWithBoth = await start([next, old]);
  await Promise.all([oneWithBoth.client.get('/orders'), two.client.get('/orders')]);
  await two.close();
  const twoWithBoth = await start([next, old]);
  await Promise.all([oneWithBoth.client.get('/orders'), twoWithBoth.client.get('/orders')]);
  expect([world.endpoint.tokenRequests, await dump()]).toEqual([1, expect.stringContaining('forge-auth.1.old.')]);
  // The next token is under the new key: the old one may go.
  await twoWithBoth.client.tokens?.forceRefresh();
  expect(await dump()).not.toContain('forge-auth.1.old.');
  const newOnly = await start([next]);
  await Promise.all([newOnly.client.get('/orders'), oneWithBoth.client.get('/orders')]);
  expect([world.endpoint.tokenRequests, world.api.unauthorized, troubles()]).toEqual([2, 0, []]);
});

it('an app that knows the new key as its second reads what others have encrypted with it', async () => {
  const [ready, switched] = [await start([old, next]), await start([next, old])];
  await switched.client.get('/orders');
  await ready.client.get('/orders');
  await ready.client.tokens?.forceRefresh();
  await switched.client.get('/orders');
  expect([world.endpoint.tokenRequests, new Set(world.api.tokens.slice(-1)).size]).toEqual([2, 1]);
  await (await start([next, old])).client.get('/orders');
  expect([world.endpoint.tokenRequests, troubles()]).toEqual([2, []]);
});

it('an app that meets a key it does not know keeps the token it has, and asks for its own when that is gone', async () => {
  const behind = await start([old]);
  await behind.client.get('/orders');
  const ahead = await start([next, old]);
  await ahead.client.tokens?.forceRefresh();
  await Promise.all(times(10, () => behind.client.get('/orders')));
  expect([world.endpoint.tokenRequests, world.api.unauthorized]).toEqual([2, 0]);
  await (await start([old])).client.get('/orders');
  expect([world.endpoint.tokenRequests, troubles()]).toEqual([3, []]);
});

/** Edits what is stored, in the cache's own format. */
async function put(edit: (sealed: string) => string): Promise<void> {
  const key = await tokenKey();
  const stored = JSON.parse(String(await world.redis.command('GET', key))) as { value: string };
  await world.redis.command('SET', key, JSON.stringify({ ...stored, value: edit(stored.value) }));
}

/** One bit is another one. */
function withByte(sealed: string, place: number): string {
  const bytes = Buffer.from(sealed.split('.').at(-1) ?? '', 'base64url');
  bytes[place < 0 ? bytes.length + place : place] = (bytes.at(place) ?? 0) ^ 1;
  return [...sealed.split('.').slice(0, -1), bytes.toString('base64url')].join('.');
}

describe('asks once, and says nothing, where what is stored', () => {
  it.each<[string, (sealed: string) => string]>([
    ['was edited in its beginning', (sealed) => withByte(sealed, 0)],
    ['was edited in its text', (sealed) => withByte(sealed, 40)],
    ['was edited in its seal', (sealed) => withByte(sealed, -1)],
    ['was cut', (sealed) => sealed.slice(0, sealed.length / 2)],
    ['names an unknown key', (sealed) => sealed.replace('.old.', '.lost.')],
    ['names another of the keys', (sealed) => sealed.replace('.old.', '.next.')],
    ['is of another version', (sealed) => sealed.replace('forge-auth.1.', 'forge-auth.2.')],
    ["is somebody else's", () => 'U2FsdGVkX1+of/another/program=='],
  ])('%s', async (_what, edit) => {
    await (await start([old, next])).client.get('/orders');
    await put(edit);
    const finder = await start([old, next]);
    await Promise.all(times(10, () => finder.client.get('/orders')));
    expect(world.endpoint.tokenRequests).toBe(2);
    await (await start([old, next])).client.get('/orders');
    expect([world.endpoint.tokenRequests, world.api.unauthorized, troubles()]).toEqual([2, 0, []]);
  });

  it('asks once, and says nothing, where what is stored was sealed with a key of the same name and other bytes', async () => {
    await (await start([{ id: 'old', key: randomBytes(32) }])).client.get('/orders');
    await (await start([old])).client.get('/orders');
    expect([world.endpoint.tokenRequests, troubles()]).toEqual([2, []]);
  });

  it.each<[string, EncryptionOptions['keys'] | undefined, EncryptionOptions['keys'] | undefined]>([
    ['is in the clear, and it has keys', undefined, [old]],
    ['is sealed, and it has no keys', [old], undefined],
  ])('%s', async (_what, before, after) => {
    await (await start(before)).client.get('/orders');
    await (await start(after)).client.get('/orders');
    expect([world.endpoint.tokenRequests, world.api.unauthorized, troubles()]).toEqual([2, 0, []]);
  });

  it('asks once, and says nothing, where what is stored is the token of another prefix, moved', async () => {
    await (await start([old], { keyPrefix: 'other' })).client.get('/orders');
    const [moved = ''] = ((await world.redis.command('KEYS', 'app::other:orders:*')) as string[]).toSorted();
    await world.redis.command('RENAME', moved, moved.replace('app::other:', 'app::forge-auth:'));
    await (await start([old])).client.get('/orders');
    expect([world.endpoint.tokenRequests, world.api.unauthorized, troubles()]).toEqual([2, 0, []]);
  });
});

it.each<[string, unknown, string]>([
  ['keys that are not there', {}, 'keys must be a list of at least one'],
  ['no key', { keys: [] }, 'keys must be a list of at least one'],
  ['a key that is too short', { keys: [{ id: 'a', key: randomBytes(16) }] }, 'key "a" is not of 32 bytes'],
  ['a password for a key', { keys: [{ id: 'a', key: 'canary-password' }] }, 'key "a" is not of 32 bytes'],
  ['a key from a variable that is not set', { keys: [{ id: 'a', key: undefined }] }, 'key "a" is not of 32 bytes'],
  ['a key without a name', { keys: [{ key: randomBytes(32) }] }, 'a key has no id'],
  ['a list with a hole', { keys: [undefined] }, 'a key has no id'],
  ['two keys of one name', { keys: [old, { ...next, id: 'old' }] }, 'two keys have the same id'],
])('%s stops the start, and is named with the cure', async (_what, encryption, problem) => {
  const error = await bootFailure({
    imports: [
      CacheModule.register({ isGlobal: true, stores: [createKeyv(world.redis.url)] }),
      ForgeAuthModule.forRoot({ encryption: encryption as EncryptionOptions }),
    ],
  });
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain(`encryption: ${problem}`);
  expect(error.message).toContain('openssl rand -base64 32');
  expectNoSecrets(error.message, ['canary-password', old.key]);
});
