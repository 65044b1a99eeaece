/**
 * One process of a fleet that keeps its tokens in one Redis. Does what each message says, and reports what came of it.
 * Times are of the clock that all processes of a machine share, in microseconds.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import {
  CacheManagerTokenStorage,
  ClientCredentialsTokenProvider,
  createForgeClient,
  Token,
  TokenManager,
} from '../dist/index.js';

const DAY_MS = 86_400_000;
/** Long enough for every process of the fleet to be waiting for the one that asks. */
const TOKEN_REQUEST_MS = 40;
const CONCURRENCY = 50;

const [redisUrl, announced, origin, nearCacheTtlMs] = process.argv.slice(2);
const now = () => Number(process.hrtime.bigint()) / 1_000;

const keyv = createKeyv(redisUrl, { namespace: 'bench' });
const redis = await keyv.store.getClient();
const shared = new CacheManagerTokenStorage(createCache({ stores: [keyv] }));
/** The same Redis, seen as anything that keeps values by key: there are no announcements then, and no lock. */
const plain = { get: (key) => redis.get(key), set: (key, value) => redis.set(key, value) };
const storage = announced === 'announced' ? shared : plain;

let onMessage = () => undefined;
const listener = redis.duplicate();
// Redis is stopped before the processes that use it are.
listener.on('error', () => undefined);
await listener.connect();
await listener.subscribe('by-hand', () => onMessage());

let fetchedAt;
const manager = new TokenManager({
  name: 'hand-over',
  storage,
  provider: {
    async fetchToken({ scope }) {
      await pause(TOKEN_REQUEST_MS);
      fetchedAt = now();
      return new Token({ accessToken: `token for ${scope}`, expiresAt: Date.now() + DAY_MS });
    },
  },
});
const provider = new ClientCredentialsTokenProvider({
  tokenUrl: `${origin}/token`,
  clientId: 'bench',
  clientSecret: 'secret',
});
const client = createForgeClient({
  name: 'orders',
  baseUrl: origin,
  storage,
  auth: { provider, nearCacheTtlMs: Number(nearCacheTtlMs) },
});

const commands = {
  /** Instants at which the fleet's token came, if this process asked for it, and at which the last caller got it. */
  async handOver({ callers, round }) {
    fetchedAt = undefined;
    await Promise.all(Array.from({ length: callers }, () => manager.getToken({ scope: `round-${round}` })));
    return { fetchedAt, lastAt: now() };
  },
  /** The same by hand, and no shorter way there is: one process writes a value and tells the others, who read it. */
  async byHand({ round, holds }) {
    const key = `by-hand:${round}`;
    if (!holds) {
      await new Promise((resolve) => (onMessage = resolve));
      await redis.get(key);
      return { lastAt: now() };
    }
    await pause(TOKEN_REQUEST_MS);
    const writtenAt = now();
    await redis.set(key, 'x'.repeat(300));
    await redis.publish('by-hand', key);
    return { fetchedAt: writtenAt, lastAt: now() };
  },
  /** One PING on the connection that the storage uses, after as long a pause as the waiting takes. */
  async roundTrip() {
    await pause(TOKEN_REQUEST_MS);
    const start = now();
    await redis.ping();
    return now() - start;
  },
  /** Milliseconds that so many calls took. */
  async calls({ count }) {
    const start = now();
    let left = count;
    const worker = async () => {
      for (; left > 0;) {
        left -= 1;
        await client.get('/orders/7');
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    return (now() - start) / 1_000;
  },
};

process.on('message', async ({ command, ...args }) => process.send(await commands[command](args)));
process.on('disconnect', () => process.exit());
process.send('ready');
