// More than 250 lines: a list of checks.
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { ConnectionError, ResponseParseError } from '../errors.js';
import type { HttpRequest, HttpResponse } from '../http/http-request.js';
import type { Transport } from '../http/transport.js';
import { type Contract, type ContractSubject, inTime, openSubject } from './contract.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server of one check, and requests to it. */
interface Exchange {
  readonly server: Server;
  /** Connections opened so far. */
  connections(): number;
  /** Connections that are open now. */
  open(): Promise<number>;
  get(path?: string, more?: Partial<HttpRequest>): HttpRequest;
  send(request: HttpRequest): Promise<HttpResponse>;
}

/** A check of a transport against a real server. */
function check(
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

/** The server that an answer is of. */
function serverOf({ socket }: ServerResponse): Server {
  return (socket as Socket & { readonly server: Server }).server;
}

const text = ({ body }: HttpResponse): string => String(body);

async function read(body: HttpResponse['body']): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as Readable) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Answers with what it received. */
const echo: Handler = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, headers } = request;
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString('base64') }));
  });
};

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Base 64. */
  readonly body: string;
}

const echoed = (response: HttpResponse): Echo => JSON.parse(text(response)) as Echo;
const decoded = ({ body }: Echo): string => Buffer.from(body, 'base64').toString();

const never: Handler = () => undefined;
const PLAIN = 'plain text, '.repeat(100);

function coded(coding: string, body: Buffer): (subject: ContractSubject<Transport>) => Promise<void> {
  return check(
    (_request, response) => response.writeHead(200, { 'content-encoding': coding }).end(body),
    async ({ get, send }) => {
      equal(text(await send(get())), PLAIN);
      const streamed = await send(get('/', { responseType: 'stream' }));
      equal(await read(streamed.body), PLAIN);
    },
  );
}

