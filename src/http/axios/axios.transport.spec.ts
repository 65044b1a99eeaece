import { once } from 'node:events';
import * as http from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { jest } from '@jest/globals';
import type { AxiosRequestConfig, AxiosResponse, InternalAxiosRequestConfig } from 'axios';
import { ConnectionError, InvalidRequestError, ResponseParseError, TlsError } from '../../errors.js';
import { AxiosTransport } from './axios.transport.js';
import type { HttpRequest } from '../http-request.js';

type Answer = (request: http.IncomingMessage, response: http.ServerResponse) => void;

const SECRET = 'canary-token-in-header';
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(answer: Answer): Promise<{ origin: string; sockets: () => Promise<number> }> {
  const server = http.createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const sockets = (): Promise<number> =>
    new Promise((resolve, reject) =>
      server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

function transportOf(axios: AxiosRequestConfig = {}): AxiosTransport {
  const transport = new AxiosTransport({ axios });
  closing.push(() => transport.close());
  return transport;
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url, headers: { authorization: `Bearer ${SECRET}` }, responseType: 'json', ...more };
}

/** Waits until the server has no connection left. */
async function gone(sockets: () => Promise<number>): Promise<void> {
  while ((await sockets()) > 0) await new Promise((resolve) => setTimeout(resolve, 2));
}

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function rejection(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => {
      throw new Error('It was not rejected.');
    },
    (error: unknown) => error as Error,
  );
}

/** Answers as mock adapters do: with what the test wrote down. */
async function adapter(config: InternalAxiosRequestConfig): Promise<AxiosResponse> {
  return { status: 200, statusText: 'OK', headers: {}, config, data: { a: 1 } };
}

