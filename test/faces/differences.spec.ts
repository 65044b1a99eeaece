import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import axios, { type AxiosError, type AxiosInstance, create } from 'axios';
import { BearerAuth, createForgeClient, ForgeAuthError, type ForgeHttpClient } from 'nestjs-forge-auth';
import { markedTables } from '../support/docs.js';
import { type Handler, type RecordingServer, startServer } from '../support/recording-server.js';

/** Tables of the reference, each difference shown on both. The suites beside this one show that the rest is equal. */
const page = readFileSync(new URL('../../docs/reference/faces.md', import.meta.url), 'utf8');

type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

const getHeaders = (): object => ({ 'content-type': 'multipart/form-data; boundary=x', 'x-of-the-form': 'yes' });

/** A byte more than is read into memory unless asked for. */
const LARGE = 104_857_601;

/** Result of a difference, in one word or a few. */
type Difference<Of> = [row: string, attempt: (it: Of) => Promise<unknown>, plain: unknown, here: unknown];

let server: RecordingServer;
let elsewhere: RecordingServer;
let client: ForgeHttpClient;

const answer: Handler = (request, response) => {
  const { path } = request;
  if (path === '/away') return void response.writeHead(307, { location: `${elsewhere.origin}/there` }).end();
  if (path === '/user-info')
    return void response.writeHead(302, { location: `${server.origin.replace('//', '//user:password@')}/here` }).end();
  if (path === '/nowhere') return void response.writeHead(302, { location: 'ftp://files.example/here' }).end();
  if (path === '/again') return void response.writeHead(307, { location: '/there' }).end();
  if (path.startsWith('/hops/')) {
    const left = Number(path.slice('/hops/'.length));
    if (left > 0) return void response.writeHead(302, { location: `/hops/${left - 1}` }).end();
  }
  if (path === '/slow') return drip(response);
  if (path === '/large')
    return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(LARGE)));
  if (path === '/cut') {
    response.writeHead(200, { 'content-length': 9 });
    return void response.write('half', () => response.socket?.destroy());
  }
  if (path === '/twice')
    return void response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end(gzipSync(gzipSync('here')));
  if (path === '/mislabelled') return void response.writeHead(200, { 'content-encoding': 'gzip' }).end('here');
  if (path === '/compress') return void response.writeHead(200, { 'content-encoding': 'compress' }).end('here');
  if (path === '/broken') return void response.writeHead(200).end('{"secret":');
  response.writeHead(path === '/teapot' ? 418 : 200).end('here');
};

async function drain(stream: Readable): Promise<unknown> {
  for await (const chunk of stream) void chunk;
  return 'all of it';
}

/** A byte now and then, until nobody listens any more. */
function drip(response: Parameters<Handler>[1]): void {
  response.writeHead(200);
  let bytes = 0;
  const timer = setInterval(() => {
    bytes += 1;
    if (bytes === 30) response.end();
    else response.write('.');
  }, 60);
  response.once('close', () => clearInterval(timer));
}

beforeAll(async () => {
  server = await startServer(answer);
  elsewhere = await startServer((_request, response) => void response.writeHead(200).end('there'));
  client = createForgeClient({
    name: 'differences',
    baseUrl: server.origin,
    auth: new BearerAuth('differences-token'),
    validateStatus: (status) => status < 300 || status === 418,
  });
});
afterEach(() => {
  server.reset();
  elsewhere.reset();
});
afterAll(async () => {
  await client.close();
  await server.close();
  await elsewhere.close();
});

