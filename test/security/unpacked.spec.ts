import * as zlib from 'node:zlib';
import {
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  createForgeClient,
  type ForgeHttpClient,
  type ForgeServiceOptions,
} from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { HttpRequester } from '../../src/http/http-requester.js';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';

const { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } = zlib;
const { zstdCompressSync } = zlib as { zstdCompressSync?: (body: Buffer) => Buffer };

/** More than a token answer, a document or a key set may have, unpacked; some kilobytes, packed. */
const MANY = Buffer.alloc(30 * 1_048_576, ' ');
/** `{"a":1}`, as `zstd` writes it. */
const ZSTD = Buffer.from('28b52ffd00583900007b2261223a317d', 'hex');

const BOMBS: Record<string, Buffer> = {
  gzip: gzipSync(MANY),
  'x-gzip': gzipSync(MANY),
  deflate: deflateSync(MANY),
  'deflate ': deflateRawSync(MANY),
  br: brotliCompressSync(MANY),
  'br, gzip': gzipSync(brotliCompressSync(MANY)),
  'gzip, gzip, deflate': deflateSync(gzipSync(gzipSync(MANY))),
  ...(zstdCompressSync && { zstd: zstdCompressSync(MANY), 'zstd, gzip': gzipSync(zstdCompressSync(MANY)) }),
};

const UNDECODED = /answered a body in the coding zstd, though .* since 22\.15/;
const PACKED: [coding: string, body: Buffer, why: RegExp][] = [
  ...Object.entries(BOMBS).map(([how, bytes]): [string, Buffer, RegExp] => [how, bytes, /answered more than 1048576/]),
  ...(zstdCompressSync === undefined
    ? ([
        ['zstd', ZSTD, UNDECODED],
        ['zstd, gzip', gzipSync(ZSTD), UNDECODED],
      ] as [string, Buffer, RegExp][])
    : []),
];

let server: RecordingServer;
let coding: string;
let body: Buffer;
let packed: string;
const closing: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  server = await startServer(({ path }, response) => {
    const { origin } = server;
    if (path === packed) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': coding.trim() });
      return void response.end(body);
    }
    if (path === '/.well-known/openid-configuration') {
      const endpoints = ['token', 'introspection', 'revocation'].map((name) => [
        `${name}_endpoint`,
        `${origin}/${name}`,
      ]);
      return json(response, 200, { issuer: origin, ...(Object.fromEntries(endpoints) as object) });
    }
    json(response, 200, { access_token: 'issued', token_type: 'Bearer', expires_in: 60 });
  });
});
afterEach(() => Promise.all(closing.splice(0).map((open) => open.close())));
afterAll(() => server.close());

const over = (transport: string): { transport?: UndiciTransport } =>
  transport === 'undici' ? { transport: new UndiciTransport() } : {};

function client(auth: ForgeServiceOptions['auth'], transport: string): ForgeHttpClient {
  const made = createForgeClient({ name: 'orders', baseUrl: server.origin, ...over(transport), ...(auth && { auth }) });
  closing.push(made);
  return made;
}

const granted = (transport: string): ForgeHttpClient =>
  client(
    {
      provider: new ClientCredentialsTokenProvider({
        issuer: server.origin,
        clientId: 'app',
        clientSecret: 'of the app',
        http: over(transport),
        retry: { nextDelayMs: () => undefined },
      }),
    },
    transport,
  );

const WHERE: [what: string, path: string, ask: (transport: string) => Promise<unknown>][] = [
  ['a discovery document', '/.well-known/openid-configuration', (transport) => granted(transport).get('/')],
  ['a token answer', '/token', (transport) => granted(transport).get('/')],
  ['an introspection', '/introspection', (transport) => granted(transport).tokens?.introspect() as Promise<unknown>],
  [
    'a step of a pipeline',
    '/step',
    (transport) =>
      client(
        {
          pipeline: {
            steps: [
              new BodyTokenFetcher({
                name: 'app',
                baseUrl: server.origin,
                endpoint: '/step',
                retry: { nextDelayMs: () => undefined },
                ...over(transport),
              }),
            ],
          },
        },
        transport,
      ).get('/'),
  ],
  ['a key set', '/keys', (transport) => new HttpRequester(over(transport)).request({ url: `${server.origin}/keys` })],
];

describe.each(['axios', 'undici'])('over %s', (transport) => {
  describe.each(WHERE)('%s', (_what, path, ask) => {
    it.each(PACKED)(
      'a body in the coding %s that cannot be unpacked within bounds is given up',
      async (how, bytes, why) => {
        [coding, body, packed] = [how, bytes, path];
        const before = process.memoryUsage().arrayBuffers;
        const error = (await rejection(ask(transport))) as Error;
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1_048_576);
        expect(error.message).toMatch(why);
      },
    );
  });

  it('a call whose answer is in Zstandard says so where Node cannot decode it; as bytes it is handed over', async () => {
    [coding, body, packed] = ['zstd', ZSTD, '/call'];
    const calls = client(undefined, transport);
    const outcome: unknown = await calls.get('/call').then(
      ({ data }) => data,
      (error: { code: string }) => error.code,
    );
    expect(outcome).toEqual(zstdCompressSync === undefined ? 'FORGE_AUTH_RESPONSE_PARSE' : { a: 1 });
    const { data } = await calls.get('/call', { responseType: 'arraybuffer' });
    expect(data).toEqual(zstdCompressSync === undefined ? ZSTD : Buffer.from('{"a":1}'));
  });
});