describe('AxiosTransport', () => {
  it('answers every status, and follows no redirect', async () => {
    const { origin } = await serve((_request, response) => response.writeHead(302, { location: '/b' }).end());
    await expect(transportOf().send(get(`${origin}/a`))).resolves.toMatchObject({
      status: 302,
      headers: { location: '/b' },
      url: `${origin}/a`,
    });
  });

  it('keeps connections alive, and closes them when it is closed', async () => {
    const { origin, sockets } = await serve((_request, response) => response.end());
    const transport = transportOf();
    for (let call = 0; call < 3; call += 1) await transport.send(get(origin));
    expect(await sockets()).toBe(1);
    transport.close();
    await gone(sockets);
  });

  it('opens again after it was closed', async () => {
    const { origin } = await serve((_request, response) => response.end());
    const transport = transportOf();
    await transport.send(get(origin));
    transport.close();
    await expect(transport.send(get(origin))).resolves.toMatchObject({ status: 200 });
  });

  it('leaves a given agent open', async () => {
    const { origin, sockets } = await serve((_request, response) => response.end());
    const httpAgent = new http.Agent({ keepAlive: true });
    closing.push(() => httpAgent.destroy());
    const transport = transportOf({ httpAgent });
    await transport.send(get(origin));
    transport.close();
    await transport.send(get(origin));
    expect(await sockets()).toBe(1);
  });

  it('reads nothing from the config that belongs to one request', async () => {
    let seen: http.IncomingMessage | undefined;
    const { origin } = await serve((request, response) => {
      seen = request;
      response.end();
    });
    const config: AxiosRequestConfig = {
      url: 'http://127.0.0.1:1/',
      baseURL: 'http://127.0.0.1:1/',
      method: 'POST',
      params: { a: 1 },
      data: 'body',
      headers: { 'x-shared': '1' },
      auth: { username: 'u', password: 'p' },
      timeout: 1,
      maxRedirects: 5,
      validateStatus: () => false,
      signal: AbortSignal.abort(),
      responseType: 'text',
    };
    await expect(transportOf(config).send(get(`${origin}/a`))).resolves.toMatchObject({ status: 200 });
    expect(seen).toMatchObject({ method: 'GET', url: '/a' });
    expect(seen?.headers).toMatchObject({ authorization: `Bearer ${SECRET}` });
    expect(seen?.headers).not.toHaveProperty('x-shared');
  });

  it('AxiosTransport goes through the proxy that the environment names', async () => {
    const asked: (string | undefined)[] = [];
    const { origin } = await serve((request, response) => {
      asked.push(request.url);
      response.end();
    });
    process.env['http_proxy'] = origin;
    try {
      await transportOf().send(get('http://nowhere.example/a'));
      await transportOf({ proxy: false }).send(get(`${origin}/b`));
    } finally {
      delete process.env['http_proxy'];
    }
    expect(asked).toEqual(['http://nowhere.example/a', '/b']);
  });

  it('AxiosTransport goes through the proxy of one request where the environment names none', async () => {
    let asked: string | undefined;
    const { origin } = await serve((request, response) => {
      asked = request.url;
      response.end();
    });
    const { hostname: host, port } = new URL(origin);
    await transportOf().send(get('http://nowhere.example/a', { axios: { proxy: { host, port: Number(port) } } }));
    expect(asked).toBe('http://nowhere.example/a');
  });

  it('sets the keep-alive delay of a socket once', async () => {
    const { origin } = await serve((_request, response) => response.end());
    const set = jest.spyOn(Socket.prototype, 'setKeepAlive');
    const transport = transportOf();
    for (let sent = 0; sent < 3; sent += 1) await transport.send(get(origin));
    const delays = set.mock.calls.map(([, delayMs]) => delayMs);
    set.mockRestore();
    expect(new Set(delays)).toEqual(new Set([60_000]));
  });

  it('works with a mock adapter', async () => {
    const { body } = await transportOf({ adapter }).send(get('http://nowhere.example/'));
    expect(String(body)).toBe('{"a":1}');
  });

  describe('a stream', () => {
    it('a stream is handed over when the headers are in', async () => {
      const { origin } = await serve((_request, response) => {
        response.write('first');
        setTimeout(() => response.end(' second'), 20);
      });
      const { body } = await transportOf().send(get(origin, { responseType: 'stream' }));
      expect(String(await readAll(body as Readable))).toBe('first second');
    });

    it('fails with the reason of the signal', async () => {
      const { origin, sockets } = await serve((_request, response) => void response.write('first'));
      const controller = new AbortController();
      const request = get(origin, { responseType: 'stream', signal: controller.signal });
      const { body } = await transportOf().send(request);
      const failed = rejection(readAll(body as Readable));
      controller.abort(new RangeError('enough'));
      expect(await failed).toBe(controller.signal.reason);
      await gone(sockets);
    });

    it('fails with a typed error without any credential when the connection is lost', async () => {
      const { origin } = await serve((_request, response) => {
        response.write('first', () => setTimeout(() => response.destroy(), 20));
      });
      const { body } = await transportOf().send(get(origin, { responseType: 'stream' }));
      const error = await rejection(readAll(body as Readable));
      expect(error).toBeInstanceOf(ConnectionError);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
    });

    it('fails with a typed error when it is larger than allowed', async () => {
      const { origin } = await serve((_request, response) => void response.end('x'.repeat(100)));
      const { body } = await transportOf().send(get(origin, { responseType: 'stream', maxContentLength: 10 }));
      const error = await rejection(readAll(body as Readable));
      expect(error).toMatchObject({ code: 'FORGE_AUTH_RESPONSE_TOO_LARGE' });
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
    });

    it('fails with a typed error when it cannot be decompressed', async () => {
      const { origin } = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip');
      });
      const { body } = await transportOf().send(get(origin, { responseType: 'stream' }));
      const error = await rejection(readAll(body as Readable));
      expect(error).toBeInstanceOf(ResponseParseError);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
    });

    it('a stream that nobody reads fails without crashing the process', async () => {
      const { origin } = await serve((_request, response) => {
        response.write('first', () => setTimeout(() => response.destroy(), 20));
      });
      const { body } = await transportOf().send(get(origin, { responseType: 'stream' }));
      await new Promise((resolve) => (body as Readable).once('close', resolve));
      await expect(readAll(body as Readable)).rejects.toBeInstanceOf(ConnectionError);
    });

    it('frees its socket when it is destroyed', async () => {
      const { origin, sockets } = await serve((_request, response) => void response.write('first'));
      const { body } = await transportOf().send(get(origin, { responseType: 'stream' }));
      (body as Readable).destroy();
      await gone(sockets);
    });
  });

  it('takes a connection that is closed amid the body for a failure of the network', async () => {
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy());
    });
    const error = await rejection(transportOf().send(get(origin)));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ nothingSent: false });
  });

  it('distinguishes a refused connection from a lost one', async () => {
    const { origin } = await serve((request) => request.socket.destroy());
    expect(await rejection(transportOf().send(get(origin)))).toMatchObject({ nothingSent: false });
    expect(await rejection(transportOf().send(get('http://127.0.0.1:1/')))).toMatchObject({ nothingSent: true });
  });

  it('takes an answer in plain text for a TLS failure', async () => {
    const { origin } = await serve((_request, response) => response.end());
    const error = await rejection(transportOf().send(get(origin.replace('http', 'https'))));
    expect(error).toBeInstanceOf(TlsError);
  });

  it('refuses a body larger than the config allows', async () => {
    const { origin } = await serve((_request, response) => response.end());
    const request = get(origin, { method: 'POST', body: 'x'.repeat(100) });
    const error = await rejection(transportOf({ maxBodyLength: 10 }).send(request));
    expect(error).toBeInstanceOf(InvalidRequestError);
  });

  it('measures the size of a body after decompression', async () => {
    const { gzipSync } = await import('node:zlib');
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1_000_000)));
    });
    const error = await rejection(transportOf().send(get(origin, { maxContentLength: 10_000 })));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_RESPONSE_TOO_LARGE' });
    expect(error.message).toContain('more than 10000 bytes');
  });
});
