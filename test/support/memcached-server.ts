import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.js';
import { type GuardedProcess, spawnGuarded } from './guarded-process.js';

/** A memcached to talk to. */
export interface MemcachedServer {
  /** `host:port`. */
  readonly address: string;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;

/** Why there is no memcached here; undefined where there is one. */
export function whyNoMemcached(): string | undefined {
  const { error } = spawnSync('memcached', ['-V']);
  return error && 'there is no memcached on the PATH';
}

/** Starts a `memcached` (found on the PATH) on a free port of 127.0.0.1. It ends with this process at the latest. */
export async function startMemcached(): Promise<MemcachedServer> {
  const port = await freePort();
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const server = await spawnGuarded('memcached', ['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user]);
  try {
    await answers(server, port);
  } catch (cause) {
    await server.kill();
    throw cause;
  }
  return { address: `127.0.0.1:${port}`, stop: () => server.kill() };
}

async function answers(server: GuardedProcess, port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      // A stranger may have been faster on this port.
      if ((await stats(port)).includes(`STAT pid ${server.pid}\r\n`)) return;
      throw new Error('Another memcached answered.');
    } catch (cause) {
      if (!server.running) throw new Error(`memcached did not start on port ${port}.`, { cause });
      if (Date.now() > deadline) throw new Error(`memcached did not answer on port ${port}.`, { cause });
      await delay(10);
    }
  }
}

async function stats(port: number): Promise<string> {
  const socket = createConnection(port, '127.0.0.1');
  try {
    socket.write('stats\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString('latin1');
  } finally {
    socket.destroy();
  }
}
