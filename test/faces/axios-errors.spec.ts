import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import axios, { type AxiosError, type AxiosInstance, type AxiosRequestConfig, create, isCancel } from 'axios';
import { ApiKeyAuth, BearerAuth, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/** Errors that axios rejects with, and that its streams fail with, held against plain axios. */
let server: RecordingServer;
let client: ForgeHttpClient;
let plain: AxiosInstance;

type Attempt = (instance: AxiosInstance) => Promise<unknown>;

beforeAll(async () => {
  server = await startServer((request, response) => {
    if (request.path === '/half') return void response.writeHead(200).write('half');
    response.writeHead(200, { 'x-of': 'it' }).end('x'.repeat(5_000));
  });
  client = createForgeClient({ name: 'errors', baseUrl: server.origin, auth: new BearerAuth('errors-token') });
  plain = create({ baseURL: server.origin });
});
afterEach(() => server.reset());
afterAll(async () => {
  await client.close();
  await server.close();
});

/** The error of a call, or of the stream that it answered. */
async function errorOf(attempt: Attempt, instance: AxiosInstance): Promise<Partial<AxiosError>> {
  const failed: unknown = await attempt(instance).then(
    async (answered) => drain((answered as { data: Readable }).data).catch((e: unknown) => e),
    (e: unknown) => e,
  );
  return failed as Partial<AxiosError>;
}

async function drain(stream: Readable): Promise<void> {
  for await (const chunk of stream) void chunk;
}

function shapeOf(error: Partial<AxiosError>): unknown {
  const { message, code, isAxiosError, response } = error;
  return { message, code, isAxiosError, isCancel: isCancel(error), response: response?.status };
}

const streamed = (config: AxiosRequestConfig, abort: () => void, path = '/half'): Attempt => {
  return async (instance) => {
    const answered = await instance.get<Readable>(path, { ...config, responseType: 'stream' });
    setTimeout(abort, 20);
    return answered;
  };
};

const upload = (): Readable => Readable.from([Buffer.alloc(20), Buffer.alloc(20)]);
const form = new FormData();
form.append('field', 'x'.repeat(40));
const tooLong = (data: () => unknown, config = {}): Attempt => {
  return (instance) => instance.post('/here', data(), { maxBodyLength: 30, ...config });
};

it.each<[string, () => Attempt]>([
  ['a stream that is longer than maxBodyLength', () => tooLong(upload)],
  ['such a stream where redirects are not followed', () => tooLong(upload, { maxRedirects: 0 })],
  ['such a Buffer', () => tooLong(() => Buffer.alloc(31))],
  ['such a text of more bytes than letters', () => tooLong(() => 'ä'.repeat(16))],
  ['such an object', () => tooLong(() => ({ a: 'ä'.repeat(16) }))],
  ['such a Blob', () => tooLong(() => new Blob(['x'.repeat(31)]))],
  ['such a FormData', () => tooLong(() => form)],
  [
    'the stream of an upload that is closed before its end',
    () => (instance) => {
      const data = new Readable({ read: () => undefined });
      setTimeout(() => data.destroy(), 20);
      return instance.post('/here', data, { maxRedirects: 0 });
    },
  ],
  ['a streamed answer beyond maxContentLength', () => streamed({ maxContentLength: 100 }, () => undefined, '/here')],
  [
    'a streamed answer whose signal aborts',
    () => {
      const controller = new AbortController();
      return streamed({ signal: controller.signal }, () => controller.abort());
    },
  ],
  [
    'a streamed answer whose signal aborts with a reason',
    () => {
      const controller = new AbortController();
      return streamed({ signal: controller.signal }, () => controller.abort(new Error('mine')));
    },
  ],
  [
    'a streamed answer whose token cancels',
    () => {
      // oxlint-disable-next-line import/no-named-as-default-member -- as an export it is a type alone
      const source = axios.CancelToken.source();
      return streamed({ cancelToken: source.token }, () => source.cancel('no more'));
    },
  ],
])('rejects %s as plain axios does', async (_what, attempt) => {
  const expected = shapeOf(await errorOf(attempt(), plain));
  const observed = shapeOf(await errorOf(attempt(), client.axiosRef));
  expect(observed).toEqual(expected);
});

it.each<[string, AxiosRequestConfig]>([
  ['serialize', { paramsSerializer: { serialize: thrower } }],
  ['encode', { paramsSerializer: { encode: thrower } }],
])('rejects a paramsSerializer whose %s throws with an AxiosError of the same code', async (_what, config) => {
  const attempt: Attempt = (instance) => instance.get('/here', { params: { a: 1 }, ...config });
  const [expected, observed] = [await errorOf(attempt, plain), await errorOf(attempt, client.axiosRef)];
  expect(observed).toMatchObject({ isAxiosError: true, code: expected.code });
  expect(observed.message).toContain('my serializer broke');
  expect(observed.config?.url).toBe('/here');
  expect(server.requests).toEqual([]);
});

it('rejects with the code of what the stream of an upload failed with, and sends it once', async () => {
  const attempt: Attempt = (instance) => instance.post('/here', failing());
  const [expected, observed] = [await errorOf(attempt, plain), await errorOf(attempt, client.axiosRef)];
  expect(observed).toMatchObject({ isAxiosError: true, code: expected.code });
  expect(observed.message).toContain('no such disk');
  await expect(client.post('/here', failing)).rejects.toMatchObject({
    code: 'FORGE_AUTH_INVALID_REQUEST',
    cause: { code: 'EDISK' },
  });
});

it.each(['stream', 'text'] as const)('writes nothing on the reason of an abort: %s', async (responseType) => {
  const reason = new Error('mine');
  const controller = new AbortController();
  const call = client.get('/half', { responseType, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 30);
  await expect(call.then(({ data }) => drain(data as Readable))).rejects.toBe(reason);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(Object.keys(reason)).toEqual([]);
});

it('an axios error has status and headers of a streamed answer where code looks for them', async () => {
  const { data } = await client.axiosRef.get<Readable>('/here', { responseType: 'stream' });
  expect(data).toMatchObject({ statusCode: 200, statusMessage: 'OK', headers: { 'x-of': 'it' } });
  await drain(data);
});

it('refuses a timeout that is none with the code of axios', async () => {
  expect((await errorOf(mistimed, client.axiosRef)).code).toBe((await errorOf(mistimed, plain)).code);
});

it('mirrors the timeout of the service in its defaults, until another is set', async () => {
  const quick = createForgeClient({ name: 'quick', baseUrl: server.origin, timeoutMs: 80 });
  await quick.get('/here');
  const { defaults } = quick.axiosRef;
  expect(defaults.timeout).toBe(80);
  await expect(quick.axiosRef.get('/half')).rejects.toMatchObject({ message: 'timeout of 80ms exceeded' });
  defaults.timeout = 40;
  await expect(quick.axiosRef.get('/half')).rejects.toMatchObject({ message: 'timeout of 40ms exceeded' });
  await quick.close();
});

it('sends over a socket of the machine what names no host', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'axios-socket-'));
  const socketPath = join(directory, 'api.sock');
  const local = createServer((request, response) => response.end(`${request.url} ${request.headers.authorization}`));
  await once(local.listen(socketPath), 'listening');
  const free = createForgeClient({
    name: 'local',
    allowedOrigins: ['http://localhost'],
    auth: new BearerAuth('local-token'),
  });
  expect((await free.axiosRef.get('/a?b=1', { socketPath })).data).toBe('/a?b=1 Bearer local-token');
  await free.close();
  const foreign = createForgeClient({ name: 'local', auth: new BearerAuth('local-token') });
  await expect(foreign.axiosRef.get('/a', { socketPath })).rejects.toMatchObject({
    code: 'FORGE_AUTH_ORIGIN_NOT_ALLOWED',
  });
  await foreign.close();
  local.close();
  rmSync(directory, { recursive: true });
});

