import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import axios, { type AxiosInstance, type AxiosResponse, create, isCancel } from 'axios';
import { freePort } from '../support/free-port.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type Handler, type RecordingServer, startServer } from '../support/recording-server.js';
import { BearerAuth, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import { TROUBLES } from './troubles.js';

/** Everything that one axios instance did with a request, and what the server saw of it. */
interface Observation {
  readonly outcome: unknown;
  readonly received: unknown[];
}

type Attempt = (instance: AxiosInstance) => Promise<unknown>;

const directory = mkdtempSync(join(tmpdir(), 'axios-parity-'));
const file = join(directory, 'upload.txt');
writeFileSync(file, 'a line of a file\n'.repeat(50));

const paths: Record<string, Handler> = {
  '/json': (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}'),
  '/text': (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/plain' }).end('\uFEFFplain words'),
  '/latin1': (_request, response) => void response.writeHead(200).end(Buffer.from('caf\xe9', 'latin1')),
  '/broken-json': (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('{"half":'),
  '/empty': (_request, response) => void response.writeHead(204).end(),
  '/cookies': (_request, response) => void response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end('x'),
  '/gzip': (_request, response) =>
    void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"z":1}')),
  '/deflate': (_request, response) =>
    void response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateSync('deflated')),
  '/br': (_request, response) =>
    void response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync('brotli')),
  '/bad-gzip': (_request, response) =>
    void response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip at all'),
  '/large': (_request, response) => void response.writeHead(200).end('x'.repeat(5_000)),
  '/teapot': (_request, response) =>
    void response.writeHead(418, "I'm a Teapot", { 'content-type': 'application/json' }).end('{"short":"stout"}'),
  ...TROUBLES,
  '/redirect': (_request, response) => void response.writeHead(302, { location: '/json' }).end(),
  '/chunks': (_request, response) => {
    response.writeHead(200);
    response.write('one,');
    setImmediate(() => response.end('two'));
  },
};

const answer: Handler = (request, response) => {
  const handler = paths[request.path];
  if (handler !== undefined) return handler(request, response);
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"echoed":true}');
};

