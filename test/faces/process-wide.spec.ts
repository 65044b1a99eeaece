import axios, { type AxiosInstance, create } from 'axios';
import { firstValueFrom } from 'rxjs';
import { ApiKeyAuth, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import { type Handler, type RecordingServer, startServer } from '../support/recording-server.js';

let server: RecordingServer;
let elsewhere: RecordingServer | undefined;

const handler: Handler = (_request, response) =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');

beforeAll(async () => {
  server = await startServer(handler);
  elsewhere = await startServer(handler);
});
afterEach(() => {
  server.reset();
  elsewhere?.reset();
});
afterAll(async () => {
  await server.close();
  await elsewhere?.close();
});

/** Returns defaults that another part of the process has put where every instance finds them. */
const foreign = (): Record<string, unknown> => ({
  baseURL: `${elsewhere?.origin ?? ''}/other-api`,
  params: { tenant: 'other' },
  auth: { username: 'other-user', password: 'other-password' },
  timeout: 1,
  maxContentLength: 1,
  maxBodyLength: 1,
  maxRedirects: 0,
  responseType: 'arraybuffer',
  validateStatus: () => false,
  transformRequest: [() => 'hijacked'],
  transformResponse: [() => 'hijacked'],
  paramsSerializer: () => 'hijacked=1',
  adapter: () => Promise.reject(new Error('hijacked')),
  signal: AbortSignal.abort(),
  proxy: { host: '127.0.0.1', port: 9 },
  headers: {
    common: { 'X-Other-Key': 'other-secret', Accept: 'text/other' },
    get: {},
    post: { 'X-Other-Post': 'other' },
  },
});

describe('the defaults of the global axios instance', () => {
  it.each(Object.keys(foreign()))(
    'the defaults of the global axios instance reach no face by %s, set before or after the face was made',
    async (name) => {
      for (const when of ['before', 'after'] as const) {
        const client = createClient();
        const faces = (): AxiosInstance[] => [client.axiosRef, client.httpService.axiosRef, client.axiosRef.create()];
        const made = when === 'after' ? faces() : undefined;
        await withGlobalDefault(name, foreign()[name], async () => {
          for (const face of made ?? faces()) {
            const response = await face.get('/here', { params: { a: 1 } });
            expect(response.data).toEqual({ ok: true });
            await face.post('/here', { b: 2 });
          }
          await firstValueFrom(client.httpService.get('/here'));
          await client.get('/here');
          await client.fetch('/here');
        });
        expect(elsewhere?.requests).toEqual([]);
        for (const { path, url, headers, text } of server.requests) {
          expect(path).toBe('/here');
          expect(url).not.toMatch(/tenant|hijacked/);
          expect(headers).toMatchObject({ 'x-api-key': 'own-key', accept: 'application/json, text/plain, */*' });
          expect(headers).not.toHaveProperty('authorization');
          expect(headers).not.toHaveProperty('x-other-key');
          expect(headers).not.toHaveProperty('x-other-post');
          expect(text).not.toContain('hijacked');
        }
        server.reset();
        await client.close();
      }
    },
  );

  it('the defaults of the global axios instance are not taken for those of an HttpService that a service is given', async () => {
    const given = await withGlobalDefault('headers', foreign()['headers'], async () => {
      return create({ headers: { 'X-Chosen': 'yes' } });
    });
    const client = createClient({ axios: given });
    await withGlobalDefault('headers', foreign()['headers'], async () => void (await client.get('/here')));
    expect(server.requests[0]?.headers).toMatchObject({ 'x-chosen': 'yes', 'x-api-key': 'own-key' });
    expect(server.requests[0]?.headers).not.toHaveProperty('x-other-key');
    await client.close();
  });
});

function createClient(options: object = {}): ForgeHttpClient {
  return createForgeClient({ name: 'own', baseUrl: server.origin, auth: new ApiKeyAuth('own-key'), ...options });
}

async function withGlobalDefault<R>(name: string, value: unknown, work: () => Promise<R>): Promise<R> {
  const defaults = axios.defaults as unknown as Record<string, unknown>;
  const existed = Object.hasOwn(defaults, name);
  const before = defaults[name];
  defaults[name] = value;
  try {
    return await work();
  } finally {
    if (existed) defaults[name] = before;
    else delete defaults[name];
  }
}
