import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';

/** Starts a Redis that nobody else uses: its commands are counted. @returns undefined where no `redis-server` is installed */
export async function startRedis() {
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', tmpdir()],
    {
      stdio: 'ignore',
    },
  );
  const started = await once(child, 'spawn').then(
    () => true,
    () => false,
  );
  if (!started) return undefined;
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const client = new Redis({ port, retryStrategy: () => 20, maxRetriesPerRequest: 200 });
  client.on('error', () => undefined);
  await client.ping();
  return {
    url: `redis://127.0.0.1:${port}`,
    resetCommands: () => client.config('RESETSTAT'),
    /** Number of times that each command was called since. */
    async commands() {
      const lines = (await client.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
      return new Map([...lines].map(([, name, calls]) => [name, Number(calls)]));
    },
    stop() {
      client.disconnect();
      process.off('exit', kill);
      kill();
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
