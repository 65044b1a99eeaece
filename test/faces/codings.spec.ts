import type { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { AxiosError, type AxiosInstance, create } from 'axios';
import { BearerAuth, createForgeClient, type ForgeHttpClient, ResponseParseError } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { type Handler, type RecordingServer, startServer } from '../support/recording-server.js';

const PLAIN = 'a line of words\n'.repeat(200);
const { gzipSync, brotliCompressSync, deflateSync, deflateRawSync } = zlib;
const zstdCompressSync = (zlib as { zstdCompressSync?: (body: Buffer) => Buffer }).zstdCompressSync;

const ENCODE: Record<string, (body: Buffer) => Buffer> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  ...(zstdCompressSync && { zstd: zstdCompressSync }),
};

/** As the path says: `/gzip,br` is first coded with gzip, then with brotli; what follows a `~` spoils it. */
const answer: Handler = (request, response) => {
  const [coding = '', how = ''] = decodeURIComponent(request.path.slice(1)).split('~');
  let body = Buffer.from(PLAIN);
  for (const name of coding.split(',').map((part) => part.trim())) body = Buffer.from(ENCODE[name]?.(body) ?? body);
  if (how === 'truncated') body = body.subarray(0, -10);
  if (how === 'broken') body = Buffer.from('no such coding');
  if (how === 'raw') body = deflateRawSync(Buffer.from(PLAIN));
  const length = how === 'cut' ? body.length + 1 : body.length;
  response.writeHead(how === 'empty' ? 204 : 200, {
    'content-encoding': coding,
    'content-length': length,
    'x-of': 'it',
  });
  if (how === 'cut') response.write(body, () => response.socket?.destroy());
  else response.end(body);
};

let server: RecordingServer;
let clients: Record<string, ForgeHttpClient>;

beforeAll(async () => {
  server = await startServer(answer);
  const open = (transport?: UndiciTransport): ForgeHttpClient =>
    createForgeClient({
      name: 'codings',
      baseUrl: server.origin,
      auth: new BearerAuth('codings-token'),
      ...(transport && { transport }),
    });
  clients = { axios: open(), undici: open(new UndiciTransport()) };
});
afterAll(async () => {
  for (const client of Object.values(clients)) await client.close();
  await server.close();
});

