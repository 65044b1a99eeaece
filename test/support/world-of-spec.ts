import { recordingLogger } from './recording-logger.js';
import { type Api, startApi } from './api.js';
import { useRedis } from './redis-of-spec.js';
import type { RedisServer } from './redis-server.js';
import { startTokenEndpoint, type TokenEndpoint } from './token-endpoint.js';

interface Closable {
  close(): unknown;
}

/** What apps of a fleet share: a Redis for all tests of a file; for each test an issuer, an API and a log of its own. */
export interface SharedWorld {
  readonly redis: RedisServer;
  readonly endpoint: TokenEndpoint;
  readonly api: Api;
  readonly logger: ReturnType<typeof recordingLogger>;
  /** Has `thing` closed at the end of its test, the last one first. */
  closeLater<T extends Closable>(thing: T): T;
}

/** Starts it before the tests of a file, with an empty Redis for each. */
export function useSharedWorld(): SharedWorld {
  const redis = useRedis();
  const closing: Closable[] = [];
  let current: Pick<SharedWorld, 'endpoint' | 'api' | 'logger'>;
  beforeEach(async () => {
    await redis.flushAll();
    const endpoint = await startTokenEndpoint();
    current = { endpoint, api: await startApi(endpoint), logger: recordingLogger() };
  });
  afterEach(async () => {
    for (const thing of closing.splice(0).toReversed()) await thing.close();
    await current.api.close();
    await current.endpoint.close();
  });
  return {
    redis,
    get endpoint() {
      return current.endpoint;
    },
    get api() {
      return current.api;
    },
    get logger() {
      return current.logger;
    },
    closeLater(thing) {
      closing.push(thing);
      return thing;
    },
  };
}