/** Contract of every {@link Transport}. Each check speaks to a real server of its own on 127.0.0.1. */
export const transportContract: Contract<Transport> = Object.freeze({
  'answers status, headers in lower case, and body': check(
    (_request, response) => response.writeHead(201, { 'X-Own': 'a', 'Content-Type': 'text/plain' }).end('body'),
    async ({ get, send }) => {
      const response = await send(get('/a?b=c'));
      equal(response.status, 201);
      equal(response.headers['x-own'], 'a');
      equal(response.headers['content-type'], 'text/plain');
      ok(Buffer.isBuffer(response.body));
      equal(text(response), 'body');
      equal(response.url, get('/a?b=c').url);
    },
  ),
  'sends method, path, query and headers as they are given': check(echo, async ({ get, send }) => {
    const headers = { authorization: 'Bearer t', 'x-list': ['a', 'b'] };
    const seen = echoed(await send(get('/a%20b/c?d=%FF&e', { method: 'DELETE', headers })));
    equal(seen.method, 'DELETE');
    equal(seen.url, '/a%20b/c?d=%FF&e');
    equal(seen.headers['authorization'], 'Bearer t');
    equal(seen.headers['x-list'], 'a, b');
  }),
  'sends texts and bytes with their length': check(echo, async ({ get, send }) => {
    const sent = echoed(await send(get('/', { method: 'POST', body: 'grün' })));
    equal(decoded(sent), 'grün');
    equal(sent.headers['content-length'], '5');
    const bytes = Buffer.from([0, 255, 128]);
    const binary = echoed(await send(get('/', { method: 'PUT', body: bytes })));
    equal(binary.body, bytes.toString('base64'));
  }),
  'sends streams': check(echo, async ({ get, send }) => {
    const body = Readable.from([Buffer.from('one '), Buffer.from('two')]);
    equal(decoded(echoed(await send(get('/', { method: 'POST', body })))), 'one two');
  }),
  'hands over bytes as they are': check(
    (_request, response) => response.end(Buffer.from([0, 255, 128])),
    async ({ get, send }) => {
      deepEqual((await send(get())).body, Buffer.from([0, 255, 128]));
    },
  ),
  'answers every status, and follows no redirect': check(
    ({ url }, response) => response.writeHead(Number(url?.slice(1)), { location: '/200' }).end('x'),
    async ({ get, send }) => {
      for (const status of [302, 307, 401, 404, 429, 500, 503]) equal((await send(get(`/${status}`))).status, status);
    },
  ),
  'answers empty bodies as empty Buffers': check(
    ({ method }, response) => response.writeHead(method === 'HEAD' ? 200 : 204, { 'x-own': 'a' }).end(),
    async ({ get, send }) => {
      for (const method of ['GET', 'HEAD']) {
        const response = await send(get('/', { method }));
        ok(Buffer.isBuffer(response.body));
        equal(response.body.length, 0);
        equal(response.headers['x-own'], 'a');
      }
    },
  ),
  'hands over cookies as a list': check(
    (_request, response) => response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end(),
    async ({ get, send }) => {
      const cookies = (await send(get())).headers['set-cookie'];
      ok(Array.isArray(cookies));
      equal(cookies.join(), 'a=1,b=2');
    },
  ),
  'decodes gzip': coded('gzip', gzipSync(PLAIN)),
  'decodes deflate': coded('deflate', deflateSync(PLAIN)),
  'decodes deflate without its wrapper': coded('deflate', deflateRawSync(PLAIN)),
  'decodes br': coded('br', brotliCompressSync(PLAIN)),
  'fails with a typed error where a coded body is broken': check(
    (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'),
    async ({ get, send }) => {
      await rejects(send(get()), ResponseParseError);
    },
  ),
  'gives a body up after maxContentLength bytes, decoded': check(
    ({ url }, response) => {
      const body = Buffer.alloc(100_000, 'x');
      if (url === '/coded') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body));
      else response.end(body);
    },
    async ({ get, send }) => {
      for (const path of ['/plain', '/coded']) {
        await rejects(send(get(path, { maxContentLength: 99_999 })), { code: 'FORGE_AUTH_RESPONSE_TOO_LARGE' });
        equal(text(await send(get(path, { maxContentLength: 100_000 }))).length, 100_000);
      }
    },
  ),
  'hands a stream over when the headers are in': check(
    (_request, response) => {
      response.writeHead(200).write('first ');
      // The body ends when the stream was handed over, and not before.
      serverOf(response).once('handed over', () => response.end('second'));
    },
    async ({ get, send, server }) => {
      const { body } = await send(get('/', { responseType: 'stream' }));
      ok(body instanceof Readable);
      server.emit('handed over');
      equal(await read(body), 'first second');
    },
  ),
  'closes the connection of a stream that is destroyed': check(
    (_request, response) => void response.writeHead(200).write('first'),
    async ({ get, send, open }) => {
      const { body } = await send(get('/', { responseType: 'stream' }));
      (body as Readable).on('error', () => undefined).destroy();
      for (let waited = 0; (await open()) > 0 && waited < 5_000; waited += 20) await delay(20);
      equal(await open(), 0);
    },
  ),
  'rejects with the reason of a signal that has aborted': check(echo, async ({ get, send }) => {
    const reason = new Error('gone');
    await rejects(send(get('/', { signal: AbortSignal.abort(reason) })), (error) => error === reason);
  }),
  'rejects with the reason of a signal that aborts while it waits for an answer': check(
    never,
    async ({ get, send, open }) => {
      const abort = new AbortController();
      const reason = new Error('gone');
      const leaving = send(get('/', { signal: abort.signal }));
      setTimeout(() => abort.abort(reason), 50);
      await rejects(leaving, (error) => error === reason);
      for (let waited = 0; (await open()) > 0 && waited < 5_000; waited += 20) await delay(20);
      equal(await open(), 0);
    },
  ),
  'rejects with the reason of a signal that aborts amid a body': check(
    (_request, response) => void response.writeHead(200).write('half'),
    async ({ get, send }) => {
      const reason = new Error('gone');
      const whole = new AbortController();
      const leaving = send(get('/', { signal: whole.signal }));
      setTimeout(() => whole.abort(reason), 50);
      await rejects(leaving, (error) => error === reason);
      const streamed = new AbortController();
      const { body } = await send(get('/', { responseType: 'stream', signal: streamed.signal }));
      setTimeout(() => streamed.abort(reason), 50);
      await rejects(read(body), (error) => error === reason);
    },
  ),
  'fails with a ConnectionError that says that nothing was sent where nobody listens': check(
    echo,
    async ({ get, send, server }) => {
      const request = get();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      await rejects(send(request), (error) => error instanceof ConnectionError && error.nothingSent);
    },
  ),
  'fails with a ConnectionError where the connection closes before the answer, or amid it': check(
    ({ url }, response) => {
      if (url === '/amid') response.writeHead(200, { 'content-length': '100' }).write('half');
      setTimeout(() => response.destroy(), 20);
    },
    async ({ get, send }) => {
      for (const path of ['/before', '/amid']) {
        await rejects(send(get(path)), (error) => error instanceof ConnectionError && !error.nothingSent);
      }
      const { body } = await send(get('/amid', { responseType: 'stream' }));
      await rejects(read(body), ConnectionError);
    },
  ),
  'tells nothing of headers and bodies in its errors': check(
    (_request, response) => void setTimeout(() => response.destroy(), 10),
    async ({ get, send }) => {
      const request = get('/?key=canary', { method: 'POST', headers: { authorization: 'canary' }, body: 'canary' });
      await rejects(send(request), (error) => {
        const { message, cause } = error as Error;
        ok(!`${message}${JSON.stringify(error)}${JSON.stringify(cause ?? null)}`.includes('canary'));
        match(message, /127\.0\.0\.1/);
        return true;
      });
    },
  ),
  'keeps its connections for the next request': check(echo, async ({ get, send, connections }) => {
    for (let request = 0; request < 10; request += 1) await send(get());
    // A pool may not know yet that a connection is free again.
    ok(connections() <= 2);
  }),
  'sends many requests at once': check(
    ({ url }, response) => void setTimeout(() => response.end(url), 20),
    async ({ get, send }) => {
      const paths = Array.from({ length: 50 }, (_, number) => `/${number}`);
      deepEqual((await Promise.all(paths.map((path) => send(get(path))))).map(text), paths);
    },
  ),
});