const ofAxios: Difference<AxiosInstance>[] = [
  [
    'a URL of another origin',
    (instance) => instance.get(`${elsewhere.origin}/there`),
    'there',
    'FORGE_AUTH_ORIGIN_NOT_ALLOWED',
  ],
  [
    'user info, a backslash or `//` at the start of a URL, and schemes other than http and https',
    (instance) => instance.get(`${server.origin.replace('//', '//user:password@')}/here`),
    'here',
    'FORGE_AUTH_INVALID_REQUEST',
  ],
  [
    'a redirect to another origin',
    async (instance) => {
      await instance.get('/away', { headers: { 'X-Api-Key': 'key', Accept: 'text/plain' } });
      const { 'x-api-key': key, accept } = elsewhere.requests[0]?.headers ?? {};
      return [key, accept];
    },
    ['key', 'text/plain'],
    [undefined, 'text/plain'],
  ],
  [
    '307 and 308 when the body is a stream',
    (instance) => instance.post('/again', Readable.from(['once'])),
    'here',
    'FORGE_AUTH_HTTP_STATUS',
  ],
  ['`maxRedirects`', (instance) => instance.get('/hops/15'), 'here', 'FORGE_AUTH_TOO_MANY_REDIRECTS'],
  [
    '`beforeRedirect`',
    (instance) => instance.get('/again', { beforeRedirect: () => undefined }),
    'here',
    'FORGE_AUTH_INVALID_REQUEST',
  ],
  [
    '`timeout`',
    (instance) => instance.get<string>('/slow', { timeout: 1_000 }).then(({ data }) => ({ data: data.length })),
    29,
    'FORGE_AUTH_TIMEOUT',
  ],
  ['`validateStatus`', (instance) => instance.get('/teapot'), 418, 'here'],
  [
    'a header value beyond Latin-1',
    async (instance) => {
      await instance.get('/here', { headers: { 'x-name': 'Zoë 日本' } });
      return server.requests[0]?.headers['x-name'];
    },
    'Zoë',
    'FORGE_AUTH_INVALID_REQUEST',
  ],
  [
    'a `Content-Length` or `Transfer-Encoding` that does not fit the body',
    async (instance) => {
      await instance.post('/here', 'abc', { headers: { 'Content-Length': '2' } });
      return 'sent';
    },
    400,
    'FORGE_AUTH_INVALID_REQUEST',
  ],
  [
    '`response.request`, `error.request`',
    async (instance) => {
      const { request } = await instance.get('/here');
      return [request.method, request.path, request.host, typeof request.getHeader];
    },
    ['GET', '/here', '127.0.0.1', 'function'],
    ['GET', '/here', '127.0.0.1', 'undefined'],
  ],
  [
    '`error.toJSON()`',
    async (instance) => {
      const error: unknown = await instance
        .get('/missing', { headers: { 'X-Key': 'secret' }, validateStatus: () => false })
        .catch((e: unknown) => e);
      return JSON.stringify(error).includes('secret');
    },
    true,
    false,
  ],
  [
    '`axios.defaults` of the process',
    async (instance) => {
      await instance.get('/here');
      return server.requests[0]?.headers['x-process-wide'];
    },
    'planted',
    undefined,
  ],
  [
    '`maxContentLength`',
    async (instance) => {
      const { data } = await instance.get<Buffer>('/large', { responseType: 'arraybuffer' });
      return data.length;
    },
    LARGE,
    'FORGE_AUTH_RESPONSE_TOO_LARGE',
  ],
  [
    '`formDataHeaderPolicy`',
    async (instance) => {
      const { FormData } = (axios.defaults as unknown as { env: { FormData: new () => object } }).env;
      await instance.post('/here', Object.assign(new FormData(), { getHeaders }));
      const { 'content-type': type, 'x-of-the-form': header } = server.requests[0]?.headers ?? {};
      return [type, header];
    },
    ['multipart/form-data; boundary=x', 'yes'],
    ['multipart/form-data; boundary=x', undefined],
  ],
  [
    'a body that was coded more than once',
    async (instance) => (await instance.get<string>('/twice')).data === 'here',
    false,
    true,
  ],
  [
    'a streamed `data`',
    async (instance) => {
      const { data } = await instance.get<Readable>('/here', { responseType: 'stream' });
      const { statusCode, headers, req } = data.resume() as unknown as Record<string, object | undefined>;
      return [statusCode, typeof headers, typeof req];
    },
    [200, 'object', 'object'],
    [200, 'object', 'undefined'],
  ],
  [
    'the error of a streamed `data`',
    async (instance) => {
      const { data } = await instance.get<Readable>('/cut', { responseType: 'stream' });
      return drain(data).catch((error: AxiosError) => [error.code, error.isAxiosError]);
    },
    ['ECONNRESET', undefined],
    ['ECONNRESET', true],
  ],
  [
    'an error that the stream of an upload, or a function of the config, throws',
    async (instance) => {
      const failing = new Readable({
        read: () => void failing.destroy(Object.assign(new Error('disk'), { code: 'EDISK' })),
      });
      const error: unknown = await instance.post('/here', failing, { maxRedirects: 0 }).catch((e: unknown) => e);
      const { message, code, isAxiosError } = error as AxiosError;
      return [message === 'disk', message.includes('disk'), code, isAxiosError];
    },
    [true, true, 'EDISK', true],
    [false, true, 'EDISK', true],
  ],
  ['`defaults.timeout`', (instance) => Promise.resolve(instance.defaults.timeout), 0, 30_000],
  [
    '`Content-Encoding: compress`',
    (instance) => instance.get('/compress').catch(({ code }: AxiosError) => code),
    'Z_DATA_ERROR',
    'here',
  ],
  [
    'a redirect that leads to no URL, or to one of another scheme than http and https',
    (instance) => instance.get('/nowhere').catch(({ code, response }: AxiosError) => [code, response?.status]),
    ['ERR_FR_REDIRECTION_FAILURE', undefined],
    ['ERR_BAD_RESPONSE', 302],
  ],
  [
    'a query with characters that no URL holds, from a `paramsSerializer`',
    async (instance) => {
      await instance.get('/here', { params: {}, paramsSerializer: { serialize: () => 'q={"a":1}' } });
      return server.requests[0]?.url;
    },
    '/here?q={"a":1}',
    '/here?q={%22a%22:1}',
  ],
  [
    'the message of an error of Node’s or zlib’s',
    (instance) =>
      instance.get('/mislabelled').catch(({ code, message }: AxiosError) => [code, /GET .*\/misl/.test(message)]),
    ['Z_DATA_ERROR', false],
    ['Z_DATA_ERROR', true],
  ],
];

