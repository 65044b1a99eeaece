import { once } from 'node:events';
import { type AddressInfo, createServer, connect, type Socket } from 'node:net';

/** A running {@link startTcpProxy}. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that clients have opened so far. */
  readonly connections: number;
  /** How long each piece of an answer is kept back from now on, in milliseconds. */
  delayMs: number;
  /** From now on nothing passes through the connections that are open, in either direction; new ones are served. */
  swallow(): void;
  close(): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1 that hands everything on to `targetPort`, and answers back with a delay. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let connections = 0;
  let swallowed = 0;

  const keep = (socket: Socket): void => {
    sockets.add(socket.unref());
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    connections += 1;
    const number = connections;
    const passes = (): boolean => number > swallowed;
    const target = connect(targetPort, '127.0.0.1');
    keep(client);
    keep(target);
    client.on('data', (chunk) => passes() && target.write(chunk));
    target.on('data', (chunk) => {
      // One delay for all that is under way, so that answers stay in order.
      const timer = setTimeout(() => {
        timers.delete(timer);
        if (passes()) client.write(chunk);
      }, self.delayMs);
      timers.add(timer);
    });
    client.once('close', () => target.destroy());
    target.once('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  const { port } = server.address() as AddressInfo;

  const self: TcpProxy = {
    port,
    get connections() {
      return connections;
    },
    delayMs: 0,
    swallow() {
      swallowed = connections;
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return self;
}