describe('axiosRef, held against plain axios', () => {
  let server: RecordingServer;
  let client: ForgeHttpClient;
  let plain: AxiosInstance;

  beforeAll(async () => {
    server = await startServer(answer);
    client = createForgeClient({ name: 'parity', baseUrl: server.origin, auth: new BearerAuth('parity-token') });
    plain = create({ baseURL: server.origin, headers: { authorization: 'Bearer parity-token' } });
  });

  afterAll(async () => {
    await client.close();
    await server.close();
    rmSync(directory, { recursive: true });
  });

  /** Resolves when the server has a request, however busy the machine is. */
  const arrived = (): Promise<void> => server.received(1, undefined, 20_000);

  const same: [name: string, attempt: Attempt][] = [
    ['gets JSON', (i) => i.get('/json')],
    ['gets text without its byte order mark', (i) => i.get('/text')],
    ['gets text in another encoding', (i) => i.get('/latin1', { responseEncoding: 'latin1' })],
    ['gets bytes', (i) => i.get('/text', { responseType: 'arraybuffer' })],
    ['gets a stream', (i) => i.get<Readable>('/chunks', { responseType: 'stream' }).then(collected)],
    ['gets nothing', (i) => i.get('/empty')],
    ['gets cookies', (i) => i.get('/cookies')],
    ['lets half a JSON through as text', (i) => i.get('/broken-json')],
    [
      'refuses half a JSON where it is strict',
      (i) => i.get('/broken-json', { responseType: 'json', transitional: { silentJSONParsing: false } }),
    ],
    ['asks with HEAD', (i) => i.head('/json')],
    ['asks with OPTIONS', (i) => i.options('/json')],
    ['deletes with a body', (i) => i.delete('/echo', { data: { a: 1 } })],
    ['unpacks gzip', (i) => i.get('/gzip')],
    ['unpacks deflate', (i) => i.get('/deflate')],
    ['unpacks brotli', (i) => i.get('/br')],
    ['leaves packed what it is asked to', (i) => i.get('/gzip', { decompress: false, responseType: 'arraybuffer' })],
    ['writes arrays into the query', (i) => i.get('/echo', { params: { ids: [1, 2], q: 'a b&c', none: null } })],
    ['writes nested objects and dates', (i) => i.get('/echo', { params: { a: { b: [1] }, at: new Date(0) } })],
    ['writes URLSearchParams', (i) => i.get('/echo', { params: new URLSearchParams({ a: '1 2' }) })],
    [
      'writes arrays as its serializer says',
      (i) => i.get('/echo', { params: { ids: [1, 2] }, paramsSerializer: { indexes: null } }),
    ],
    [
      'writes the query as its function says',
      (i) => i.get('/echo', { params: { a: 1 }, paramsSerializer: { serialize: () => 'own=1' } }),
    ],
    ['adds parameters to a query, and drops the fragment', (i) => i.get('/echo?x=1#part', { params: { y: 2 } })],
    ['posts an object', (i) => i.post('/echo', { a: [1, { b: null }] })],
    ['posts an array', (i) => i.post('/echo', [1, 2])],
    ['posts a string', (i) => i.post('/echo', 'words')],
    [
      'posts a JSON string under its label',
      (i) => i.post('/echo', '"w"', { headers: { 'Content-Type': 'application/json' } }),
    ],
    ['posts nothing', (i) => i.post('/echo')],
    ['posts an empty string', (i) => i.post('/echo', '')],
    ['posts a form', (i) => i.post('/echo', new URLSearchParams({ a: '1', b: 'ä' }))],
    [
      'posts an object as a form',
      (i) => i.post('/echo', { a: 1, b: [2, 3] }, { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }),
    ],
    ['posts a Buffer', (i) => i.post('/echo', Buffer.from('bytes'))],
    ['posts a typed array', (i) => i.post('/echo', new Uint8Array([65, 66]))],
    ['posts an ArrayBuffer', (i) => i.post('/echo', new Uint8Array([67, 68]).buffer)],
    ['posts a stream', (i) => i.post('/echo', Readable.from(['one ', 'two']), { maxRedirects: 0 })],
    ['posts a file', (i) => i.put('/echo', createReadStream(file), { maxRedirects: 0 })],
    ['posts a Blob', (i) => i.post('/echo', new Blob(['blob'], { type: 'text/x-blob' }))],
    ['posts a FormData', (i) => i.post('/echo', formData())],
    ['posts an object as multipart', (i) => i.postForm('/echo', { a: 'x', list: [1, 2] })],
    ['posts a form of the form-data package', (i) => i.post('/echo', npmFormData())],
    [
      'sends headers, and leaves out those set to false',
      (i) => i.get('/echo', { headers: { 'X-A': '1', 'User-Agent': false } }),
    ],
    ['sends its own Basic credentials', (i) => i.get('/echo', { auth: { username: 'u', password: 'pä:ss' } })],
    ['sends an authorization of its own', (i) => i.get('/echo', { headers: { Authorization: 'Custom x' } })],
    ['joins a base URL of the request', (i) => i.get('more', { baseURL: `${server.origin}/v2/` })],
    ['rejects a client error', (i) => i.get('/teapot')],
    ['rejects a server error', (i) => i.get('/boom')],
    [
      'rejects an error with its body as a stream',
      (i) => i.get('/boom', { responseType: 'stream' }).catch(withCollectedBody),
    ],
    [
      'resolves the statuses that it is asked to',
      (i) => i.get('/teapot', { validateStatus: (status) => status === 418 }),
    ],
    ['resolves every status', (i) => i.get('/boom', { validateStatus: null })],
    ['follows a redirect', (i) => i.get('/redirect')],
    ['sends the body again where a redirect asks for it', (i) => i.post('/redirect-307', { a: 1 })],
    ['turns a POST into a GET on 302', (i) => i.post('/redirect', { a: 1 })],
    ['answers a redirect that it must not follow', (i) => i.get('/redirect', { maxRedirects: 0 })],
    ['gives up a loop of redirects', (i) => i.get('/loop', { maxRedirects: 3 })],
    ['gives up a body that is too large', (i) => i.get('/large', { maxContentLength: 100 })],
    ['refuses to send a body that is too large', (i) => i.post('/echo', 'x'.repeat(50), { maxBodyLength: 10 })],
    ['gives up after its timeout', (i) => i.get('/hang', { timeout: 200 })],
    ['words a timeout as it is asked to', (i) => i.get('/hang', { timeout: 200, timeoutErrorMessage: 'too slow' })],
    [
      'distinguishes a timeout from an abort where asked',
      (i) => i.get('/hang', { timeout: 200, transitional: { clarifyTimeoutError: true } }),
    ],
    ['is aborted by a signal', (i) => aborted(i, arrived())],
    ['is aborted by a signal that was aborted before', (i) => i.get('/json', { signal: AbortSignal.abort() })],
    ['is cancelled by a token', (i) => cancelled(i, arrived())],
    ['transforms what it sends', (i) => i.post('/echo', { a: 1 }, { transformRequest: [() => 'transformed'] })],
    ['transforms what it gets', (i) => i.get('/json', { transformResponse: (text: string) => text.length })],
    ['counts what it gets', (i) => counting(i, 'download')],
    ['counts what it sends', (i) => counting(i, 'upload')],
    ['refuses data that cannot be sent', (i) => i.post('/echo', null, { transformRequest: () => ({ no: 'bytes' }) })],
    ['passes requests through interceptors', (i) => intercepted(i)],
  ];

  it.each(same)('%s as plain axios does', async (_name, attempt) => {
    const expected = await observe(plain, attempt);
    const observed = await observe(client.axiosRef, attempt);
    expect(observed).toEqual(expected);
  });

  it.each([
    ['a refused connection', (port: number) => `http://127.0.0.1:${port}/`],
    ['a host that does not exist', () => 'http://nowhere.invalid/'],
  ])('rejects %s with the code that plain axios has', async (_name, url) => {
    const target = url(await freePort());
    const { origin } = new URL(target);
    const foreign = createForgeClient({ name: 'parity', baseUrl: origin, auth: new BearerAuth('parity-token') });
    const [expected, observed] = await Promise.all(
      [create(), foreign.axiosRef].map((instance) => instance.get(target).catch(codeAndShape)),
    );
    expect(observed).toEqual(expected);
    await foreign.close();
  });

  it.each(['/reset', '/truncated'])(
    'rejects a connection broken at %s as a failure without an answer',
    async (path) => {
      const [expected, observed] = await Promise.all(
        [plain, client.axiosRef].map((instance) => instance.get(path).catch(codeAndShape)),
      );
      expect(observed).toMatchObject({ code: (expected as { code: string }).code, isAxiosError: true });
    },
  );

  it('axiosRef, held against plain axios can send the config of an error again', async () => {
    const error: unknown = await client.axiosRef.post('/boom', { a: 1 }, { params: { p: 1 } }).catch((e: unknown) => e);
    const { config } = error as { config: Parameters<AxiosInstance['request']>[0] };
    config.url = '/echo';
    await client.axiosRef.request(config);
    expect(server.requests.at(-1)?.text).toBe('{"a":1}');
    expect(server.requests.at(-1)?.url).toBe('/echo?p=1');
  });

  it('names the URL that answered where code looks for it', async () => {
    const response = await client.axiosRef.get('/redirect');
    expect((response.request as { res: { responseUrl: string } }).res.responseUrl).toBe(`${server.origin}/json`);
  });

  async function observe(instance: AxiosInstance, attempt: Attempt): Promise<Observation> {
    server.reset();
    const outcome = await attempt(instance).then(described, described);
    return { outcome, received: server.requests.map(seen) };
  }
});

