import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { AxiosError } from 'axios';
import { BearerAuth, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/** Findings on the faces from the test suites of axios and of fetch. */
/** A byte more than is read whole. */
const LARGE = gzipSync(Buffer.alloc(104_857_601));

let server: RecordingServer;
let client: ForgeHttpClient;

beforeAll(async () => {
  server = await startServer((request, response) => {
    if (request.path === '/hang') return;
    if (request.path === '/utf-8') {
      response.writeHead(302, { location: Buffer.from('/größe?q=日本').toString('latin1') });
      return void response.end();
    }
    if (request.path === '/json') return void response.end('{"a":1}');
    if (request.path === '/form')
      return void response.writeHead(200, { 'content-type': 'application/x-www-form-urlencoded' }).end('a=1');
    if (request.path === '/large')
      return void response
        .writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/x-www-form-urlencoded' })
        .end(LARGE);
    response.writeHead(200, { 'x-two': 'b' });
    if (request.path === '/unfinished') response.write('first');
    else response.end('here');
  });
  client = createForgeClient({ name: 'peers', baseUrl: server.origin, auth: new BearerAuth('peers-token') });
});
afterEach(() => server.reset());
afterAll(async () => {
  await client.close();
  await server.close();
});

describe('axiosRef', () => {
  it('counts a timeout that is a text, and words it as axios does', async () => {
    const error: unknown = await client.axiosRef.get('/hang', { timeout: '60' as never }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: AxiosError.ECONNABORTED, message: 'timeout of 60ms exceeded' });
  });

  it('refuses a timeout that is none', async () => {
    const error: unknown = await client.axiosRef.get('/here', { timeout: {} as never }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(AxiosError);
    expect(server.requests).toEqual([]);
  });

  it('takes a URL object', async () => {
    await client.axiosRef.get(new URL(`${server.origin}/here?a=1`) as never);
    expect(server.requests.map(({ url }) => url)).toEqual(['/here?a=1']);
  });

  it('leaves a header out that is null', async () => {
    await client.axiosRef.get('/here', { headers: { 'User-Agent': null } as never });
    expect(server.requests[0]?.headers).not.toHaveProperty('user-agent');
  });

  it.each(['http://[', 'http://127.0.0.1:99999/'])('says that %s is no URL', async (url) => {
    await expect(client.axiosRef.get(url)).rejects.toMatchObject({
      name: 'AxiosError',
      code: AxiosError.ERR_INVALID_URL,
    });
  });

  it('takes an absolute URL where there is no base that it could be below', async () => {
    const free = createForgeClient({ name: 'peers', allowedOrigins: [server.origin] });
    const { status } = await free.axiosRef.get(`${server.origin}/here`, { allowAbsoluteUrls: false });
    expect(status).toBe(200);
    await free.close();
  });
});

it.each<[string, (bytes: ArrayBuffer) => Promise<unknown>]>([
  ['client', (bytes) => client.post('/here', bytes)],
  ['axiosRef', (bytes) => client.axiosRef.post('/here', bytes)],
  ['fetch', (bytes) => client.fetch('/here', { method: 'POST', body: bytes })],
])('%s sends the bytes of an ArrayBuffer of another realm', async (_face, send) => {
  await send(runInNewContext('new Uint8Array([104, 105]).buffer') as ArrayBuffer);
  expect(server.requests[0]?.body.toString()).toBe('hi');
});

describe('fetch', () => {
  it('reads a Location in UTF-8', async () => {
    const { url } = await client.fetch('/utf-8');
    expect(url).toBe(new URL('/größe?q=日本', server.origin).href);
  });

  it.each<[string, RequestInit, Record<string, unknown>]>([
    ['no coding of a range', { headers: { Range: 'bytes=0-1' } }, { 'accept-encoding': 'identity' }],
    ['the values of a list as one', { headers: { 'X-List': ['a', 'b'] as never } }, { 'x-list': 'a,b' }],
    [
      'what no-store asks of caches',
      { cache: 'no-store' } as object,
      { pragma: 'no-cache', 'cache-control': 'no-cache' },
    ],
    ['what no-cache asks of caches', { cache: 'no-cache' } as object, { 'cache-control': 'max-age=0' }],
    ['the origin of a referrer', { referrer: 'https://other.example/a?secret' }, { referer: 'https://other.example/' }],
    ['no referrer', { referrer: '' }, { referer: undefined }],
  ])('sends %s, as plain fetch does', async (_what, init, headers) => {
    await globalThis.fetch(`${server.origin}/here`, init);
    await client.fetch('/here', init);
    const names = Object.keys(headers);
    const sent = server.requests.map((request) =>
      Object.fromEntries(names.map((name) => [name, request.headers[name]])),
    );
    expect(sent).toEqual([headers, headers]);
  });

  it.each<[string, string, string | undefined]>([
    ['no-referrer', '/page', undefined],
    ['origin', '/page', '/'],
    ['strict-origin', '/page', '/'],
    ['same-origin', '/page', '/page'],
    ['unsafe-url', '/page', '/page'],
  ])('names a referrer as the policy %s has it', async (referrerPolicy, path, shown) => {
    await client.fetch(`${server.origin}/here`, { referrer: `${server.origin}${path}`, referrerPolicy } as object);
    expect(server.requests[0]?.headers.referer).toBe(shown && `${server.origin}${shown}`);
  });

  it('sends the same for a Request', async () => {
    await client.fetch(
      new Request(`${server.origin}/here`, { cache: 'no-store', headers: { range: 'bytes=0-1' } } as object),
    );
    expect(server.requests[0]?.headers).toMatchObject({ 'cache-control': 'no-cache', 'accept-encoding': 'identity' });
  });

  it.each<[string, RequestInit]>([
    ['Host', { headers: { Host: 'other.example' } }],
    ['a cache mode that there is not', { cache: 'xyz' } as object],
    ['a referrer that is no URL', { referrer: '/rel' }],
    ['a referrer policy that there is not', { referrerPolicy: 'some' } as object],
    ['credentials that there are not', { credentials: 'some' } as object],
    ['a mode that there is not', { mode: 'some' } as object],
    ['a mode that only a browser has', { mode: 'navigate' } as object],
    ['a duplex that there is not', { method: 'POST', body: 'a', duplex: 'full' } as object],
    ['a redirect mode that is null', { redirect: null } as object],
    ['a text in place of options', 'redirect' as never],
  ])('fetch is refused with %s', async (_what, init) => {
    await expect(client.fetch('/here', init)).rejects.toThrow(TypeError);
    expect(server.requests).toEqual([]);
  });

  it('fetch is refused without a URL', async () => {
    await expect((client.fetch as (...nothing: unknown[]) => Promise<Response>)()).rejects.toThrow(TypeError);
    expect(server.requests).toEqual([]);
  });

  it('fetch is refused with a redirect mode that there is not', async () => {
    await expect(client.fetch('/here', { redirect: 'xyz' as never })).rejects.toThrow(TypeError);
    expect(server.requests).toEqual([]);
  });

  it.each<[string, () => RequestInit]>([
    ['a header', () => ({ headers: [['x-key', 'plain\nwords of a secret']] })],
    [
      'the body',
      () => ({ method: 'POST', body: Object.assign(Readable.from(['a']), { getHeaders: quoting }) as never }),
    ],
  ])('quotes nothing of %s that cannot be sent', async (_what, init) => {
    const error: unknown = await client
      .fetch('/here', { ...init(), duplex: 'half' } as RequestInit)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_INVALID_REQUEST' });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('words');
  });

  it('answers headers that cannot be changed', async () => {
    const { headers } = await client.fetch('/here');
    for (const change of [() => headers.set('a', '1'), () => headers.append('a', '1'), () => headers.delete('x-two')])
      expect(change).toThrow(TypeError);
    expect(headers.get('x-two')).toBe('b');
  });

  it('refuses a Request that names a Host', async () => {
    const request = new Request(`${server.origin}/here`, { headers: { Host: 'other.example' } });
    await expect(client.fetch(request)).rejects.toThrow(TypeError);
    expect(server.requests).toEqual([]);
  });

  it('answers a Response to the platform, too', async () => {
    const read = async (name: 'text' | 'json' | 'arrayBuffer' | 'blob' | 'formData'): Promise<unknown> => {
      const path = name === 'json' ? '/json' : name === 'formData' ? '/form' : '/here';
      const response = await client.fetch(path);
      const result: unknown = await (Response.prototype[name] as () => Promise<unknown>).call(response);
      expect(response.bodyUsed).toBe(true);
      await expect(response.text()).rejects.toThrow(TypeError);
      return result;
    };
    expect(await read('text')).toBe('here');
    expect(await read('json')).toEqual({ a: 1 });
    expect(Buffer.from((await read('arrayBuffer')) as ArrayBuffer).toString()).toBe('here');
    expect(await ((await read('blob')) as Blob).text()).toBe('here');
    expect(Array.from((await read('formData')) as FormData)).toEqual([['a', '1']]);
    const response = await client.fetch('/here');
    expect(await Response.prototype.clone.call(response).text()).toBe('here');
    expect(await response.text()).toBe('here');
    await expect(Response.prototype.text.call(response)).rejects.toMatchObject({ name: 'TypeError' });
  });

  it.each<[string, (stream: ReadableStream<Uint8Array>) => Promise<string>]>([
    ['for await', (stream) => textOf(stream)],
    ['tee()', (stream) => new Response(stream.tee()[1]).text()],
    ['pipeThrough()', (stream) => textOf(stream.pipeThrough(new TextDecoderStream()))],
    ['a Response of its own', (stream) => new Response(stream).text()],
    [
      'a reader into a buffer',
      async (stream) => {
        const { value } = await stream.getReader({ mode: 'byob' }).read(new Uint8Array(9));
        return Buffer.from(value ?? []).toString();
      },
    ],
  ])("reads by %s what the platform's own accessor takes for the body", async (_how, read) => {
    const accessor = Reflect.getOwnPropertyDescriptor(Response.prototype, 'body')?.get as () => ReadableStream;
    const response = await client.fetch('/here');
    const stream = Reflect.apply(accessor, response, []) as ReadableStream<Uint8Array>;
    expect(stream).toBeInstanceOf(ReadableStream);
    expect([stream.locked, response.bodyUsed]).toEqual([false, false]);
    expect(await read(stream)).toBe('here');
    expect(response.bodyUsed).toBe(true);
  });

  it('makes no web stream for a body that is read whole', async () => {
    const Native = globalThis.ReadableStream;
    const made: unknown[] = [];
    globalThis.ReadableStream = new Proxy(Native, {
      construct: (target, args) => (made.push(args), Reflect.construct(target, args) as object),
    });
    try {
      const response = await client.fetch('/here');
      expect(await response.text()).toBe('here');
      expect(made).toHaveLength(0);
      expect([response.bodyUsed, response.body?.locked, made.length]).toEqual([true, true, 1]);
    } finally {
      globalThis.ReadableStream = Native;
    }
  });

  it('answers a body that was read as the platform does', async () => {
    const read = await client.fetch('/here');
    await read.text();
    expect([read.bodyUsed, read.body?.locked]).toEqual([true, true]);
    expect(() => read.clone()).toThrow(TypeError);
    const held = await client.fetch('/here');
    const reader = held.body?.getReader();
    await expect(held.text()).rejects.toThrow(TypeError);
    expect(() => held.clone()).toThrow(TypeError);
    await reader?.cancel();
  });

  it.each<[string, (response: Response) => Promise<unknown>]>([
    ['text()', (response) => response.text()],
    ['blob()', (response) => response.blob()],
    ['formData()', (response) => response.formData()],
    ['a clone', (response) => response.clone().text()],
    ['Response.prototype.text', (response) => Response.prototype.text.call(response)],
  ])('gives up a body beyond the limit that is read whole by %s', async (_way, read) => {
    const tight = createForgeClient({ name: 'tight', baseUrl: server.origin });
    const response = await tight.fetch('/large');
    await expect(read(response)).rejects.toMatchObject({ cause: { code: 'FORGE_AUTH_RESPONSE_TOO_LARGE' } });
    await tight.close();
  });

  it.each<[string, (response: Response) => Promise<unknown>]>([
    ['text()', (response) => response.text()],
    ['body', (response) => drain(response)],
    ['a clone', (response) => response.clone().text()],
  ])('rejects with the reason where %s is read in the tick of an abort', async (_what, read) => {
    const controller = new AbortController();
    const response = await client.fetch('/unfinished', { signal: controller.signal });
    const reason = new Error('no longer wanted');
    controller.abort(reason);
    await expect(read(response)).rejects.toBe(reason);
  });
});

it.each<[string, (response: Response) => Promise<unknown>]>([
  ['text()', (response) => response.text()],
  ['blob()', (response) => response.blob()],
  ['body', (response) => drain(response)],
  ['a clone', (response) => response.clone().text()],
  ['Response.prototype.text', (response) => Response.prototype.text.call(response)],
])('fetch rejects with the reason where %s is read in the tick of close()', async (_what, read) => {
  const closing = createForgeClient({ name: 'closing', baseUrl: server.origin });
  const response = await closing.fetch('/unfinished');
  const closed = closing.close();
  await expect(read(response)).rejects.toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
  await closed;
});

it.each(['https://*.example', '*', 'https://*'])('allowedOrigins with a wildcard is refused: %s', async (origin) => {
  const open = createForgeClient({ name: 'peers', baseUrl: server.origin, allowedOrigins: [origin] });
  await expect(open.get('/here')).rejects.toThrow(/allowedOrigins.*wildcard/);
});

it('a logger that throws fails no call', async () => {
  const logged = createForgeClient(
    { name: 'peers', baseUrl: server.origin, logging: true, hooks: { beforeRequest: broken } },
    { logger: { log: broken, warn: broken, error: broken } },
  );
  expect((await logged.get('/here')).status).toBe(200);
  await logged.close();
});

function quoting(): never {
  throw new Error('token=words');
}

function broken(): never {
  throw new Error('the disk is full');
}

async function drain(response: Response): Promise<string> {
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
    text += Buffer.from(chunk).toString();
  return text;
}
