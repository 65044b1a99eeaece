import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import type { HttpRequest, HttpResponse } from '../http/http-request.js';
import type { Transport } from '../http/transport.js';
import { type ContractSubject, inTime, openSubject } from './contract.js';

/** Answers the requests of one check. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server of one check, and requests to it. */
export interface Exchange {
  readonly server: Server;
  /** Connections opened so far. */
  connections(): number;
  /** Connections that are open now. */
  open(): Promise<number>;
  get(path?: string, more?: Partial<HttpRequest>): HttpRequest;
  send(request: HttpRequest): Promise<HttpResponse>;
}

/** Makes a check of a transport against a real server. */
export function check(
  handler: Handler,
  run: (exchange: Exchange) => Promise<void>,
): (subject: ContractSubject<Transport>) => Promise<void> {
  return async (subject) => {
    const transport = await openSubject(subject);
    let connections = 0;
    const server = createServer(handler).on('connection', () => (connections += 1));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const done = run({
        server,
        connections: () => connections,
        open: () =>
          new Promise((resolve, reject) =>
            server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
          ),
        get: (path = '/', more = {}) => ({
          method: 'GET',
          url: origin + path,
          headers: { accept: '*/*' },
          responseType: 'arraybuffer',
          ...more,
        }),
        send: (request) => transport.send(request),
      });
      await inTime(done);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };
}

/** Returns a body as text. */
export const text = ({ body }: HttpResponse): string => String(body);

/** Reads a stream to its end. */
export async function read(body: HttpResponse['body']): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as Readable) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Answers with what it received. */
export const echo: Handler = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, headers } = request;
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString('base64') }));
  });
};

/** Request as {@link echo} has received it. */
export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Base 64. */
  readonly body: string;
}

/** Returns the request that {@link echo} has answered. */
export const echoed = (response: HttpResponse): Echo => JSON.parse(text(response)) as Echo;
/** Returns the body of an echoed request as text. */
export const decoded = ({ body }: Echo): string => Buffer.from(body, 'base64').toString();
