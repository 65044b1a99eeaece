import { gzipSync } from 'node:zlib';
import { BearerAuth, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import { freePort } from '../support/free-port.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type Handler, type RecordingServer, startServer } from '../support/recording-server.js';
import { TROUBLES } from './troubles.js';

type Fetch = typeof globalThis.fetch;
/** @param arrived resolves when the server has a request, however busy the machine is */
type Attempt = (fetch: Fetch, origin: string, arrived: () => Promise<void>) => Promise<unknown>;

const paths: Record<string, Handler> = {
  '/json': (_request, response) =>
    void response
      .writeHead(200, 'Fine', { 'content-type': 'application/json', 'x-two': ['a', 'b'] })
      .end('{"ok":true}'),
  '/text': (_request, response) => void response.writeHead(200).end('\uFEFFplain wörds'),
  '/typed': (_request, response) =>
    void response.writeHead(200, { 'content-type': 'Text/Plain; Charset="iso-8859-1" ; a=b' }).end('typed'),
  '/none': (_request, response) => void response.writeHead(204, { 'content-type': 'a/b; c=d' }).end(),
  '/form': (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/x-www-form-urlencoded' }).end('a=1&b=2'),
  '/broken-json': (_request, response) => void response.writeHead(200).end('{"half":'),
  '/empty': (_request, response) => void response.writeHead(204).end(),
  '/not-modified': (_request, response) => void response.writeHead(304, { etag: '"x"' }).end(),
  '/cookies': (_request, response) => void response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end('x'),
  '/gzip': (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('zipped')),
  '/missing': (_request, response) => void response.writeHead(404).end('not here'),
  ...TROUBLES,
  '/redirect': (_request, response) => void response.writeHead(302, { location: '/json?from=redirect' }).end(),
  '/redirect-303': (_request, response) => void response.writeHead(303, { location: '/echo' }).end(),
  '/unfinished': (_request, response) => {
    response.writeHead(200);
    response.write('first');
  },
};

const answer: Handler = (request, response) => {
  const handler = paths[request.path];
  if (handler !== undefined) return handler(request, response);
  response.writeHead(200).end('echoed');
};

const same: [name: string, attempt: Attempt][] = [
  [
    'gets JSON',
    async (fetch, origin) => ({
      ...shape(await fetch(`${origin}/json`)),
      data: await (await fetch(`${origin}/json`)).json(),
    }),
  ],
  ['gets text without its byte order mark', async (fetch, origin) => (await fetch(`${origin}/text`)).text()],
  ['gets bytes', async (fetch, origin) => [...new Uint8Array(await (await fetch(`${origin}/text`)).arrayBuffer())]],
  [
    'gets a blob of its type',
    async (fetch, origin) => {
      const blob = await (await fetch(`${origin}/json`)).blob();
      return { type: blob.type, text: await blob.text() };
    },
  ],
  ['gets a form', async (fetch, origin) => Array.from(await (await fetch(`${origin}/form`)).formData())],
  ['gets no body with 204', async (fetch, origin) => withBody(await fetch(`${origin}/empty`))],
  ['gets no body with 304', async (fetch, origin) => withBody(await fetch(`${origin}/not-modified`))],
  ['gets no body with HEAD', async (fetch, origin) => withBody(await fetch(`${origin}/json`, { method: 'HEAD' }))],
  ['gets every cookie', async (fetch, origin) => (await fetch(`${origin}/cookies`)).headers.getSetCookie()],
  ['unpacks', async (fetch, origin) => (await fetch(`${origin}/gzip`)).text()],
  ['resolves 404', async (fetch, origin) => shape(await fetch(`${origin}/missing`))],
  ['resolves 503', async (fetch, origin) => shape(await fetch(`${origin}/boom`))],
  ['reads chunks', async (fetch, origin) => chunksOf((await fetch(`${origin}/text`)).body)],
  ['reads a clone, and the original', async (fetch, origin) => cloned(await fetch(`${origin}/json`))],
  ['reads a clone of a clone', async (fetch, origin) => (await fetch(`${origin}/json`)).clone().clone().json()],
  ['refuses to read twice', async (fetch, origin) => readTwice(await fetch(`${origin}/json`))],
  ['refuses to clone what was read', async (fetch, origin) => cloneAfterRead(await fetch(`${origin}/json`))],
  ['rejects a body that is no JSON', async (fetch, origin) => (await fetch(`${origin}/broken-json`)).json()],
  ['can be wrapped', async (fetch, origin) => wrapped(await fetch(`${origin}/json`))],
  ['follows a redirect', async (fetch, origin) => shape(await fetch(`${origin}/redirect`))],
  [
    'answers a redirect by hand',
    async (fetch, origin) => shape(await fetch(`${origin}/redirect`, { redirect: 'manual' })),
  ],
  [
    'rejects a redirect where it must not be',
    async (fetch, origin) => fetch(`${origin}/redirect`, { redirect: 'error' }),
  ],
  ['sends the body again on 307', async (fetch, origin) => shape(await fetch(`${origin}/redirect-307`, post('again')))],
  [
    'turns a POST into a GET on 303',
    async (fetch, origin) => shape(await fetch(`${origin}/redirect-303`, post('once'))),
  ],
  ['gives up a loop', async (fetch, origin) => fetch(`${origin}/loop`)],
  ['posts a string', async (fetch, origin) => shape(await fetch(`${origin}/echo`, post('words')))],
  [
    'posts a form',
    async (fetch, origin) => shape(await fetch(`${origin}/echo`, post(new URLSearchParams({ a: 'ä b' })))),
  ],
  ['posts a FormData', async (fetch, origin) => shape(await fetch(`${origin}/echo`, post(form())))],
  [
    'posts a Blob',
    async (fetch, origin) => shape(await fetch(`${origin}/echo`, post(new Blob(['b'], { type: 'text/x-b' })))),
  ],
  ['posts bytes', async (fetch, origin) => shape(await fetch(`${origin}/echo`, post(new Uint8Array([65, 66]))))],
  ['posts nothing', async (fetch, origin) => shape(await fetch(`${origin}/echo`, { method: 'POST' }))],
  [
    'posts a stream',
    async (fetch, origin) =>
      shape(await fetch(`${origin}/echo`, Object.assign(post(stream('one ', 'two')), { duplex: 'half' }))),
  ],
  ['refuses a stream without duplex', async (fetch, origin) => fetch(`${origin}/echo`, post(stream('x')))],
  ['refuses a body with GET', async (fetch, origin) => fetch(`${origin}/echo`, { ...post('x'), method: 'GET' })],
  ['refuses CONNECT', async (fetch, origin) => fetch(`${origin}/echo`, { method: 'CONNECT' })],
  ['refuses a method that is none', async (fetch, origin) => fetch(`${origin}/echo`, { method: 'GET /x' })],
  ['refuses a header that is none', async (fetch, origin) => fetch(`${origin}/echo`, { headers: { 'a b': 'c' } })],
  ['refuses a value that is none', async (fetch, origin) => fetch(`${origin}/echo`, { headers: { a: 'b\r\nc: d' } })],
  ['refuses user info', async (fetch, origin) => fetch(origin.replace('//', '//user:pass@'))],
  ['refuses a scheme that is none', async (fetch) => fetch('nonsense:/path').catch((error: Error) => error.name)],
  [
    'writes methods in capitals',
    async (fetch, origin) => shape(await fetch(`${origin}/echo`, { method: 'put', body: 'x' })),
  ],
  ['takes a URL', async (fetch, origin) => shape(await fetch(new URL('/json?a=b#part', origin)))],
  [
    'takes Headers',
    async (fetch, origin) => shape(await fetch(`${origin}/echo`, { headers: new Headers({ 'X-A': '1' }) })),
  ],
  [
    'takes pairs of headers',
    async (fetch, origin) =>
      shape(
        await fetch(`${origin}/echo`, {
          headers: [
            ['X-A', '1'],
            ['X-A', '2'],
          ],
        }),
      ),
  ],
  [
    'takes a Request',
    async (fetch, origin) =>
      shape(await fetch(new Request(`${origin}/echo`, { ...post('in it'), headers: { 'X-R': '1' } }))),
  ],
  [
    'takes a Request and more',
    async (fetch, origin) =>
      shape(await fetch(new Request(`${origin}/echo`, post('first')), { method: 'PUT', body: 'second' })),
  ],
  ['refuses a Request that was used', async (fetch, origin) => usedRequest(fetch, origin)],
  ['is aborted', async (fetch, origin, arrived) => fetch(`${origin}/hang`, { signal: abortedWhen(arrived()) })],
  [
    'is aborted with a reason',
    async (fetch, origin) => fetch(`${origin}/json`, { signal: AbortSignal.abort(new Error('mine')) }),
  ],
  ['is aborted while it reads', async (fetch, origin) => abortedReading(fetch, origin)],
  [
    'is aborted through its Request',
    async (fetch, origin, arrived) => fetch(new Request(`${origin}/hang`, { signal: abortedWhen(arrived()) })),
  ],
  ['reads a Blob under its media type', async (fetch, origin) => blobOf(await fetch(`${origin}/typed`))],
  ['reads a Blob of nothing', async (fetch, origin) => blobOf(await fetch(`${origin}/none`))],
  ['refuses a window', async (fetch, origin) => fetch(`${origin}/json`, { window: {} } as object)],
  ['takes no window', async (fetch, origin) => shape(await fetch(`${origin}/echo`, { window: null }))],
  ['rejects a broken connection', async (fetch, origin) => fetch(`${origin}/reset`)],
  ['rejects a body that breaks off', async (fetch, origin) => (await fetch(`${origin}/truncated`)).text()],
  ['rejects a stream that breaks off', async (fetch, origin) => chunksOf((await fetch(`${origin}/truncated`)).body)],
  ['rejects a refused connection', async (fetch) => fetch(`http://127.0.0.1:${await freePort()}/`)],
];

async function blobOf(response: Response): Promise<unknown> {
  const blob = await response.blob();
  return [blob.type, await blob.text()];
}

describe('client.fetch, held against fetch', () => {
  let server: RecordingServer;
  let client: ForgeHttpClient;

  beforeAll(async () => {
    server = await startServer(answer);
    client = createForgeClient({
      name: 'parity',
      baseUrl: server.origin,
      auth: new BearerAuth('parity-token'),
      maxRedirects: 20,
    });
  });

  afterAll(async () => {
    await client.close();
    await server.close();
  });

  it.each(same)('%s as fetch does', async (_name, attempt) => {
    const expected = await observe(globalThis.fetch, attempt);
    // One that is refused a connection is refused one there.
    const observed = await observe(openFetch(client), attempt);
    expect(observed).toEqual(expected);
  });

  it('client.fetch, held against fetch is a function that needs no object, always the same', async () => {
    const { fetch } = client;
    expect(client.fetch).toBe(fetch);
    expect((await fetch('/json')).ok).toBe(true);
  });

  it('fetch of a client resolves with a Response', async () => {
    const response = await client.fetch('/json');
    expect(response).toBeInstanceOf(Response);
    expect(response.type).toBe('basic');
    await response.text();
  });

  it('keeps what a JSON error would quote to itself', async () => {
    const error: unknown = await (await client.fetch('/broken-json')).json().catch((e: unknown) => e);
    expect(String(error)).not.toContain('half');
  });

  it('frees the connection of an answer whose body is cancelled', async () => {
    server.reset();
    const response = await client.fetch('/unfinished');
    await response.body?.cancel();
    // As long as the test may take.
    while (server.requests[0]?.endedAt === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(server.requests).toHaveLength(1);
  });

  async function observe(fetch: Fetch, attempt: Attempt): Promise<unknown> {
    server.reset();
    const arrived = (): Promise<void> => server.received(1, undefined, 20_000);
    const outcome = await attempt(fetch, server.origin, arrived).then((value) => ({ value }), failure);
    return { outcome, received: server.requests.map(seen) };
  }
});

/** Everything may be called: the origins are another spec's matter. */
function openFetch(client: ForgeHttpClient): Fetch {
  return (input, init) => client.fetch(input as string, { ...(init as object), forge: { auth: false } });
}

function shape(response: Response): object {
  const { status, statusText, ok, redirected, bodyUsed } = response;
  void response.body?.cancel();
  return {
    status,
    statusText,
    ok,
    redirected,
    bodyUsed,
    path: new URL(response.url).pathname + new URL(response.url).search + new URL(response.url).hash,
    type: response.headers.get('content-type'),
    two: response.headers.get('x-two'),
  };
}

async function withBody(response: Response): Promise<unknown> {
  return { status: response.status, body: response.body, text: await response.text() };
}

async function chunksOf(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function cloned(response: Response): Promise<unknown> {
  const copy = response.clone();
  const [first, second] = await Promise.all([response.json(), copy.text()]);
  return { first, second, used: [response.bodyUsed, copy.bodyUsed], urls: response.url === copy.url || 'none' };
}

async function readTwice(response: Response): Promise<unknown> {
  await response.text();
  return { used: response.bodyUsed, again: await response.text().catch((error: Error) => error.name) };
}

async function cloneAfterRead(response: Response): Promise<unknown> {
  await response.text();
  return response.clone();
}

async function wrapped(response: Response): Promise<unknown> {
  const copy = new Response(response.body, response);
  return { status: copy.status, type: copy.headers.get('content-type'), text: await copy.text() };
}

async function usedRequest(fetch: Fetch, origin: string): Promise<unknown> {
  const request = new Request(`${origin}/echo`, post('x'));
  await request.text();
  return fetch(request);
}

/** A signal that is aborted when `arrived` resolves, as a timeout does it. */
function abortedWhen(arrived: Promise<void>): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new DOMException('The operation timed out.', 'TimeoutError'));
  arrived.then(abort, abort);
  return controller.signal;
}

async function abortedReading(fetch: Fetch, origin: string): Promise<unknown> {
  const controller = new AbortController();
  const response = await fetch(`${origin}/unfinished`, { signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  return response.text();
}

function post(body: NonNullable<RequestInit['body']>): RequestInit {
  return { method: 'POST', body };
}

function form(): FormData {
  const data = new FormData();
  data.append('field', 'value');
  data.append('file', new Blob(['content'], { type: 'text/x-part' }), 'name.txt');
  return data;
}

function stream(...chunks: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(Buffer.from(chunk));
      controller.close();
    },
  });
}

function failure(error: unknown): unknown {
  const { name, message } = error as Error;
  // A TypeError of fetch is worded by whoever throws it; the others are the caller's own.
  const words = name === 'TypeError' ? /^(?:fetch failed|terminated)$/.exec(message)?.[0] : message;
  return { name, words: name === 'SyntaxError' ? 'any' : words };
}

function seen({ method, url, headers, text }: RecordedRequest): unknown {
  const boundary = /boundary="?([^";]+)/.exec(headers['content-type'] ?? '')?.[1];
  const plain = (value: string): string => (boundary === undefined ? value : value.replaceAll(boundary, 'BOUNDARY'));
  return {
    method,
    url,
    type: plain(headers['content-type'] ?? 'none'),
    own: [headers['x-a'], headers['x-r']],
    length: boundary === undefined && headers['content-length'],
    body: plain(text),
  };
}
