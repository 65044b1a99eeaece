import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { freePort } from './free-port.js';

/** A PostgreSQL to talk to. */
export interface PostgresServer {
  readonly url: string;
  /** Stops the server if this test started it. */
  stop(): Promise<void>;
}

/**
 * The PostgreSQL at `POSTGRES_URL` if there is one, else one that is started on a free port of 127.0.0.1: PostgreSQL's own
 * code as WebAssembly, with its own wire protocol, in memory.
 */
export async function startPostgres(): Promise<PostgresServer> {
  const url = process.env['POSTGRES_URL'];
  if (url) return { url, stop: () => Promise.resolve() };
  const db = await PGlite.create();
  const port = await freePort();
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port, maxConnections: 50 });
  await server.start();
  return {
    url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop();
      await db.close();
    },
  };
}
