import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A running {@link startPostgresStub}. */
export interface PostgresStub {
  readonly port: number;
  /** The passwords shown so far, in order. */
  readonly passwords: readonly string[];
  close(): Promise<void>;
}

/**
 * Starts what speaks as much of PostgreSQL's protocol as a client needs to log in by a password in clear text, and to
 * be answered every query with one row: `id` 7.
 * @see [Message flow](https://www.postgresql.org/docs/current/protocol-flow.html)
 */
export async function startPostgresStub(isValid: (password: string) => boolean): Promise<PostgresStub> {
  const passwords: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => undefined);
    let started = false;
    socket.on('data', (received) => {
      const kind = started ? String.fromCharCode(received[0] ?? 0) : 'startup';
      started = true;
      if (kind === 'startup') socket.write(CLEARTEXT_PASSWORD);
      else if (kind === 'Q') socket.write(ONE_ROW);
      else if (kind === 'p') {
        const password = received.subarray(5, -1).toString();
        passwords.push(password);
        if (isValid(password)) socket.write(Buffer.concat([AUTHENTICATED, READY]));
        else socket.end(REFUSED);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    passwords,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** One message: its kind, its length, its body. */
function message(kind: string, ...parts: (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from(kind), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const INT4 = 23;
const AUTHENTICATED = message('R', int32(0));
const CLEARTEXT_PASSWORD = message('R', int32(3));
const READY = message('Z', 'I');
const REFUSED = message('E', 'SFATAL\0C28P01\0Mpassword authentication failed\0\0');
const ONE_ROW = Buffer.concat([
  message('T', '\0\x01', 'id\0', int32(0), '\0\0', int32(INT4), '\0\x04', int32(-1), '\0\0'),
  message('D', '\0\x01', int32(1), '7'),
  message('C', 'SELECT 1\0'),
  READY,
]);
