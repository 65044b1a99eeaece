import { type RedisOptions, type RedisServer, startRedis } from './redis-server.js';

/** One Redis for the tests of a file or a block: started before the first of them, stopped after the last. */
export function useRedis(options?: RedisOptions): RedisServer {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis(options);
  });
  afterAll(() => server.stop());
  return {
    get url() {
      return server.url;
    },
    get port() {
      return server.port;
    },
    command: (name, ...args) => server.command(name, ...args),
    stop: () => server.stop(),
    kill: () => server.kill(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    restart: () => server.restart(),
    flushAll: () => server.flushAll(),
  };
}
