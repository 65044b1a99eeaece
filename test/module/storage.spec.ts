import { createKeyv } from '@keyv/redis';
import { CACHE_MANAGER, CacheModule } from '@nestjs/cache-manager';
import { Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { type Cache, createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { Keyv } from 'keyv';
import { Keyv as Keyv6 } from 'keyv6';
import {
  CacheManagerTokenStorage,
  ClientCredentialsTokenProvider,
  ConfigurationError,
  ForgeAuthModule,
  type ForgeAuthRootOptions,
  ForgeAuthService,
  type ForgeServiceOptions,
  InMemoryTokenStorage,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { CLIENT } from '../support/token-endpoint.js';
import { boot, bootFailure } from './boot.js';
import { useSharedWorld } from '../support/world-of-spec.js';

const world = useSharedWorld();

type Imports = NonNullable<ModuleMetadata['imports']>;

async function start(
  imports: Imports,
  providers: NonNullable<ModuleMetadata['providers']> = [],
): Promise<ForgeAuthService> {
  const app = await boot({ imports, providers }, { logger: world.logger });
  world.closeLater(app);
  return app.get(ForgeAuthService);
}

function moduleOf(metadata: ModuleMetadata): Type {
  class Anonymous {}
  Module(metadata)(Anonymous);
  return Anonymous;
}

function orders(more: Partial<ForgeServiceOptions> = {}): ForgeServiceOptions {
  const provider = new ClientCredentialsTokenProvider({ tokenUrl: world.endpoint.url, ...CLIENT });
  return { name: 'orders', baseUrl: world.api.origin, auth: { provider }, ...more };
}

function rootOf(options: ForgeAuthRootOptions = {}): Imports[number] {
  return ForgeAuthModule.forRoot({ services: [orders()], ...options });
}

/** A CacheModule over the real Redis. */
function redisCache(isGlobal: boolean, namespace = 'app'): Imports[number] {
  return CacheModule.register({ isGlobal, stores: [createKeyv(world.redis.url, { namespace })] });
}

async function keys(): Promise<string[]> {
  return ((await world.redis.command('KEYS', '*')) as string[]).toSorted();
}

/** The one line that says where tokens are kept. */
function storageLine(): string {
  const lines = world.logger.lines.filter((line) => line.startsWith('Tokens are kept'));
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

const SHARED = "Tokens are kept in the app's CACHE_MANAGER, in the clear: one request per fleet.";

describe("the app's CACHE_MANAGER", () => {
  it.each<[string, () => Imports]>([
    ['a global CacheModule', () => [redisCache(true), rootOf()]],
    ['a global CacheModule that comes later', () => [rootOf(), redisCache(true)]],
    ['a CacheModule of the same module', () => [redisCache(false), rootOf()]],
    [
      'a CacheModule deep in another module',
      () => [rootOf(), moduleOf({ imports: [moduleOf({ imports: [redisCache(false)] })] })],
    ],
    ['features without a root', () => [redisCache(false), ForgeAuthModule.forFeature(orders())]],
    [
      'a CacheModule made asynchronously',
      () => [
        rootOf(),
        CacheModule.registerAsync({
          useFactory: async () => ({ stores: [createKeyv(world.redis.url, { namespace: 'app' })] }),
        }),
      ],
    ],
  ])('keeps the tokens: %s', async (_name, imports) => {
    const services = await start(imports());
    await services.client('orders').get('/orders');
    const stored = (await keys()).filter((key) => key.startsWith('app::forge-auth:orders:'));
    expect(stored).toHaveLength(1);
    const envelope = String(await world.redis.command('GET', stored[0] ?? ''));
    expect(envelope).toContain(world.api.tokens[0]);
    expect(storageLine()).toBe(SHARED);
    expect(world.logger.warnings).toEqual([]);
  });

  it('serves the next process with the same token', async () => {
    for (let process = 0; process < 3; process += 1) {
      const services = await start([redisCache(true), rootOf()]);
      await services.client('orders').get('/orders');
    }
    expect([world.endpoint.tokenRequests, new Set(world.api.tokens).size, world.api.tokens.length]).toEqual([1, 1, 3]);
  });

  it("the app's CACHE_MANAGER is the one instance that several modules import", async () => {
    const cache = redisCache(false);
    const services = await start([moduleOf({ imports: [cache] }), moduleOf({ imports: [cache] }), rootOf()]);
    await services.client('orders').get('/orders');
    expect(await keys()).not.toEqual([]);
    expect(storageLine()).toBe(SHARED);
  });

  it('keeps the tokens under a prefix of their own', async () => {
    const services = await start([redisCache(true), rootOf({ keyPrefix: 'shop' })]);
    await services.client('orders').get('/orders');
    expect((await keys()).some((key) => key.startsWith('app::shop:orders:'))).toBe(true);
    expect((await keys()).some((key) => key.includes('forge-auth'))).toBe(false);
  });

  it('keeps them encrypted where that is asked for, and says so', async () => {
    const encryption = { keys: [{ id: 'a', key: Buffer.alloc(32, 1) }] };
    const services = await start([redisCache(true), rootOf({ encryption })]);
    await services.client('orders').get('/orders');
    const dump = await Promise.all((await keys()).map(async (key) => String(await world.redis.command('GET', key))));
    expect(dump.join('\n')).not.toBe('');
    expect(dump.join('\n')).not.toContain(world.api.tokens[0]);
    expect(storageLine()).toBe("Tokens are kept in the app's CACHE_MANAGER, encrypted: one request per fleet.");
  });

  it("the app's CACHE_MANAGER is its last store: a memory layer above it keeps no token", async () => {
    const memory = new Map<string, unknown>();
    const stores = [new Keyv({ store: memory }), createKeyv(world.redis.url, { namespace: 'app' })];
    const services = await start([CacheModule.register({ isGlobal: true, stores }), rootOf()]);
    await services.client('orders').get('/orders');
    expect(await keys()).not.toEqual([]);
    expect([...memory.keys()]).toEqual([]);
    expect(storageLine()).toBe(SHARED);
  });

  it.each<[string, Parameters<typeof CacheModule.register>[0]]>([
    ["Nest's own", {}],
    ['a Keyv without a store', { stores: [new Keyv()] }],
    ['a Keyv 6 without a store', { stores: [new Keyv6()] as unknown as Keyv[] }],
    ['a Cacheable over a plain Map', { stores: new Cacheable({ secondary: new Keyv() }) }],
  ])(
    "the app's CACHE_MANAGER that stands on a plain Map counts as none, and the line says so: %s",
    async (_name, options) => {
      const services = await start([CacheModule.register({ isGlobal: true, ...options }), rootOf()]);
      await services.client('orders').get('/orders');
      expect(storageLine()).toBe('Tokens are kept in memory: the CACHE_MANAGER has no shared store.');
    },
  );

  it("the app's CACHE_MANAGER that is not there leaves the tokens in memory, and the line says so", async () => {
    const services = await start([rootOf()]);
    await services.client('orders').get('/orders');
    await services.client('orders').get('/orders');
    expect(world.endpoint.tokenRequests).toBe(1);
    expect(storageLine()).toBe('Tokens are kept in memory: there is no CACHE_MANAGER.');
  });

  it("the app's CACHE_MANAGER whose Redis is not there costs a token request, not a call", async () => {
    const dead = CacheModule.register({
      isGlobal: true,
      stores: [
        createKeyv({ url: 'redis://127.0.0.1:1', socket: { reconnectStrategy: false } }, { throwOnErrors: true }),
      ],
    });
    const services = await start([dead, rootOf()]);
    await expect(services.client('orders').get('/orders')).resolves.toMatchObject({ status: 200 });
    await services.client('orders').get('/orders');
    expect(world.endpoint.tokenRequests).toBe(1);
  });
});

function twoCaches(): Imports {
  return ['one', 'two'].map((namespace) => moduleOf({ imports: [redisCache(false, namespace)] }));
}

describe('several CACHE_MANAGERs', () => {
  it('several CACHE_MANAGERs stop the start with a request for storage', async () => {
    const error = await bootFailure({ imports: [...twoCaches(), rootOf()] });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toBe(
      'The app has several CACHE_MANAGERs. Tell ForgeAuthModule.forRoot({ storage }) which one keeps the tokens: new CacheManagerTokenStorage(cache).',
    );
    expect(await keys()).toEqual([]);
  });

  it('several CACHE_MANAGERs are fine where storage names one', async () => {
    const store = createKeyv(world.redis.url, { namespace: 'mine' });
    const storage = new CacheManagerTokenStorage(createCache({ stores: [store] }));
    const services = await start([...twoCaches(), rootOf({ storage })]);
    await services.client('orders').get('/orders');
    expect((await keys()).some((key) => key.startsWith('mine::forge-auth:orders:'))).toBe(true);
    expect((await keys()).some((key) => /^(?:one|two)/.test(key))).toBe(false);
    expect(storageLine()).toBe('Tokens are kept in the configured storage, in the clear.');
    await store.disconnect();
  });
});

describe('the storage option', () => {
  const TOKENS = 'TOKENS';

  it('the storage option may be an injection token, of a cache or of a storage', async () => {
    const store = createKeyv(world.redis.url, { namespace: 'mine' });
    for (const provided of [
      createCache({ stores: [store] }),
      new CacheManagerTokenStorage(createCache({ stores: [store] })),
    ]) {
      await world.redis.command('FLUSHALL');
      const module = moduleOf({ providers: [{ provide: TOKENS, useValue: provided }] });
      const services = await start([module, rootOf({ storage: TOKENS })]);
      await services.client('orders').get('/orders');
      expect((await keys()).some((key) => key.startsWith('mine::forge-auth:orders:'))).toBe(true);
    }
    await store.disconnect();
  });

  it('the storage option may be CACHE_MANAGER itself', async () => {
    const services = await start([redisCache(true), rootOf({ storage: CACHE_MANAGER })]);
    await services.client('orders').get('/orders');
    expect(await keys()).not.toEqual([]);
  });

  it('the storage option that names nothing stops the start', async () => {
    const error = await bootFailure({ imports: [rootOf({ storage: TOKENS })] });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain(
      'ForgeAuthModule: storage names an injection token that no module provides. Provide it, or give the storage itself, such as new RedisTokenStorage(client).',
    );
  });

  it('the storage option of one service keeps that service apart from the others', async () => {
    const own = new Map<string, unknown>();
    const services = await start([
      redisCache(true),
      rootOf({ services: [orders({ storage: own }), orders({ name: 'customers' })] }),
    ]);
    await services.client('orders').get('/orders');
    await services.client('customers').get('/customers');
    expect([...own.keys()].every((key) => key.startsWith('forge-auth:orders:'))).toBe(true);
    expect(own.size).toBeGreaterThan(0);
    expect((await keys()).some((key) => key.includes(':orders:'))).toBe(false);
    expect((await keys()).some((key) => key.includes(':customers:'))).toBe(true);
  });

  it('the storage option of defaults serves those that name none', async () => {
    const [common, own] = [new Map<string, unknown>(), new Map<string, unknown>()];
    const services = await start([
      rootOf({ defaults: { storage: common }, services: [orders({ storage: own }), orders({ name: 'customers' })] }),
    ]);
    await services.client('orders').get('/orders');
    await services.client('customers').get('/customers');
    expect([...own.keys()].some((key) => key.includes(':orders:'))).toBe(true);
    expect([...common.keys()].some((key) => key.includes(':customers:'))).toBe(true);
    expect([...common.keys()].some((key) => key.includes(':orders:'))).toBe(false);
  });

  it('the storage option is found before the first call: a client used in onModuleInit finds the token of another process', async () => {
    const first = await start([redisCache(true), rootOf()]);
    await first.client('orders').get('/orders');
    const early = {
      provide: 'EARLY',
      inject: [ForgeAuthService],
      useFactory: (services: ForgeAuthService) => ({
        onModuleInit: () => services.client('orders').get('/orders'),
      }),
    };
    await start([redisCache(true), rootOf()], [early]);
    expect([world.endpoint.tokenRequests, world.api.tokens.length]).toEqual([1, 2]);
  });

  it.each<[string, () => TokenStorage | Map<string, unknown>]>([
    ['a Map', () => new Map<string, unknown>()],
    ['memory', () => new InMemoryTokenStorage()],
  ])('the storage option may be shared by two apps on purpose: %s', async (_name, make) => {
    const storage = make();
    for (let app = 0; app < 2; app += 1) {
      const services = await start([rootOf({ storage })]);
      await services.client('orders').get('/orders');
    }
    expect(world.endpoint.tokenRequests).toBe(1);
  });
});

it("what is kept is not the app's: its own entries of the cache stay as they are", async () => {
  const app = await boot({ imports: [redisCache(true), rootOf()] }, { logger: world.logger });
  world.closeLater(app);
  const cache = app.get<Cache>(CACHE_MANAGER, { strict: false });
  await cache.set('mine', 'a-value');
  await app.get(ForgeAuthService).client('orders').get('/orders');
  await app.get(ForgeAuthService).tokens('orders').invalidate();
  await expect(cache.get('mine')).resolves.toBe('a-value');
});
