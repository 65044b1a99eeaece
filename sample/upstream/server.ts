import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Time for which a connection that is not used is kept. */
export const KEEP_ALIVE_MS = 120_000;

/** A running server. */
export interface Server {
  readonly origin: string;
  close(): Promise<void>;
}

/** Serves on a free port of this machine. The listener is made when the origin is known. */
export async function serve(
  listenerAt: (origin: string) => RequestListener | Promise<RequestListener>,
): Promise<Server> {
  // Connections outlive the pauses of a story: one that the server closes just when a call is sent would cost that call.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }).listen(0, '127.0.0.1');
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
