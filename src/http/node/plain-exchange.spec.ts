import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { getAdapter } from 'axios';
import { AxiosTransport } from '../axios/axios.transport.js';
import { Cancellation } from '../cancellation.js';
import type { HttpRequest } from '../http-request.js';
import { isPlain, isPlainRequest } from './plain-request.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Request that a server received, head and body. */
interface Seen {
  readonly line: string;
  readonly headers: readonly string[];
  readonly body: string;
}

async function serve(): Promise<{ origin: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = http.createServer(async (asked, response) => {
    const { method, url, rawHeaders } = asked;
    const chunks: Buffer[] = [];
    for await (const chunk of asked) chunks.push(chunk as Buffer);
    const headers = rawHeaders.flatMap((name, at) =>
      at % 2 === 0 ? [`${name.toLowerCase()}: ${rawHeaders[at + 1]}`] : [],
    );
    seen.push({ line: `${method} ${url}`, headers: headers.toSorted(), body: Buffer.concat(chunks).toString() });
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => void (server.closeAllConnections(), server.close()));
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function transportOf(...options: ConstructorParameters<typeof AxiosTransport>): AxiosTransport {
  const transport = new AxiosTransport(...options);
  closing.push(() => transport.close());
  return transport;
}

function request(origin: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url: `${origin}/a?b=1`, headers: { accept: '*/*' }, responseType: 'json', ...more };
}

describe('a request over Node’s own client', () => {
  it.each<[string, Partial<HttpRequest>]>([
    ['a GET', {}],
    ['a HEAD', { method: 'HEAD' }],
    ['a DELETE', { method: 'DELETE' }],
    ['a POST of a text', { method: 'POST', body: 'é', headers: { 'content-type': 'text/plain', 'x-name': 'Zoë' } }],
    ['a PUT of bytes', { method: 'PUT', body: Buffer.from([1, 2, 3]) }],
    ['a POST of nothing', { method: 'POST' }],
    ['a POST of an empty text', { method: 'POST', body: '' }],
    ['headers of its own', { headers: { 'user-agent': 'mine', 'accept-encoding': 'identity', 'x-list': ['1', '2'] } }],
    ['a header that was taken off', { headers: { 'x-gone': undefined as unknown as string } }],
  ])('a request over Node’s own client is on the wire what axios sends: %s', async (_name, more) => {
    const { origin, seen } = await serve();
    const adapter = getAdapter('http');
    await transportOf().send(request(origin, more));
    // An adapter of the app's own: not Node's client, whatever it does.
    await transportOf({ axios: { adapter: (config) => adapter({ ...config, maxRedirects: 0 }) } }).send(
      request(origin, more),
    );
    expect(seen[0]).toEqual(seen[1]);
  });

  it('reads nothing that its options would inherit', async () => {
    const { origin, seen } = await serve();
    const polluted = {
      auth: 'user:password',
      socketPath: '/nowhere',
      timeout: 1,
      setHost: false,
      localAddress: '10.9.8.7',
    };
    const prototype = Object.prototype as Record<string, unknown>;
    Object.assign(prototype, polluted);
    try {
      await transportOf().send(request(origin));
    } finally {
      for (const name of Object.keys(polluted)) delete prototype[name];
    }
    expect(seen[0]?.headers.join()).toContain('host:');
    expect(seen[0]?.headers.join()).not.toContain('authorization');
  });

  it('a request over Node’s own client is not sent when it was called off before, and ends when it is called off later', async () => {
    const { origin, seen } = await serve();
    const before = new Cancellation();
    before.abort(new Error('early'));
    await expect(transportOf().send(request(origin, { cancellation: before }))).rejects.toThrow('early');
    await expect(transportOf().send(request(origin, { signal: AbortSignal.abort(new Error('gone')) }))).rejects.toThrow(
      'gone',
    );
    const silent = http.createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    closing.push(() => void (silent.closeAllConnections(), silent.close()));
    const later = new Cancellation();
    const sent = transportOf().send(
      request(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, { cancellation: later }),
    );
    await once(silent, 'request');
    later.abort(new Error('late'));
    await expect(sent).rejects.toThrow('late');
    expect(seen).toEqual([]);
  });
});

describe('what needs axios', () => {
  const variables = ['http_proxy', 'HTTPS_PROXY'] as const;
  afterEach(() => {
    for (const name of variables) delete process.env[name];
  });

  it('what needs axios is a client with settings of its adapter, or a proxy in the environment', () => {
    expect(isPlain({})).toBe(true);
    expect(isPlain({ httpAgent: new http.Agent(), timeout: 1, headers: {} })).toBe(true);
    for (const settings of [
      { socketPath: '/a' },
      { maxRate: 1 },
      { proxy: { host: 'p', port: 1 } },
      { decompress: false },
    ])
      expect(isPlain(settings)).toBe(false);
    for (const name of variables) {
      process.env[name] = 'http://proxy.example:3128';
      expect(isPlain({})).toBe(false);
      expect(isPlain({ proxy: false })).toBe(true);
      delete process.env[name];
    }
  });

  it.each([
    ['http://a.example/b?c=é', false],
    ['http://a.example/b?', false],
    ['http://a.example', false],
    ['http://user@a.example/', false],
    ['http://a.example/b?c=1&d=%20', true],
    ['https://[::1]:8443/', true],
  ])('what needs axios is the URL %s: %s', (url, plain) => {
    expect(isPlainRequest(request('', { url }), undefined)).toBe(plain);
  });
});
