import { getEventListeners, once } from 'node:events';
import { Agent } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { deflateRawSync, deflateSync } from 'node:zlib';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { inspect } from 'node:util';
import type { AxiosRequestConfig } from 'axios';
import { AxiosTransport, BearerAuth, type ForgeHttpClient } from 'nestjs-forge-auth';
import { Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

interface RawServer {
  readonly origin: string;
  readonly connections: Socket[];
  readonly heads: string[];
}

/** A server that answers each request with bytes as they are written here. */
async function startRaw(answer: (socket: Socket, head: string) => void): Promise<RawServer> {
  const connections: Socket[] = [];
  const heads: string[] = [];
  const server = net.createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const text = data.toString('latin1');
      if (!/^[A-Z-]+ /.test(text)) return;
      heads.push(text);
      answer(socket, text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  wire.closeLater({
    close: () => {
      for (const socket of connections) socket.destroy();
      server.close();
    },
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections, heads };
}

/** An empty object. */
const EMPTY = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';

/** One connection at a time: whoever leaves one behind keeps all others waiting. */
const clientOf = (server: RawServer, axios: AxiosRequestConfig = {}): ForgeHttpClient =>
  wire.client(server, { pool: { maxSockets: 1 }, timeoutMs: 3_000, axios });

describe('an answer that is none', () => {
  it.each([
    ['GET', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['CONNECT', 'HTTP/1.1 200 OK\r\n\r\n'],
  ])('fails a %s at once, not at its timeout: %j', async (method, answer) => {
    const server = await startRaw((socket, head) => socket.write(head.includes(' /a ') ? answer : EMPTY));
    const client = clientOf(server);
    await expect(client.request({ method, url: '/a' })).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
    await expect(client.get('/b')).resolves.toMatchObject({ status: 200 });
  });

  it.each([
    ['a wrong chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['a length and a coding', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['no HTTP', 'hello\r\n\r\n'],
  ])('fails with an error of a connection: %s', async (_name, answer) => {
    const server = await startRaw((socket) => socket.write(answer));
    await expect(clientOf(server).get('/a')).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
  });
});

describe('answers with oddities', () => {
  it.each<[string, string, number, string]>([
    [
      'information before it',
      'GET',
      200,
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
    ],
    ['a 204 with a length', 'GET', 204, 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n'],
    ['a 304 with a length', 'GET', 304, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
    ['a HEAD with a length', 'HEAD', 200, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n'],
    [
      'trailers',
      'GET',
      200,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\n{}\r\n0\r\nx-sum: 1\r\n\r\n',
    ],
  ])(
    'answers with oddities ends, and leaves the connection for the next: %s',
    async (_name, method, status, answer) => {
      const server = await startRaw((socket) => socket.write(answer));
      const client = clientOf(server);
      const answered = async (): Promise<number> => {
        const response = await client.fetch('/a', { method });
        await response.text();
        return response.status;
      };
      await expect(answered()).resolves.toBe(status);
      await expect(answered()).resolves.toBe(status);
      expect(server.heads).toHaveLength(2);
      expect(server.connections).toHaveLength(1);
    },
  );

  it.each([
    ['wrapped', deflateSync('{"ok":true}')],
    ['bare', deflateRawSync('{"ok":true}')],
  ])('answers with oddities ends a stream of a deflated body with bytes behind it: %s', async (_name, body) => {
    const whole = Buffer.concat([body, Buffer.from('\r\n\r\n')]);
    const server = await startRaw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: ${whole.length}\r\n\r\n`);
      socket.write(whole);
    });
    const { data } = await clientOf(server).get<Readable>('/a', { responseType: 'stream' });
    const chunks: Buffer[] = [];
    for await (const chunk of data) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe('{"ok":true}');
  });
});

describe('a request that Node refuses as it is written', () => {
  it.each<[string, unknown, AxiosRequestConfig?]>([
    ['GET', undefined],
    ['POST', { a: 1 }],
    ['PUT', Buffer.from('a')],
    ['PUT', { a: 1 }, { maxRate: 1e9 }],
  ])(
    'leaves no connection behind, and the process standing: %s %j with a Trailer',
    async (method, data, axios = {}) => {
      const server = await startRaw((socket) => socket.write(EMPTY));
      const client = clientOf(server, axios);
      await expect(client.request({ method, url: '/a', data, headers: { trailer: 'x-sum' } })).rejects.toMatchObject({
        code: 'FORGE_AUTH_INVALID_REQUEST',
      });
      await expect(client.get('/b')).resolves.toMatchObject({ status: 200 });
    },
  );
});

describe('an unusual method', () => {
  it.each(['PROPFIND', 'QUERY', 'M-SEARCH', 'VERSION-CONTROL', 'FOO'])(
    'an unusual method goes out as it is: %s',
    async (method) => {
      const server = await startRaw((socket) => socket.write(EMPTY));
      await expect(clientOf(server).request({ method, url: '/a' })).resolves.toMatchObject({ status: 200 });
      expect(server.heads[0]).toMatch(`${method} /a HTTP/1.1\r\n`);
    },
  );

  it.each(['', 'A B', '-', 'A-', 'GET\r\n'])('an unusual method is refused where it is none: %j', async (method) => {
    const server = await startRaw((socket) => socket.write(EMPTY));
    await expect(clientOf(server).request({ method, url: '/a' })).rejects.toMatchObject({
      code: 'FORGE_AUTH_INVALID_REQUEST',
    });
    expect(server.heads).toEqual([]);
  });
});

describe('an answer before the body is sent', () => {
  it.each([401, 413])(
    'frees its connection for the next request, though the server never reads on: %d',
    async (code) => {
      const server = await startRaw((socket, head) => {
        if (!head.startsWith('PUT')) return void socket.write(EMPTY);
        socket.pause();
        socket.write(`HTTP/1.1 ${code} No\r\nContent-Length: 2\r\n\r\n{}`);
      });
      const client = clientOf(server);
      await expect(client.put('/a', Buffer.alloc(20_000_000))).rejects.toMatchObject({ status: code });
      await expect(client.get('/b')).resolves.toMatchObject({ status: 200 });
      const response = await client.fetch('/a', { method: 'PUT', body: Buffer.alloc(20_000_000) });
      await response.text();
      await expect(client.get('/b')).resolves.toMatchObject({ status: 200 });
    },
  );
});

describe('an answer that breaks off', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['a reset', (socket) => socket.resetAndDestroy()],
    ['an end', (socket) => socket.end()],
  ])('fails, and the next one is on a new connection: %s', async (_name, end) => {
    const server = await startRaw((socket, head) => {
      if (!head.includes(' /a ')) return void socket.write(EMPTY);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"half":', () => setTimeout(end, 20, socket));
    });
    const client = clientOf(server);
    await expect(client.post('/a', {})).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
    await expect(client.get('/b')).resolves.toMatchObject({ status: 200 });
    const { body } = await client.fetch('/a');
    await expect(new Response(body).text()).rejects.toBeInstanceOf(TypeError);
    await expect(client.get('/b')).resolves.toMatchObject({ status: 200 });
  });

  it.each(['arraybuffer', 'stream'] as const)(
    'an answer that breaks off is called off in the middle, and leaves nothing behind: %s',
    async (responseType) => {
      const server = await startRaw((socket, head) =>
        socket.write(head.includes(' /a ') ? 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"half":' : EMPTY),
      );
      const client = clientOf(server);
      const aborting = new AbortController();
      for (const reason of [new Error('enough'), 'a text', Object.freeze(new Error('frozen'))]) {
        const controller = new AbortController();
        const asked = async (): Promise<void> => {
          const { data } = await client.get<Readable>('/a', { responseType, signal: controller.signal });
          await new Promise((resolve) => setTimeout(resolve, 60));
          await finished(data.resume());
        };
        setTimeout(() => controller.abort(reason), 30);
        await expect(asked().catch(() => 'failed')).resolves.toBe('failed');
      }
      for (let time = 0; time < 20; time += 1) await client.get('/b', { signal: aborting.signal });
      expect(getEventListeners(aborting.signal, 'abort')).toHaveLength(0);
      const before = server.connections.length;
      await client.get('/b');
      expect(server.connections).toHaveLength(before);
    },
  );
});

describe('an error of an agent of the app’s own', () => {
  it('writes nothing of the request on an error of the app’s own agent', async () => {
    const refused = Object.assign(new Error('no way out'), { code: 'EHOSTUNREACH' });
    class Refusing extends Agent {
      override createConnection(...[, connected]: Parameters<Agent['createConnection']>): undefined {
        setImmediate(() => connected?.(refused, undefined as never));
      }
    }
    const client = wire.client(
      { origin: 'http://127.0.0.1:9' },
      { auth: new BearerAuth('own-secret-token'), axios: { httpAgent: new Refusing() as Agent } },
    );
    await expect(client.get('/a')).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
    expect(inspect(refused, { depth: 12, showHidden: true })).not.toContain('own-secret-token');
  });
});

describe('an agent of the app’s own', () => {
  it.each<[string, unknown]>([
    ['frozen', Object.freeze(new Error('no way out'))],
    ['no error', 'no way out'],
  ])('fails a call, not the process, with what is %s', async (_name, refused) => {
    class Refusing extends Agent {
      override createConnection(...[, connected]: Parameters<Agent['createConnection']>): undefined {
        setImmediate(() => connected?.(refused as Error, undefined as never));
      }
    }
    const client = wire.client({ origin: 'http://127.0.0.1:9' }, { axios: { httpAgent: new Refusing() as Agent } });
    await expect(client.post('/a', {})).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
  });

  it('learns whether a request is secure, also when it has waited for a connection', async () => {
    const protocols: unknown[] = [];
    class Asking extends Agent {
      override createConnection(
        ...given: Parameters<Agent['createConnection']>
      ): ReturnType<Agent['createConnection']> {
        protocols.push((given[0] as { protocol?: unknown }).protocol);
        return super.createConnection(...given);
      }
    }
    const server = await startRaw((socket) => socket.end(EMPTY.replace('\r\n', '\r\nConnection: close\r\n')));
    const client = wire.client(server, { axios: { httpAgent: new Asking({ maxSockets: 1 }) } });
    await Promise.all([client.get('/a'), client.get('/b')]);
    expect(protocols).toEqual(['http:', 'http:']);
  });
});

describe('addresses that are not normalised', () => {
  it.each([
    ['/x/../token', '/token'],
    ['/x/%2E%2e/token', '/token'],
    ['/./token', '/token'],
    ['/a\\b', '/a/b'],
    ['/a?b="<>', '/a?b=%22%3C%3E'],
    ['/{a}', '/%7Ba%7D'],
  ])('addresses that are not normalised go out as a URL writes them: %s', async (asked, sent) => {
    const server = await startRaw((socket) => socket.write(EMPTY));
    const transport = wire.closeLater(new AxiosTransport());
    await transport.send({ method: 'GET', url: server.origin + asked, headers: {}, responseType: 'json' });
    expect(server.heads[0]?.split(' ')[1]).toBe(sent);
  });

  it('names the host in lower case', async () => {
    const server = await startRaw((socket) => socket.write(EMPTY));
    const transport = wire.closeLater(new AxiosTransport());
    const url = `${server.origin.replace('127.0.0.1', 'LOCALHOST')}/`;
    await transport.send({ method: 'GET', url, headers: {}, responseType: 'json' });
    expect(server.heads[0]).toMatch(/\r\nHost: localhost:/i);
    expect(server.heads[0]).not.toContain('LOCALHOST');
  });
});
