import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';
import type { Place } from './place.js';

/** A Redis that belongs to somebody: nothing is stopped, and nothing stays there. */
export function givenRedis(url: string): Place {
  const namespace = `sample-${randomUUID()}`;
  return {
    description: 'The Redis that REDIS_URL names keeps the tokens.',
    environment: { FLEET_REDIS_URL: url, FLEET_NAMESPACE: namespace },
    async close() {
      const client = new Redis(url);
      for await (const keys of client.scanStream({ match: `*${namespace}*` })) {
        if ((keys as string[]).length > 0) await client.unlink(keys as string[]);
      }
      client.disconnect();
    },
  };
}

/** A Redis that lives as long as the sample does; undefined where no `redis-server` is installed. */
export async function ownRedis(): Promise<Place | undefined> {
  const port = await freePort();
  let server = await launch(port);
  if (server === undefined) return undefined;
  const stop = async (): Promise<void> => {
    const ended = server?.exitCode === null && server.signalCode === null ? once(server, 'exit') : undefined;
    server?.kill('SIGKILL');
    await ended;
  };
  const kill = (): void => void server?.kill('SIGKILL');
  process.once('exit', kill);
  return {
    description: 'A Redis of its own keeps the tokens.',
    environment: { FLEET_REDIS_URL: `redis://127.0.0.1:${port}` },
    outage: {
      begin: stop,
      async end() {
        server = await launch(port);
      },
    },
    async close() {
      process.off('exit', kill);
      await stop();
    },
  };
}

/** Resolves when the server answers. */
async function launch(port: number): Promise<ChildProcess | undefined> {
  const settings = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--dir', tmpdir()];
  const server = spawn('redis-server', settings, { stdio: 'ignore' });
  try {
    await once(server, 'spawn');
  } catch {
    return undefined;
  }
  const client = new Redis({ port, retryStrategy: () => 20, maxRetriesPerRequest: 500 });
  client.on('error', () => undefined);
  await client.ping();
  client.disconnect();
  return server;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
