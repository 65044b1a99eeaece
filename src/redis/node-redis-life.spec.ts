import { EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createClient } from 'redis';
import { type NodeRedisClient, NodeRedisLife } from './node-redis-life.js';

/** A Redis of one answer to all, which may keep its clients waiting. */
let server: Server;
let sockets: Set<Socket>;
let answers: boolean;
const arrivals = new EventEmitter();

beforeEach(async () => {
  [sockets, answers] = [new Set(), true];
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      const commands = data.toString().match(/^\*\d+/gm)?.length ?? 0;
      if (answers) socket.write('+OK\r\n'.repeat(commands));
      arrivals.emit('data');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

function lifeOf(reconnectStrategy: number | false) {
  const { port } = server.address() as AddressInfo;
  const client = createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy } });
  client.on('error', () => undefined);
  return { client, life: new NodeRedisLife(client as unknown as NodeRedisClient) };
}

async function allClosed(): Promise<void> {
  while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

it.each([false, 5] as const)(
  'a client of node-redis that is ended while it connects leaves no connection, where it reconnects by %p',
  async (strategy) => {
    const { client, life } = lifeOf(strategy);
    const arrived = once(server, 'connection');
    const connecting = life.connect();
    life.end();
    await expect(connecting).rejects.toThrow('closed before it was made');
    await arrived;
    await allClosed();
    expect(client.isOpen).toBe(false);
  },
);

it('a client of node-redis that is ended while a Redis keeps it waiting leaves no connection', async () => {
  answers = false;
  const { client, life } = lifeOf(5);
  const connecting = life.connect();
  await once(arrivals, 'data');
  expect(sockets.size).toBe(1);
  life.end();
  await expect(connecting).rejects.toThrow('closed before it was made');
  await allClosed();
  expect(client.isOpen).toBe(false);
});

it('a client of node-redis that is ended while it connects again leaves no connection', async () => {
  const { client, life } = lifeOf(5);
  await life.connect();
  const again = new Promise<void>((resolve) => void client.once('reconnecting', () => resolve()));
  for (const socket of sockets) socket.destroy();
  await again;
  life.end();
  await once(server, 'connection');
  await allClosed();
  expect(client.isOpen).toBe(false);
});

it('a client of node-redis that is ended while nobody listens tries no more', async () => {
  const { client, life } = lifeOf(5);
  await new Promise((resolve) => void server.close(resolve));
  const failed = new Promise<void>((resolve) => void client.once('error', () => resolve()));
  const connecting = life.connect();
  await failed;
  life.end();
  await connecting.catch(() => undefined);
  expect(client.isOpen).toBe(false);
});

it('a client of node-redis that was never opened is ended as it is', () => {
  const { client, life } = lifeOf(false);
  life.end();
  life.end();
  expect(client.isOpen).toBe(false);
});