function seen({ method, url, headers, text }: RecordedRequest): unknown {
  const { host: _host, connection: _connection, 'content-type': type, ...rest } = headers;
  const boundary = /boundary="?([^";]+)/.exec(type ?? '')?.[1];
  const plain = (value: string): string => (boundary === undefined ? value : value.replaceAll(boundary, 'BOUNDARY'));
  // How long a boundary is, and the case of a part's headers, are nobody's concern.
  const { 'content-length': length, ...others } = rest;
  const isForm = boundary !== undefined;
  return {
    method,
    url,
    headers: { ...others, ...(!isForm && { length }), type: plain(type ?? 'none').replaceAll('"', '') },
    body: isForm ? partsOf(text, boundary) : text,
  };
}

function partsOf(text: string, boundary: string): string[] {
  return text
    .split(`--${boundary}`)
    .map((part) =>
      part
        .replace(/^content-type: text\/plain;? ?charset=utf-8\r\n/im, '')
        .trim()
        .toLowerCase(),
    )
    .filter((part) => part !== '' && part !== '--');
}

function described(result: unknown): unknown {
  if (result instanceof Error) return codeAndShape(result);
  const { status, statusText, data, headers } = result as AxiosResponse;
  if (status === undefined) return result;
  const { date: _date, ...rest } = { ...headers } as Record<string, unknown>;
  return { status, statusText, data: data as unknown, headers: rest };
}

