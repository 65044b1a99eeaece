import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.js';
import { spawnGuarded, type GuardedProcess } from './guarded-process.js';

/** A Redis to talk to. */
export interface RedisEndpoint {
  readonly url: string;
  /** Runs one command over a connection of its own, for a look from outside: `command('KEYS', '*')`. */
  command(name: string, ...args: (string | number)[]): Promise<unknown>;
  /** Stops the server if this test started it. Safe to call twice. */
  stop(): Promise<void>;
}

/** A Redis of one's own, that may be maltreated. */
export interface RedisServer extends RedisEndpoint {
  readonly port: number;
  /** SIGKILL: connections break, data is lost. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered, as with a network that swallows everything. */
  freeze(): void;
  /** SIGCONT: goes on, and does what was sent meanwhile. */
  thaw(): void;
  /** Starts again on the same port, empty; kills first if it still runs. */
  restart(): Promise<void>;
  flushAll(): Promise<void>;
}

export interface RedisOptions {
  /** Asked of every client; it is part of `url`. */
  password?: string;
  /** Further command line arguments, such as `['--maxmemory', '1mb']`. */
  args?: readonly string[];
}

const START_TIMEOUT_MS = 10_000;

/**
 * Starts a `redis-server` (found on the PATH) on a free port of 127.0.0.1, without persistence.
 *
 * It ends with this process at the latest, however that ends.
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const port = await freePort();
  const { password, args = [] } = options;
  const url = `redis://${password ? `:${encodeURIComponent(password)}@` : ''}127.0.0.1:${port}`;
  // Nothing is ever written; a name of its own keeps it from loading what others have left in the directory.
  const settings = ['--dir', tmpdir(), '--dbfilename', `${randomUUID()}.rdb`, '--save', '', '--appendonly', 'no'];
  settings.push('--bind', '127.0.0.1', '--port', String(port), ...args);
  if (password) settings.push('--requirepass', password);
  let child = await launch();

  async function launch(): Promise<GuardedProcess> {
    const started = await spawnGuarded('redis-server', settings);
    try {
      await answers(started);
      return started;
    } catch (cause) {
      await started.kill();
      throw cause;
    }
  }

  async function answers(started: GuardedProcess): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        const info = String(await runCommand(url, 'INFO', ['server']));
        // A stranger may have been faster on this port.
        if (info.includes(`process_id:${started.pid}\r\n`)) return;
        throw new Error('Another Redis answered.');
      } catch (cause) {
        if (!started.running) throw new Error(`redis-server did not start on port ${port}.`, { cause });
        if (Date.now() > deadline) throw new Error(`redis-server did not answer on port ${port}.`, { cause });
        await delay(10);
      }
    }
  }

  return {
    url,
    port,
    command: (name, ...values) => runCommand(url, name, values),
    kill: () => child.kill(),
    freeze: () => child.signal('SIGSTOP'),
    thaw: () => child.signal('SIGCONT'),
    async restart() {
      await child.kill();
      child = await launch();
    },
    async flushAll() {
      await runCommand(url, 'FLUSHALL', []);
    },
    stop: () => child.kill(),
  };
}

/**
 * The Redis at `REDIS_URL` if there is one, else one that is started.
 * Others may be using it too: choose keys of your own, and flush nothing.
 */
export async function sharedRedis(): Promise<RedisEndpoint> {
  const url = process.env['REDIS_URL'];
  if (!url) return startRedis();
  return { url, command: (name, ...values) => runCommand(url, name, values), stop: () => Promise.resolve() };
}

async function runCommand(url: string, name: string, args: readonly (string | number)[]): Promise<unknown> {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 2_000,
    commandTimeout: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(name, args.map(String));
  } finally {
    // On a connection that has ended, disconnect() would leave a timer behind.
    if (client.status !== 'end') client.disconnect();
  }
}