describe.each(['axios', 'undici'])('over %s, header names keep their case', (transport) => {
  const names = { 'X-MiXed': '1', SOAPAction: 'a', 'x-low': '2', 'content-TYPE': 'text/plain' };

  it.each<[string, (it: ForgeHttpClient) => Promise<unknown>]>([
    ['client', (it) => it.post('/here', 'x', { headers: names })],
    ['axiosRef', (it) => it.axiosRef.post('/here', 'x', { headers: { ...names, 'content-TYPE': 'text/plain' } })],
    ['fetch', (it) => it.fetch('/here', { method: 'POST', body: 'x', headers: names })],
    ['fetch', (it) => it.fetch('/here', { method: 'POST', body: 'x', headers: Object.entries(names) })],
  ])('header names keep their case in those of %s', async (_face, send) => {
    const own = transport === 'undici' ? { transport: new UndiciTransport() } : undefined;
    const api = createForgeClient({
      name: 'case',
      baseUrl: server.origin,
      auth: new ApiKeyAuth('case-key'),
      headers: { 'X-Service-Own': '3', 'X-mixed': 'under' },
      ...own,
    });
    await send(api);
    const raw = server.requests[0]?.rawHeaders ?? [];
    expect(raw).toEqual(expect.arrayContaining(['X-MiXed', 'SOAPAction', 'x-low', 'X-Service-Own']));
    expect(raw.filter((text) => /^(?:x-mixed|soapaction|content-type)$/i.test(text))).toHaveLength(3);
    expect(raw).not.toContain('X-mixed');
    await api.close();
  });
});

const mistimed: Attempt = (instance) => instance.get('/here', { timeout: 'abc' as never });

function failing(): Readable {
  let chunks = 0;
  const fail = (): void => void stream.destroy(Object.assign(new Error('no such disk'), { code: 'EDISK' }));
  const stream = new Readable({ read: () => void ((chunks += 1) < 3 ? stream.push('abc') : setTimeout(fail, 5)) });
  return stream;
}

function thrower(): never {
  throw new Error('my serializer broke');
}
