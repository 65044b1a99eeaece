import { Socket } from 'node:net';
import type { buildConnector } from 'undici';

/**
 * Makes errors of a connection state how much of answers it has brought: those of the network alone do not show that,
 * and others count what opened the tunnel through a proxy.
 * @param onOpened runs for each connection
 */
export function counting(connector: buildConnector.connector, onOpened: () => void): buildConnector.connector {
  return (options, callback) =>
    connector({ httpSocket: undefined, ...options } as buildConnector.Options, (...[error, socket]) => {
      // Undefined, where undici's types say null.
      if (!(socket instanceof Socket)) return callback(error as Error, null);
      onOpened();
      const before = socket.bytesRead;
      const countBytes = (failure: Error & { socket?: unknown }): void => {
        failure.socket = { bytesRead: socket.bytesRead - before };
      };
      socket.prependListener('error', countBytes);
      callback(null, socket);
    });
}