const ofFetch: Difference<Fetch>[] = [
  [
    'a header that is `undefined`',
    async (fetch) => {
      await fetch(`${server.origin}/here`, { headers: { 'x-none': undefined } as never });
      return server.requests[0]?.headers['x-none'];
    },
    'undefined',
    undefined,
  ],
  [
    '`Host` among the headers',
    (fetch) => fetch(`${server.origin}/here`, { headers: { host: 'another.example' } }),
    'here',
    'FORGE_AUTH_INVALID_REQUEST',
  ],
  ['user info in a `Location`', (fetch) => fetch(`${server.origin}/user-info`), 'TypeError', 'here'],
  ['a relative URL', (fetch) => fetch('/here'), 'TypeError', 'here'],
  ['a URL of another origin', (fetch) => fetch(`${elsewhere.origin}/there`), 'there', 'FORGE_AUTH_ORIGIN_NOT_ALLOWED'],
  ['`data:` and `blob:` URLs', (fetch) => fetch('data:text/plain,here'), 'here', 'FORGE_AUTH_INVALID_REQUEST'],
  [
    'a redirect to another origin',
    async (fetch) => {
      await fetch(`${server.origin}/away`, { headers: { 'X-Api-Key': 'key', Accept: 'text/plain' } });
      const { 'x-api-key': key, accept } = elsewhere.requests[0]?.headers ?? {};
      return [key, accept];
    },
    ['key', 'text/plain'],
    [undefined, 'text/plain'],
  ],
  ['more than 10 redirects', (fetch) => fetch(`${server.origin}/hops/15`), 'here', 'FORGE_AUTH_TOO_MANY_REDIRECTS'],
  [
    'headers that nobody set',
    async (fetch) => {
      await fetch(`${server.origin}/here`);
      const { accept, 'accept-language': language, 'sec-fetch-mode': mode } = server.requests[0]?.headers ?? {};
      return [accept, language, mode];
    },
    ['*/*', '*', 'cors'],
    ['application/json, text/plain, */*', undefined, undefined],
  ],
  [
    'the case of names in a `Headers` or a `Request`',
    async (fetch) => {
      await fetch(`${server.origin}/here`, { headers: new Headers({ 'X-MiXed': '1' }) });
      return server.requests[0]?.rawHeaders.includes('X-MiXed');
    },
    true,
    false,
  ],
  [
    'methods in lower case',
    async (fetch) => {
      await fetch(`${server.origin}/here`, { method: 'report' }).catch(() => undefined);
      return server.requests[0]?.method;
    },
    undefined,
    'REPORT',
  ],
  [
    '`integrity`',
    (fetch) => fetch(`${server.origin}/here`, { integrity: 'sha256-/OyRUJdZrZlcLNFLyyaycgmT+vYcKdN5snDUQtkikOs=' }),
    'here',
    'FORGE_AUTH_INVALID_REQUEST',
  ],
  [
    '`dispatcher`',
    (fetch) =>
      fetch(`${server.origin}/here`, {
        dispatcher: {
          dispatch: () => {
            throw new TypeError('asked');
          },
        },
      } as object),
    'TypeError',
    'here',
  ],
  [
    'the error of `json()`',
    async (fetch) => {
      const error: unknown = await (await fetch(`${server.origin}/broken`)).json().catch((e: unknown) => e);
      return [(error as Error).name, (error as Error).message.startsWith('The body of an answer')];
    },
    ['SyntaxError', false],
    ['SyntaxError', true],
  ],
  [
    'a body of more than 100 MB, unpacked, that is read whole',
    async (fetch) => (await (await fetch(`${server.origin}/large`)).arrayBuffer()).byteLength,
    LARGE,
    'FORGE_AUTH_RESPONSE_TOO_LARGE',
  ],
];

