import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { ConnectionError, ResponseParseError } from '../errors.js';
import type { Transport } from '../http/transport.js';
import type { Contract, ContractSubject } from './contract.js';
import { check, decoded, echo, echoed, type Handler, read, text } from './transport-check.js';

/** The server that an answer is of. */
function serverOf({ socket }: ServerResponse): Server {
  return (socket as Socket & { readonly server: Server }).server;
}

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
  'shows nothing of headers and bodies in its errors': check(
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
