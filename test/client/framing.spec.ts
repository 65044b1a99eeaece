import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import {
  AxiosTransport,
  BearerAuth,
  type ForgeAuthError,
  type ForgeHttpClient,
  type Transport,
} from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import type { RecordingServer } from '../support/recording-server.js';
import { Wire } from './wire.js';

const wire = new Wire();
let server: RecordingServer;
let client: ForgeHttpClient;

beforeAll(async () => {
  server = await wire.server((request, response) => {
    const { path } = request;
    if (path === '/packed')
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(300_000)));
    else if (path === '/bomb') response.writeHead(200, { 'content-encoding': 'gzip' }).end(BOMB);
    else response.writeHead(200).end('here');
  });
  client = wire.client(server, { auth: new BearerAuth('own-token') });
});
afterEach(() => server.reset());
afterAll(() => wire.close());

/** 292 KB, and more than anybody wants in memory. */
const BOMB = gzipSync(Buffer.alloc(105_000_000), { level: 9 });

type Headers = Record<string, string>;
type Send = (data: Readable, headers: Headers) => Promise<unknown>;

const faces: [name: string, send: Send][] = [
  ['client.post', (data, headers) => client.post('/here', data, { headers })],
  ['axiosRef.post', (data, headers) => client.axiosRef.post('/here', data, { headers })],
  ['fetch', (body, headers) => client.fetch('/here', { method: 'POST', body, headers, duplex: 'half' } as object)],
];

describe.each(faces)('a stream given to %s', (_name, send) => {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';

  it.each<[string, Headers, string[]]>([
    ['longer than its Content-Length', { 'Content-Length': '5' }, ['hello', smuggled]],
    ['longer within one chunk', { 'content-length': '5' }, [`hello${smuggled}`]],
    ['shorter than its Content-Length', { 'Content-Length': '50' }, ['hello']],
    ['with a Content-Length of 0', { 'Content-Length': '0' }, ['hello']],
    ['with a Content-Length that is no number', { 'Content-Length': '+5' }, ['hello']],
    ['with a Content-Length in hexadecimal', { 'Content-Length': '0x5' }, ['hello']],
    ['with two Content-Lengths', { 'Content-Length': '5, 5' }, ['hello']],
    ['with Transfer-Encoding: identity', { 'Transfer-Encoding': 'identity' }, [smuggled]],
    ['with Transfer-Encoding: gzip', { 'Transfer-Encoding': 'gzip' }, [smuggled]],
    ['with Transfer-Encoding: gzip, chunked', { 'Transfer-Encoding': 'gzip, chunked' }, [smuggled]],
    ['with both', { 'Transfer-Encoding': 'chunked', 'Content-Length': '5' }, ['hello']],
  ])('%s is refused, and becomes no second request', async (_what, headers, chunks) => {
    const error = await failure(send(Readable.from(chunks), headers));
    expect(error.code).toBe('FORGE_AUTH_INVALID_REQUEST');
    await send(Readable.from(['next']), {});
    expect(server.requests.filter(({ complete }) => complete).map(({ path, text }) => [path, text])).toEqual([
      ['/here', 'next'],
    ]);
  });

  it.each<[string, Headers]>([
    ['as long as its Content-Length', { 'Content-Length': '11' }],
    ['in chunks', { 'Transfer-Encoding': 'chunked' }],
    ['of unknown length', {}],
  ])('%s is sent', async (_what, headers) => {
    await send(Readable.from(['hello', ' world']), headers);
    expect(server.requests.map(({ text }) => text)).toEqual(['hello world']);
  });

  it('a stream that brings headers of its own brings those of its content alone', async () => {
    const form = Object.assign(Readable.from(['a=1']), {
      append: () => undefined,
      getHeaders: () => ({
        'Content-Type': 'multipart/form-data; boundary=x',
        authorization: 'Bearer planted',
        host: 'planted.example',
        'content-length': '3',
        'x-planted': 'planted',
      }),
    });
    await send(form, {});
    const { headers, text } = server.requests[0] ?? {};
    expect(headers).toMatchObject({ authorization: 'Bearer own-token', host: new URL(server.origin).host });
    expect(headers).not.toHaveProperty('x-planted');
    expect(text).toBe('a=1');
  });
});

it('a stream that ends amid its Content-Length fails with its own failure', async () => {
  const body = new PassThrough();
  body.write('he');
  const sending = failure(client.post('/here', body, { headers: { 'Content-Length': '5' } }));
  setTimeout(() => body.destroy(new Error('the disk is gone')), 30);
  expect(['FORGE_AUTH_CONNECTION', 'FORGE_AUTH_INVALID_REQUEST']).toContain((await sending).code);
});

