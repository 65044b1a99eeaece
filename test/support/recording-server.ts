import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { send } from './answer.js';
import { createCertificate, type Certificate } from './certificate.js';
import { Recording, type RecordedRequest } from './recorded-request.js';

/** Answers one request, whose body is already in. Not answering at all leaves the client hanging. */
export type Handler = (request: RecordedRequest, response: ServerResponse) => void | Promise<void>;

export interface ServerOptions {
  /**
   * `true` speaks TLS with a fresh self-signed certificate for localhost and 127.0.0.1. An object is merged over that,
   * so `{ requestCert: true, ca }` asks the client for a certificate, and `{ cert, key }` brings one's own.
   */
  tls?: boolean | (SecureContextOptions & TlsOptions);
}

/** Connections that may wait to be accepted: beyond Node's 511, the system resets some of those that 1,000 callers open at once. */
export const BACKLOG = 4_096;

/** A running {@link startServer}. */
export interface RecordingServer {
  /** `http://127.0.0.1:<port>`, or https. */
  readonly origin: string;
  readonly port: number;
  /** PEM of the self-signed certificate, to trust as `ca`. Undefined without TLS or with a certificate of one's own. */
  readonly ca: string | undefined;
  /** Every request so far, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** Connections opened so far. TLS handshakes that fail count too. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly openConnections: number;
  /** Answers requests from now on; assign another one to change the server's mind. */
  handler: Handler;
  /** Number of requests, of those whose path starts with `pathPrefix`. */
  count(pathPrefix?: string): number;
  /** The most requests that were ever being handled at the same time. */
  maxConcurrent(pathPrefix?: string): number;
  /**
   * Resolves when `count` requests (of those whose path starts with `pathPrefix`) have arrived, bodies included.
   * @throws {Error} when that takes longer than `timeoutMs` (default 5_000).
   */
  received(count: number, pathPrefix?: string, timeoutMs?: number): Promise<void>;
  /** Forgets requests and the number of connections. */
  reset(): void;
  /**
   * Stops listening and destroys every socket at once. Safe to call twice.
   * @throws what a handler has thrown (its client saw a 500), so that no mistake in a handler goes unseen.
   */
  close(): Promise<void>;
}

/**
 * Starts a real HTTP server on a free port of 127.0.0.1 that records every request.
 *
 * Requests are answered by `handler` as they come, concurrently. A test that fails before it closes its server does not
 * keep this process alive.
 */
export async function startServer(handler: Handler, options: ServerOptions = {}): Promise<RecordingServer> {
  const certificate = await ownCertificate(options.tls);
  const sockets = new Set<Socket>();
  // By the client's port, which a TLS socket and the plain one under it have in common.
  const numbers = new Map<number | undefined, number>();
  const faults: unknown[] = [];
  const arrivals = new Set<() => void>();
  let requests: Recording[] = [];
  let timeline: { request: Recording; step: 1 | -1 }[] = [];
  let connections = 0;

  const server = options.tls
    ? createHttpsServer({ ...certificate, ...(options.tls === true ? {} : options.tls) })
    : createHttpServer();
  // A busy machine is no reason to close a connection that the client goes on using.
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    socket.unref();
    connections += 1;
    numbers.set(socket.remotePort, connections);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', (message, response) => void handle(message, response));

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = new Recording(message, numbers.get(message.socket.remotePort) ?? 0);
    requests.push(request);
    const during = timeline;
    during.push({ request, step: 1 });
    const end = (): void => {
      if (request.endedAt !== undefined) return;
      request.endedAt = performance.now();
      during.push({ request, step: -1 });
    };
    // `prefinish` comes before the client can see the end, so requests one after the other never seem to overlap.
    response.once('prefinish', end).once('close', end);
    if (!(await request.readBody())) return;
    for (const check of arrivals) check();
    try {
      await self.handler(request, response);
    } catch (fault) {
      faults.push(fault);
      if (response.headersSent) response.destroy();
      else send(response, 500, 'The handler threw.');
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, resolve);
  });
  server.unref();
  const { port } = server.address() as AddressInfo;

  const self: RecordingServer = {
    origin: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    ca: certificate?.cert,
    get requests() {
      return requests;
    },
    get connections() {
      return connections;
    },
    get openConnections() {
      return sockets.size;
    },
    handler,
    count: (pathPrefix = '') => requests.filter((request) => request.path.startsWith(pathPrefix)).length,
    maxConcurrent(pathPrefix = '') {
      let [now, most] = [0, 0];
      for (const { request, step } of timeline) {
        if (request.path.startsWith(pathPrefix)) now += step;
        most = Math.max(most, now);
      }
      return most;
    },
    received(count, pathPrefix = '', timeoutMs = 5_000) {
      const arrived = (): number =>
        requests.filter(({ path, complete }) => complete && path.startsWith(pathPrefix)).length;
      return new Promise((resolve, reject) => {
        const check = (): void => {
          if (arrived() < count) return;
          clearTimeout(timer);
          arrivals.delete(check);
          // One turn later: by then the handler can have begun.
          setImmediate(resolve);
        };
        const timer = setTimeout(() => {
          arrivals.delete(check);
          reject(new Error(`Waited ${timeoutMs} ms for ${count} requests to "${pathPrefix}"; ${arrived()} arrived.`));
        }, timeoutMs);
        arrivals.add(check);
        check();
      });
    },
    reset() {
      requests = [];
      timeline = [];
      connections = 0;
    },
    async close() {
      if (server.listening) {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        for (const socket of sockets) socket.destroy();
        await closed;
      }
      const [fault] = faults.splice(0);
      if (fault !== undefined) throw fault;
    },
  };
  return self;
}

function ownCertificate(tls: ServerOptions['tls']): Promise<Certificate> | undefined {
  if (!tls || (tls !== true && (tls.cert ?? tls.pfx))) return undefined;
  return createCertificate();
}