describe('axiosRef differs from plain axios in', () => {
  it.each(ofAxios)('%s', async (_row, attempt, plain, here) => {
    const { headers } = axios.defaults;
    headers.common['X-Process-Wide'] = 'planted';
    const instance = create({ baseURL: server.origin });
    expect(await outcome(attempt(instance)).finally(() => delete headers.common['X-Process-Wide'])).toEqual(plain);
    server.reset();
    elsewhere.reset();
    expect(await outcome(attempt(client.axiosRef))).toEqual(here);
  });

  it('nothing that the reference does not list, with its reason', () => {
    expect(rowsOf('differences: axiosRef')).toEqual(ofAxios.map(([row]) => row));
  });

  it('axiosRef differs from plain axios no more when an adapter is given: it takes the place of the client', async () => {
    await client.axiosRef.get('/here', { adapter: 'http', baseURL: server.origin });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe('client.fetch differs from fetch in', () => {
  it.each(ofFetch)('%s', async (_row, attempt, plain, here) => {
    expect(await outcome(attempt(globalThis.fetch as Fetch))).toEqual(plain);
    server.reset();
    elsewhere.reset();
    expect(await outcome(attempt(client.fetch as Fetch))).toEqual(here);
  });

  it('nothing that the reference does not list, with its reason', () => {
    expect(rowsOf('differences: fetch')).toEqual(ofFetch.map(([row]) => row));
  });
});

function rowsOf(mark: string): (string | undefined)[] {
  const rows = markedTables(page).find((table) => table.mark === mark)?.rows ?? [];
  for (const [, there = '', here = '', why = ''] of rows) expect([there, here, why].every(Boolean)).toBe(true);
  return rows.map(([row]) => row);
}

/** The body, or what it came to; of an error its status, its own code or its name. */
async function outcome(attempt: Promise<unknown>): Promise<unknown> {
  try {
    const result = await attempt;
    if (result instanceof Response) return await result.text();
    return typeof result === 'object' && result !== null && 'data' in result ? result.data : result;
  } catch (error) {
    const own = error instanceof ForgeAuthError ? error : (error as Error).cause;
    if (own instanceof ForgeAuthError) return own.code;
    return (error as { status?: number }).status ?? (error as Error).name;
  }
}
