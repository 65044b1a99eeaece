import { randomUUID } from 'node:crypto';
import { KeyvMemcache } from '@keyv/memcache';
import { KeyvPostgres } from '@keyv/postgres';
import KeyvRedis, { createKeyv } from '@keyv/redis';
import KeyvValkey, { createKeyv as createValkeyKeyv } from '@keyv/valkey';
import { CACHE_MANAGER, CacheModule, type CacheManagerOptions } from '@nestjs/cache-manager';
import { type INestApplicationContext, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { Cacheable, CacheableMemory } from 'cacheable';
import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { Keyv as Keyv6 } from 'keyv6';
import {
  CacheManagerTokenStorage,
  ClientCredentialsTokenProvider,
  ConfigurationError,
  ForgeAuthModule,
  type ForgeAuthRootOptions,
  ForgeAuthService,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  InMemoryTokenStorage,
  type TokenManager,
} from 'nestjs-forge-auth';
import { startMemcached, whyNoMemcached } from '../support/memcached-server.js';
import { startPostgres } from '../support/postgres-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { times, until } from '../support/async.js';
import { boot, bootFailure } from './boot.js';
import { useSharedWorld } from '../support/world-of-spec.js';

const world = useSharedWorld();

/** One application of several over the same store. */
interface App {
  readonly client: ForgeHttpClient;
  readonly tokens: TokenManager;
  readonly services: ForgeAuthService;
  readonly close: () => Promise<void>;
}

/** Options of an application's CacheModule, and the memory above its shared store, where there is one. */
interface CacheSetup {
  readonly options: CacheManagerOptions;
  readonly above?: Keyv;
}

function service(more: Partial<ForgeServiceOptions> = {}): ForgeServiceOptions {
  const provider = new ClientCredentialsTokenProvider({ tokenUrl: world.endpoint.url, ...CLIENT });
  return { name: 'orders', baseUrl: world.api.origin, auth: { provider }, ...more };
}

/** The app's CACHE_MANAGER, with more patience than usual: the machine may be busy. */
const PATIENTLY: ForgeAuthRootOptions = { storage: 'PATIENT_STORAGE' };

async function startApp(
  { options }: CacheSetup,
  root: ForgeAuthRootOptions = PATIENTLY,
  imports: NonNullable<ModuleMetadata['imports']> = [],
): Promise<App> {
  const cache = CacheModule.registerAsync({ isGlobal: true, useFactory: async () => options });
  const forgeAuth = ForgeAuthModule.forRoot({ services: [service()], ...root });
  const patient = {
    provide: 'PATIENT_STORAGE',
    inject: [CACHE_MANAGER],
    useFactory: (found: Cache) => new CacheManagerTokenStorage(found, { deadlineMs: 10_000 }),
  };
  const app: INestApplicationContext = await boot(
    { imports: [cache, forgeAuth, ...imports], providers: [patient] },
    { logger: world.logger },
  );
  let closed: Promise<void> | undefined;
  const { close } = world.closeLater({ close: () => (closed ??= app.close()) });
  const services = app.get(ForgeAuthService);
  return { services, close, client: services.client('orders'), tokens: services.tokens('orders') };
}

/** As the documentation of Nest has it. */
function documentedMemory(): Keyv {
  return new Keyv({ store: new CacheableMemory({ ttl: 60_000, lruSize: 5_000 }) });
}

function aboveRedis(more: CacheManagerOptions = {}): CacheSetup {
  const above = documentedMemory();
  return { options: { stores: [above, new KeyvRedis(world.redis.url)], ...more }, above };
}

function cacheable(secondary: Keyv, nonBlocking = false): CacheSetup {
  const above = documentedMemory();
  return { options: { stores: new Cacheable({ primary: above, secondary, nonBlocking }) }, above };
}

/** Every way in which an application comes to a Redis or Valkey. */
const OVER_REDIS: readonly [string, () => CacheSetup][] = [
  ['@keyv/redis', () => ({ options: { stores: [createKeyv(world.redis.url)] } })],
  ['@keyv/redis, which Nest wraps', () => ({ options: { stores: new KeyvRedis(world.redis.url), namespace: 'app' } })],
  ['@keyv/valkey', () => ({ options: { stores: [createValkeyKeyv(world.redis.url)] } })],
  ['@keyv/valkey, which Nest wraps', () => ({ options: { stores: [new KeyvValkey(world.redis.url)] as never } })],
  ['memory above @keyv/redis', () => aboveRedis()],
  ['memory above @keyv/redis, non-blocking', () => aboveRedis({ nonBlocking: true })],
  ['a Cacheable', () => cacheable(createKeyv(world.redis.url))],
  ['a Cacheable that does not block', () => cacheable(createKeyv(world.redis.url), true)],
  ['a Keyv 6, which Nest wraps', () => ({ options: { stores: [new Keyv6(new KeyvRedis(world.redis.url))] as never } })],
];

const SHARED = "Tokens are kept in the app's CACHE_MANAGER, in the clear: one request per fleet.";
const ALONE = "Tokens are kept in the app's CACHE_MANAGER, in the clear: each process asks for its own token.";

const TOKEN_KEY = /forge-auth:orders:[\w-]+$/;

/** Leaves what the store holds now in the memory above it, too: from the next change on it is old. */
async function leaveOldValueAbove({ above }: CacheSetup): Promise<void> {
  const stored = ((await world.redis.command('KEYS', '*')) as string[]).filter((key) => TOKEN_KEY.test(key));
  expect(stored).toHaveLength(1);
  const [key] = TOKEN_KEY.exec(stored[0] ?? '') ?? [];
  const { value } = JSON.parse(String(await world.redis.command('GET', stored[0] ?? ''))) as { value: string };
  await above?.set(key ?? '', value);
}

describe.each(OVER_REDIS)('two applications over %s', (_name, setUp) => {
  it('two applications ask for one token, however many call at once', async () => {
    const apps = [await startApp(setUp()), await startApp(setUp())];
    const calls = apps.flatMap(({ client }) => times(20, () => client.get('/orders')));
    await Promise.all(calls);
    expect([world.endpoint.tokenRequests, new Set(world.api.tokens).size, world.api.tokens.length]).toEqual([1, 1, 40]);
    expect(world.logger.warnings).toEqual([]);
  });

  it('two applications say what they do with the CACHE_MANAGER that they find', async () => {
    await startApp(setUp(), {});
    expect(world.logger.lines.filter((line) => line.startsWith('Tokens are kept'))).toEqual([SHARED]);
  });

  it('two applications see a token that the other one renewed, and no old one', async () => {
    const setups = [setUp(), setUp()] as const;
    const [one, other] = [await startApp(setups[0]), await startApp(setups[1])];
    await one.client.get('/orders');
    await other.client.get('/orders');
    for (const setup of setups) await leaveOldValueAbove(setup);

    const renewed = await one.tokens.forceRefresh();
    await until(() => other.tokens.peek()?.accessToken === renewed.accessToken, 'the other hears of it', 20_000);
    await other.client.get('/orders');
    expect([world.endpoint.tokenRequests, world.api.tokens.at(-1)]).toEqual([2, renewed.accessToken]);
  });

  it('two applications replace a revoked token once', async () => {
    const setups = [setUp(), setUp()] as const;
    const apps = [await startApp(setups[0]), await startApp(setups[1])];
    for (const { client } of apps) await client.get('/orders');
    for (const setup of setups) await leaveOldValueAbove(setup);

    world.endpoint.revokeAll();
    const answers = await Promise.all(apps.flatMap(({ client }) => times(10, () => client.get('/orders'))));
    expect(answers.map(({ status }) => status)).toEqual(times(20, () => 200));
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('two applications drop a token that the other one invalidated', async () => {
    const setups = [setUp(), setUp()] as const;
    const [one, other] = [await startApp(setups[0]), await startApp(setups[1])];
    await one.client.get('/orders');
    await other.client.get('/orders');
    for (const setup of setups) await leaveOldValueAbove(setup);

    const rejected = one.tokens.peek();
    await one.tokens.invalidate(rejected);
    await until(() => other.tokens.peek()?.accessToken !== rejected?.accessToken, 'the other hears of it', 20_000);
    await Promise.all([one, other].map(({ client }) => client.get('/orders')));
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.tokens.slice(2)).toEqual(times(2, () => world.endpoint.issued[1]?.accessToken));
  });

  it('two applications leave no lease behind when one closes in the middle of a token request', async () => {
    const [one, other] = [await startApp(setUp()), await startApp(setUp())];
    world.endpoint.hold();
    const call = one.client.get('/orders').catch((error: Error) => error);
    await until(() => world.endpoint.held === 1, 'the token request', 20_000);
    await one.close();
    expect(await call).toBeInstanceOf(Error);
    expect(((await world.redis.command('KEYS', '*')) as string[]).filter((key) => key.endsWith(':lock'))).toEqual([]);
    world.endpoint.release();
    await expect(other.client.get('/orders')).resolves.toMatchObject({ status: 200 });
  });
});

function alone(shared: Keyv): CacheSetup {
  return { options: { stores: [shared] } };
}

function belowMemory(shared: Keyv, nonBlocking: boolean): CacheSetup {
  return { options: { stores: [documentedMemory(), shared], nonBlocking } };
}

/** Each call looks at the store again. */
const ALWAYS_LOOKING: ForgeAuthRootOptions = { ...PATIENTLY, nearCacheTtlMs: 0 };

/** A server of stores that are shared and have no locks. */
interface Server {
  /** @param namespace what one test keeps apart from all others: an issuer may have the port of an earlier one */
  open(namespace: string): Keyv;
  /** From now on it fails whatever it is asked. */
  fail(): Promise<unknown>;
  stop(): Promise<unknown>;
}

function describeStoreWithoutLocks(name: string, startServer: () => Promise<Server>): void {
  describe(`two applications over ${name}`, () => {
    let server: Server;
    let namespace: string;
    beforeAll(async () => {
      server = await startServer();
    });
    beforeEach(() => {
      namespace = randomUUID();
    });
    afterAll(() => server.stop());

    async function start(setUp: (shared: Keyv) => CacheSetup, root = ALWAYS_LOOKING): Promise<App> {
      const keyv = server.open(namespace);
      keyv.on('error', () => undefined);
      // To connect may take longer than a call waits.
      await keyv.get('connected');
      return startApp(setUp(keyv), root);
    }

    describe.each<[string, (shared: Keyv) => CacheSetup]>([
      ['alone', alone],
      ['below memory', (shared) => belowMemory(shared, false)],
      ['below memory, non-blocking', (shared) => belowMemory(shared, true)],
      ['in a Cacheable', (shared) => cacheable(shared)],
    ])('%s', (_way, setUp) => {
      it('two applications use one token, which the other one finds', async () => {
        for (const { client } of [await start(setUp), await start(setUp)]) await client.get('/orders');
        expect([world.endpoint.tokenRequests, new Set(world.api.tokens).size, world.api.tokens.length]).toEqual([
          1, 1, 2,
        ]);
        expect(world.logger.warnings).toEqual([]);
      });

      it('two applications say what they do with the CACHE_MANAGER that they find', async () => {
        await start(setUp, {});
        expect(world.logger.lines.filter((line) => line.startsWith('Tokens are kept'))).toEqual([ALONE]);
      });

      it('two applications see a token that the other one renewed, and no old one', async () => {
        const [one, other] = [await start(setUp), await start(setUp)];
        await one.client.get('/orders');
        await other.client.get('/orders');
        const { accessToken } = await other.tokens.forceRefresh();
        // A call uses the token at hand, and looks for a newer one meanwhile.
        for (let call = 0; call < 200 && one.tokens.peek()?.accessToken !== accessToken; call += 1) {
          await one.client.get('/orders');
        }
        await one.client.get('/orders');
        expect([world.endpoint.tokenRequests, world.api.tokens.at(-1)]).toEqual([2, accessToken]);
      });

      it('two applications replace a revoked token once, when they meet it one after the other', async () => {
        const apps = [await start(setUp), await start(setUp)];
        for (const { client } of apps) await client.get('/orders');
        world.endpoint.revokeAll();
        for (const { client } of apps) await expect(client.get('/orders')).resolves.toMatchObject({ status: 200 });
        expect(world.endpoint.tokenRequests).toBe(2);
      });
    });

    it('two applications go on without the store when it fails, and each says so once', async () => {
      const apps = [await start(alone), await start(alone)];
      for (const { client } of apps) await client.get('/orders');
      await server.fail();
      world.endpoint.revokeAll();
      for (const { client } of [...apps, ...apps]) {
        await expect(client.get('/orders')).resolves.toMatchObject({ status: 200 });
      }
      expect(world.endpoint.tokenRequests).toBe(3);
      const warnings = world.logger.warnings.map((line) => line.split(' (')[0]);
      expect(warnings).toEqual(apps.map(() => 'Token storage is not answering'));
    });
  });
}

describeStoreWithoutLocks('@keyv/postgres', async () => {
  const postgres = await startPostgres();
  const options = { uri: postgres.url, table: `tokens_${randomUUID().replaceAll('-', '')}` };
  const adapter = new KeyvPostgres(options);
  return {
    // Its connections are the process's: whichever application closes first would close them for all.
    open: (namespace) =>
      new Keyv(Object.assign(new KeyvPostgres(options), { disconnect: async () => undefined }), { namespace }),
    fail: () => adapter.query(`DROP TABLE ${options.table}`),
    async stop() {
      await adapter.disconnect();
      await postgres.stop();
    },
  };
});

const noMemcached = whyNoMemcached();
if (noMemcached !== undefined) process.stderr.write(`Skipped, nothing is tested on Memcached: ${noMemcached}.\n`);
else {
  describeStoreWithoutLocks('@keyv/memcache', async () => {
    const memcached = await startMemcached();
    return {
      open(namespace) {
        const adapter = new KeyvMemcache(memcached.address, { logger: { log: () => undefined } });
        world.closeLater(adapter.client);
        return new Keyv(adapter, { namespace });
      },
      fail: () => memcached.stop(),
      stop: () => memcached.stop(),
    };
  });
}

/** The tokens in a namespace, by service. */
async function tokensIn(namespace: string): Promise<string[]> {
  const keys = (await world.redis.command('KEYS', `${namespace}::*`)) as string[];
  return keys.filter((key) => /:[a-z]+:[\w-]+$/.test(key)).map((key) => key.replace(/[\w-]+$/, ''));
}

/** A module with a CacheModule of its own, whose cache it gives a name. */
function moduleOfCache(name: string): Type {
  return moduleOf({
    imports: [CacheModule.register({ stores: [createKeyv(world.redis.url, { namespace: name })] })],
    providers: [{ provide: name, useExisting: CACHE_MANAGER }],
    exports: [name],
  });
}

describe('a second cache for one service', () => {
  const PARTNERS = 'PARTNERS_CACHE';

  it.each<[string, () => Keyv[]]>([
    ['of one store', () => []],
    ['with memory above', () => [documentedMemory()]],
  ])(
    'a second cache under a name of its own keeps the tokens of that service, and no other: %s',
    async (_name, above) => {
      for (let app = 0; app < 2; app += 1) {
        const shared = createKeyv(world.redis.url, { namespace: 'partners' });
        world.closeLater({ close: () => shared.disconnect() });
        const cache = createCache({ stores: [...above(), shared] });
        const { services } = await startApp(
          { options: { stores: [createKeyv(world.redis.url, { namespace: 'main' })] } },
          {
            ...PATIENTLY,
            services: [service(), service({ name: 'invoices' }), service({ name: 'partners', storage: PARTNERS })],
          },
          [moduleOf({ providers: [{ provide: PARTNERS, useFactory: async () => cache }] })],
        );
        for (const name of services.names()) await services.client(name).get('/');
      }
      expect((await tokensIn('main')).toSorted()).toEqual(['main::forge-auth:invoices:', 'main::forge-auth:orders:']);
      expect(await tokensIn('partners')).toEqual(['partners::forge-auth:partners:']);
      expect([world.endpoint.tokenRequests, world.api.tokens.length]).toEqual([3, 6]);
    },
  );

  it('a second cache for one service may be another CacheModule, where each is named', async () => {
    const root = {
      storage: 'main',
      services: [service(), service({ name: 'partners', storage: 'partners' })],
    };
    const app = await boot(
      { imports: [moduleOfCache('main'), moduleOfCache('partners'), ForgeAuthModule.forRoot(root)] },
      { logger: world.logger },
    );
    world.closeLater(app);
    for (const name of ['orders', 'partners']) await app.get(ForgeAuthService).client(name).get('/');
    expect([await tokensIn('main'), await tokensIn('partners')]).toEqual([
      ['main::forge-auth:orders:'],
      ['partners::forge-auth:partners:'],
    ]);
  });

  it('stops the start where its name is given to several', async () => {
    const modules = [moduleOfCache(PARTNERS), moduleOfCache(PARTNERS)];
    const root = { services: [service({ storage: PARTNERS })], storage: new InMemoryTokenStorage() };
    const error = await bootFailure({ imports: [...modules, ForgeAuthModule.forRoot(root)] });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toBe(
      'Service "orders": storage names an injection token that several modules provide. Give it what keeps the tokens: new CacheManagerTokenStorage(cache).',
    );
  });
});

function moduleOf(metadata: ModuleMetadata): Type {
  class Anonymous {}
  Module(metadata)(Anonymous);
  return Anonymous;
}
