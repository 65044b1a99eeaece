import { createClient } from '@redis/client';
import { createKeyv, createKeyvNonBlocking } from '@keyv/redis';
import { CacheModule } from '@nestjs/cache-manager';
import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import type { Keyv } from 'keyv';
import {
  CacheManagerTokenStorage,
  ClientCredentialsTokenProvider,
  createForgeClient,
  ForgeAuthModule,
  type ForgeAuthRootOptions,
  ForgeAuthService,
  type ForgeHttpClient,
  RedisTokenStorage,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { boot } from '../module/boot.js';
import { CLIENT } from '../support/token-endpoint.js';
import type { recordingLogger } from '../support/recording-logger.js';

/** One app of a fleet, in this process. */
export interface Member {
  readonly client: ForgeHttpClient;
  close(): Promise<void>;
}

/** Where a member finds everything. */
export interface Place {
  readonly redisUrl: string;
  readonly apiUrl: string;
  readonly tokenUrl: string;
  readonly logger: ReturnType<typeof recordingLogger>;
  /** Longest time that a command may take. Left out, the storage's own default. */
  readonly deadlineMs?: number;
  /** How long a token is used without a look at the storage. Left out, the default. */
  readonly nearCacheTtlMs?: number;
  /** Further options of the module, where there is one. */
  readonly root?: ForgeAuthRootOptions;
}

type Join = (place: Place) => Promise<Member>;

/** A Nest app whose tokens are in the app's cache. */
export function nestAppOver(makeKeyv: (url: string) => Keyv): Join {
  return async (place) => {
    const keyv = makeKeyv(place.redisUrl);
    const { deadlineMs } = place;
    const storage =
      deadlineMs === undefined
        ? undefined
        : { storage: new CacheManagerTokenStorage(createCache({ stores: [keyv] }), { deadlineMs }) };
    const app = await boot(
      {
        imports: [
          CacheModule.register({ isGlobal: true, stores: [keyv] }),
          ForgeAuthModule.forRoot({ services: [serviceAt(place)], ...storage, ...place.root }),
        ],
      },
      { logger: place.logger },
    );
    return { client: app.get(ForgeAuthService).client('orders'), close: () => app.close() };
  };
}

/** The same client outside Nest. */
function standalone(place: Place, storage: TokenStorage, end: () => unknown): Member {
  const client = createForgeClient(serviceAt(place), { storage, logger: place.logger });
  return {
    client,
    async close() {
      await client.close();
      end();
    },
  };
}

async function onIoredis(place: Place): Promise<Member> {
  const client = new Redis(place.redisUrl, { retryStrategy: () => 50 });
  client.on('error', () => undefined);
  return standalone(place, storageOver(client, place), () => client.disconnect());
}

async function onNodeRedis(place: Place): Promise<Member> {
  const client = createClient({ url: place.redisUrl, socket: { reconnectStrategy: 50 } });
  client.on('error', () => undefined);
  // Not waited for: a Redis that is not there yet would keep the app from starting.
  client.connect().catch(() => undefined);
  return standalone(place, storageOver(client, place), () => client.destroy());
}

/** Every way in which an app comes to its Redis. */
export const WAYS: readonly [string, Join][] = [
  ['a Nest app with @keyv/redis', nestAppOver((url) => createKeyv(url, { namespace: 'app' }))],
  [
    'a Nest app with a non-blocking @keyv/redis',
    nestAppOver((url) => createKeyvNonBlocking(url, { namespace: 'app' })),
  ],
  ['a client with RedisTokenStorage over ioredis', onIoredis],
  ['a client with RedisTokenStorage over node-redis', onNodeRedis],
];

function storageOver(client: object, { deadlineMs }: Place): RedisTokenStorage {
  return new RedisTokenStorage(client, {
    keyPrefix: 'app',
    ...(deadlineMs === undefined ? undefined : { deadlineMs }),
  });
}

function serviceAt({ apiUrl, tokenUrl, nearCacheTtlMs }: Place) {
  const provider = new ClientCredentialsTokenProvider({ tokenUrl, ...CLIENT });
  return {
    name: 'orders',
    baseUrl: apiUrl,
    auth: { provider, ...(nearCacheTtlMs === undefined ? undefined : { nearCacheTtlMs }) },
  };
}
