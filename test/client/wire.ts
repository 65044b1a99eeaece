import {
  createForgeClient,
  type ForgeClientOptions,
  type ForgeHttpClient,
  type ForgeServiceOptions,
} from 'nestjs-forge-auth';
import { type Handler, type RecordingServer, type ServerOptions, startServer } from '../support/recording-server.js';

/** The name of the service in every test. */
export const SERVICE = 'orders';

interface Closable {
  close(): void | Promise<void>;
}

/** Servers and clients of one test. */
export class Wire {
  readonly #made: Closable[] = [];

  /** A server that answers everything with `{ ok: true }` by default. */
  async server(handler: Handler = ok, options: ServerOptions = {}): Promise<RecordingServer> {
    return this.closeLater(await startServer(handler, options));
  }

  /** A client of a server. Without `auth` its calls carry no credential. */
  client(
    server: { readonly origin: string },
    service: Partial<ForgeServiceOptions> = {},
    options: ForgeClientOptions = {},
  ): ForgeHttpClient {
    return this.closeLater(createForgeClient({ name: SERVICE, baseUrl: server.origin, ...service }, options));
  }

  closeLater<T extends Closable>(thing: T): T {
    this.#made.push(thing);
    return thing;
  }

  async close(): Promise<void> {
    for (const thing of this.#made.splice(0).toReversed()) await thing.close();
  }
}

const ok: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
};
