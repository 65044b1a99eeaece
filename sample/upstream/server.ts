import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running server. */
export interface Server {
  readonly origin: string;
  close(): Promise<void>;
}

/** Serves on a free port of this machine. The listener is made when the origin is known. */
export async function serve(
  listenerAt: (origin: string) => RequestListener | Promise<RequestListener>,
): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.on('request', await listenerAt(origin));
  return {
    origin,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