function codeAndShape(error: unknown): unknown {
  const { message, code, status, response, config, isAxiosError } = error as Record<string, never>;
  const { data, status: answered } = (response ?? {}) as Partial<AxiosResponse>;
  const ours = code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'ERR_BAD_REQUEST';
  return {
    // In our own words where nobody could compare it.
    message: ours && response === undefined ? 'any' : message,
    code,
    status,
    answered,
    data: data as unknown,
    isAxiosError,
    isCancel: isCancel(error),
    // axios leaves the config out where a token cancels.
    method: isCancel(error) || (config as { method?: string } | undefined)?.method,
  };
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function collected(response: AxiosResponse<Readable>): Promise<unknown> {
  return { ...response, data: await textOf(response.data) };
}

async function withCollectedBody(error: { response: AxiosResponse<unknown>; status: number }): Promise<unknown> {
  return { status: error.status, data: await textOf(error.response.data as Readable), headers: {} };
}

async function aborted(instance: AxiosInstance, arrived: Promise<void>): Promise<unknown> {
  const controller = new AbortController();
  const pending = instance.get('/hang', { signal: controller.signal });
  void arrived.then(() => controller.abort());
  return pending;
}

async function cancelled(instance: AxiosInstance, arrived: Promise<void>): Promise<unknown> {
  // oxlint-disable-next-line import/no-named-as-default-member -- as an export it is a type alone
  const source = axios.CancelToken.source();
  const pending = instance.get('/hang', { cancelToken: source.token });
  void arrived.then(() => source.cancel('no longer wanted'));
  return pending;
}

async function counting(instance: AxiosInstance, direction: 'download' | 'upload'): Promise<unknown> {
  let bytes = 0;
  const onProgress = ({ loaded }: { loaded: number }): void => void (bytes = loaded);
  const options = direction === 'download' ? { onDownloadProgress: onProgress } : { onUploadProgress: onProgress };
  await (direction === 'download'
    ? instance.get('/large', options)
    : instance.post('/echo', 'x'.repeat(3_000), options));
  return { bytes };
}

async function intercepted(instance: AxiosInstance): Promise<unknown> {
  const request = instance.interceptors.request.use((config) => {
    config.headers.set('X-Intercepted', 'yes');
    return config;
  });
  const response = instance.interceptors.response.use((answered) => ({ ...answered, data: 'replaced' }));
  try {
    return await instance.get('/json');
  } finally {
    instance.interceptors.request.eject(request);
    instance.interceptors.response.eject(response);
  }
}

function formData(): FormData {
  const form = new FormData();
  form.append('field', 'value');
  form.append('file', new Blob(['content'], { type: 'text/x-part' }), 'name.txt');
  return form;
}

/** Makes what axios itself makes of objects: a form of the form-data package. */
function npmFormData(): unknown {
  const Form = (axios.defaults as unknown as { env: { FormData: new () => NpmForm } }).env.FormData;
  const form = new Form();
  form.append('field', 'value');
  form.append('file', Buffer.from('content'), { filename: 'name.txt', contentType: 'text/x-part' });
  return form;
}

interface NpmForm {
  append(name: string, value: string | Buffer, options?: { filename: string; contentType: string }): void;
}