describe.each(['axios', 'undici'])('over %s', (transport) => {
  const client = (): ForgeHttpClient => clients[transport] as ForgeHttpClient;

  it.each([
    'gzip',
    'x-gzip',
    'deflate',
    'deflate~raw',
    'br',
    'gzip, br',
    'br,gzip,deflate',
    'GZIP',
    'gzip,gzip,gzip,br,br',
  ])('a body coded with %s is decoded for every face, whole and as a stream', async (coding) => {
    const path = `/${encodeURIComponent(coding.toLowerCase())}`;
    expect((await client().get(path)).text()).toBe(PLAIN);
    const { data } = await client().get<Readable>(path, { responseType: 'stream' });
    expect(await collected(data)).toBe(PLAIN);
    expect((await client().axiosRef.get(path)).data).toBe(PLAIN);
    const fetched = await client().fetch(path);
    expect(fetched.headers.get('content-encoding')).toBe(coding.toLowerCase().replace('~raw', ''));
    expect(fetched.headers.get('content-length')).toMatch(/^\d+$/);
    expect(await fetched.text()).toBe(PLAIN);
  });

  it.each(['zstd', 'gzip,zstd'])(
    'a body coded with %s is decoded where Node can, else handed over as it is',
    async (coding) => {
      const response = await client().fetch(`/${coding}`);
      expect(response.headers.get('content-encoding')).toBe(coding);
      const body = Buffer.from(await response.arrayBuffer());
      const asSent = coding === 'zstd' ? Buffer.from(PLAIN) : gzipSync(PLAIN);
      expect(body).toEqual(zstdCompressSync === undefined ? asSent : Buffer.from(PLAIN));
    },
  );

  it.each(['gzip,gzip,gzip,gzip,gzip,gzip', Array(40).fill('br').join(',')])(
    'a body coded more than five times is refused: %s',
    async (coding) => {
      await expect(client().get(`/${coding}`)).rejects.toMatchObject({
        code: 'FORGE_AUTH_RESPONSE_PARSE',
        answer: { status: 200 },
      });
      await expect(client().fetch(`/${coding}`)).rejects.toMatchObject({ message: 'fetch failed', name: 'TypeError' });
    },
  );

  it.each(['gzip', 'deflate', 'deflate~raw', 'br'])(
    'what is there of %s that ends too early is handed over',
    async (coding) => {
      const path = `/${coding.split('~')[0]}~truncated`;
      for (const read of [
        async () => (await client().get(path)).text(),
        async () => collected((await client().get<Readable>(path, { responseType: 'stream' })).data),
        async () => (await client().axiosRef.get<string>(path)).data,
        async () => (await client().fetch(path)).text(),
      ]) {
        const text = await read();
        expect(PLAIN.startsWith(text)).toBe(true);
      }
    },
  );

  it.each(['gzip', 'br', 'deflate', 'gzip,br'])(
    'a body that is no %s fails, and names status and headers',
    async (coding) => {
      const path = `/${encodeURIComponent(`${coding}~broken`)}`;
      const error: unknown = await client()
        .get(path)
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(ResponseParseError);
      expect(error).toMatchObject({ answer: { status: 200, headers: { 'x-of': 'it' } } });
      expect(JSON.stringify(error)).not.toContain('x-of');
      const { data } = await client().get<Readable>(path, { responseType: 'stream' });
      await expect(collected(data)).rejects.toBeInstanceOf(ResponseParseError);
      await expect((await client().fetch(path)).text()).rejects.toMatchObject({
        name: 'TypeError',
        message: 'terminated',
      });
      await expect(client().axiosRef.get(path)).rejects.toMatchObject({
        name: 'AxiosError',
        response: { status: 200, headers: { 'x-of': 'it' } },
      });
    },
  );

  it('a connection that closes amid a body that is coded is a failure of the network, with status and headers', async () => {
    await expect(client().get('/gzip~cut')).rejects.toMatchObject({
      code: 'FORGE_AUTH_CONNECTION',
      answer: { status: 200 },
    });
  });

  it('an answer without a body says how it would have been coded', async () => {
    const { headers, body } = await client().fetch('/gzip', { method: 'HEAD' });
    expect([headers.get('content-encoding'), body]).toEqual(['gzip', null]);
    expect((await client().fetch('/gzip~empty')).headers.get('content-encoding')).toBe('gzip');
  });
});

describe('axiosRef, held against plain axios', () => {
  it.each(['/gzip~broken', '/br~broken', '/identity~cut'])(
    'rejects %s with the same code, and with the response',
    async (path) => {
      const here = await attempt((clients['axios'] as ForgeHttpClient).axiosRef, path);
      expect(here).toMatchObject({ isAxiosError: true, status: 200, of: 'it', data: undefined });
      expect(here).toEqual(await attempt(create({ baseURL: server.origin }), path));
    },
  );

  it.each(['/gzip~cut', '/br~cut'])('rejects %s as a connection that broke, with the response', async (path) => {
    const here = await attempt((clients['axios'] as ForgeHttpClient).axiosRef, path);
    expect(here).toMatchObject({ isAxiosError: true, code: AxiosError.ERR_BAD_RESPONSE, status: 200, of: 'it' });
  });
});

async function attempt(instance: AxiosInstance, path: string): Promise<unknown> {
  const error: unknown = await instance.get(path).catch((e: unknown) => e);
  const { isAxiosError, code, status, response } = error as AxiosError;
  return { isAxiosError, code, status, of: response?.headers['x-of'], data: response?.data };
}

async function collected(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
