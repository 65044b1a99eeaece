import { type AddressInfo, createServer, type Server } from 'node:net';
import { Readable } from 'node:stream';
import { BearerAuth, createForgeClient, type ForgeHttpClient, type Transport } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { firstValueFrom } from 'rxjs';

/** A request that hides behind the body of another one. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
const MOVED = 'HTTP/1.1 307 Moved\r\nLocation: /here\r\nContent-Length: 0\r\n\r\n';

let server: Server;
let origin: string;
/** Heads of the requests, as a server reads them that believes what is declared. */
const heads: string[] = [];

beforeAll(async () => {
  server = createServer((socket) => {
    let rest = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      rest += chunk.toString('latin1');
      for (let length = lengthOf(rest); length !== undefined; length = lengthOf(rest)) {
        const head = rest.slice(0, rest.indexOf('\r\n\r\n'));
        heads.push(head);
        rest = rest.slice(length);
        socket.write(head.includes(' /moved ') ? MOVED : ANSWER);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

/** Bytes of the first request in a text; undefined where it is not whole. */
function lengthOf(text: string): number | undefined {
  const end = text.indexOf('\r\n\r\n') + 4;
  if (end < 4) return undefined;
  const head = text.slice(0, end);
  if (/^transfer-encoding:.*chunked/im.test(head)) {
    const last = text.indexOf('0\r\n\r\n', end);
    return last < 0 ? undefined : last + 5;
  }
  const whole = end + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  return text.length < whole ? undefined : whole;
}

type Headers = Record<string, string>;
type Send = (client: ForgeHttpClient, path: string, data: unknown, headers: Headers) => Promise<unknown>;

const FACES: [name: string, send: Send][] = [
  ['client', (client, path, data, headers) => client.post(path, data, { headers })],
  ['axiosRef', (client, path, data, headers) => client.axiosRef.post(path, data, { headers })],
  ['httpService', (client, path, data, headers) => firstValueFrom(client.httpService.put(path, data, { headers }))],
  [
    'fetch',
    (client, path, body, headers) => client.fetch(path, { method: 'POST', body, headers, duplex: 'half' } as object),
  ],
];
const TRANSPORTS: [name: string, make: () => Transport | undefined][] = [
  ['axios', () => undefined],
  ['undici', () => new UndiciTransport()],
];
const form = (headers: object, more: object = {}): Readable =>
  Object.assign(Readable.from([`a=1${SMUGGLED}`]), { append: () => undefined, getHeaders: () => headers, ...more });

/** Bodies that are not as long as is said of them. */
const UNFIT: [name: string, body: () => unknown, headers: Headers][] = [
  ['a longer stream', () => Readable.from(['hello', SMUGGLED]), { 'content-length': '5' }],
  ['a shorter stream', () => Readable.from(['he']), { 'content-length': '5' }],
  ['a longer text', () => `hello${SMUGGLED}`, { 'Content-Length': '5' }],
  ['longer bytes', () => Buffer.from(`hello${SMUGGLED}`), { 'content-length': '5' }],
  ['a longer Blob', () => new Blob([`hello${SMUGGLED}`]), { 'content-length': '5' }],
  ['a longer stream of the web', () => new Blob([`hello${SMUGGLED}`]).stream(), { 'content-length': '5' }],
  ...['identity', 'gzip', 'chunked, gzip', 'identity, chunked', 'chunked;q=1', '"chunked"', ',chunked'].map(
    (coding): [string, () => unknown, Headers] => [
      `Transfer-Encoding: ${coding}`,
      () => Readable.from([SMUGGLED]),
      { 'transfer-encoding': coding },
    ],
  ),
  ['a text in chunks', () => SMUGGLED, { 'transfer-encoding': 'chunked' }],
  ['a form that lies in its headers', () => form({ 'Content-Length': '3' }), {}],
  [
    'a form that lies of its length',
    () => form({}, { getLength: (tell: (...known: unknown[]) => void) => tell(null, 3) }),
    {},
  ],
];

describe.each(TRANSPORTS)('over %s', (_transport, make) => {
  describe.each(FACES)('%s', (_face, send) => {
    let client: ForgeHttpClient;
    let transport: Transport | undefined;
    beforeEach(async () => {
      transport = make();
      client = createForgeClient({
        name: 'orders',
        baseUrl: origin,
        auth: new BearerAuth('own-token'),
        ...(transport !== undefined && { transport }),
      });
      await client.get('/warm');
      heads.splice(0);
    });
    afterEach(async () => {
      await client.close();
      await transport?.close?.();
    });

    it.each(UNFIT)(
      'refuses %s, which becomes no second request, in a redirect neither',
      async (_what, body, headers) => {
        for (const path of ['/here', '/moved']) {
          const error = (await send(client, path, body(), headers).then(
            () => undefined,
            (thrown: unknown) => thrown,
          )) as { code?: string; cause?: { code?: string } } | undefined;
          expect([error?.code, error?.cause?.code]).toContain('FORGE_AUTH_INVALID_REQUEST');
        }
        await client.get('/next');
        expect(heads.map((head) => head.split(' ')[1])).toEqual(['/next']);
      },
    );

    it('takes no header from a form but those of its content', async () => {
      const planted = { authorization: 'planted', host: 'planted', cookie: 'planted', 'x-planted': 'planted' };
      const body = Object.assign(Readable.from(['a=1']), {
        append: () => undefined,
        getHeaders: () => ({ ...planted, 'content-type': 'multipart/form-data; boundary=x' }),
      });
      await send(client, '/here', body, {});
      expect(heads.join('\n')).toMatch(/authorization: Bearer own-token/i);
      expect(heads.join('\n')).not.toContain('planted');
    });
  });
});