describe('an answer that waits to be read when the process moves again', () => {
  it.each<[string, object]>([
    ['timeoutMs', { timeoutMs: 300 }],
    ['totalTimeoutMs', { totalTimeoutMs: 300 }],
  ])(
    'an answer that waits to be read when the process moves again is read, though %s is over',
    async (_name, config) => {
      const slow = await wire.server((_request, response) => void setTimeout(() => response.end('late'), 20));
      const patient = wire.client(slow);
      await patient.get('/warm');
      const answering = patient.get('/here', config);
      // Until the request is out: the answer then comes while nobody listens. In this process nobody can answer, either.
      await slow.received(2);
      await new Promise((resolve) => setTimeout(resolve, 0));
      stand(600);
      expect((await answering).data).toBe('late');
    },
  );

  it('an answer that waits to be read when the process moves again is not waited for when there is none', async () => {
    const silent = await wire.server(() => undefined);
    const answering = failure(wire.client(silent).get('/here', { timeoutMs: 200 }));
    await silent.received(1);
    stand(400);
    expect((await answering).code).toBe('FORGE_AUTH_TIMEOUT');
  });
});

describe('a body that unpacks to more than it should', () => {
  it.each<[string, (bounded: ForgeHttpClient) => Promise<unknown>]>([
    ['get', (bounded) => bounded.get('/packed')],
    ['get of bytes', (bounded) => bounded.get('/packed', { responseType: 'arraybuffer' })],
    ['axiosRef', (bounded) => bounded.axiosRef.get('/packed')],
    ['fetch', async (bounded) => (await bounded.fetch('/packed')).arrayBuffer()],
  ])("a body that unpacks to more than it should is given up at the service's limit by %s", async (_name, read) => {
    const bounded = wire.client(server, { maxContentLength: 299_999 });
    expect((await failure(read(bounded))).code).toBe('FORGE_AUTH_RESPONSE_TOO_LARGE');
  });

  it('a body that unpacks to more than it should is given up at the limit of a call, which may be higher, too', async () => {
    const bounded = wire.client(server, { maxContentLength: 100 });
    const tooLarge = await failure(client.get('/packed', { maxContentLength: 1_000 }));
    expect(tooLarge.code).toBe('FORGE_AUTH_RESPONSE_TOO_LARGE');
    const { data } = await bounded.get<Buffer>('/packed', { responseType: 'arraybuffer', maxContentLength: Infinity });
    expect(data).toHaveLength(300_000);
    const unread = await client.fetch('/packed', { forge: { maxContentLength: 1_000 } });
    expect((await failure(unread.text())).code).toBe('FORGE_AUTH_RESPONSE_TOO_LARGE');
  });

  it.each<[string, () => Transport]>([
    ['undici', () => new UndiciTransport({ maxContentLength: 1_000 })],
    ['axios', () => new AxiosTransport({ axios: { maxContentLength: 1_000 } })],
  ])(
    'a body that unpacks to more than it should is given up at the limit of a transport, unless the service says: %s',
    async (_name, make) => {
      const transport = wire.closeLater(make() as Transport & { close(): void });
      const tooLarge = await failure(wire.client(server, { transport }).get('/packed'));
      expect(tooLarge.code).toBe('FORGE_AUTH_RESPONSE_TOO_LARGE');
      const roomy = wire.client(server, { transport, maxContentLength: 300_000 });
      expect((await roomy.get('/packed')).status).toBe(200);
    },
  );

  it('a body that unpacks to more than it should is given up at 100 MB unless anybody says otherwise', async () => {
    expect((await failure(client.get('/bomb'))).code).toBe('FORGE_AUTH_RESPONSE_TOO_LARGE');
    expect((await failure(client.axiosRef.get('/bomb'))).code).toBe('FORGE_AUTH_RESPONSE_TOO_LARGE');
    expect((await failure((await client.fetch('/bomb')).text())).code).toBe('FORGE_AUTH_RESPONSE_TOO_LARGE');
  });

  it('a body that unpacks to more than it should has no limit as a stream, which need not be in memory', async () => {
    const { data } = await client.get<Readable>('/bomb', { responseType: 'stream' });
    let bytes = 0;
    for await (const chunk of data) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(105_000_000);
  });
});

/** Blocks the process, as a long computation or a frozen container does. */
function stand(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

async function failure(attempt: Promise<unknown>): Promise<ForgeAuthError> {
  const error: unknown = await attempt.then(
    () => ({ code: 'nothing failed' }),
    (thrown: unknown) => thrown,
  );
  const { code, cause } = error as { code?: string; cause?: unknown };
  return (code?.startsWith('FORGE_AUTH_') === true ? error : (cause ?? error)) as ForgeAuthError;
}
