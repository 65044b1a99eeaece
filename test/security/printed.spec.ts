import { inspect } from 'node:util';
import {
  ApiKeyAuth,
  BearerAuth,
  CompositeAuth,
  createForgeClient,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  InMemoryTokenStorage,
  TokenAuth,
  TokenManager,
} from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';

const TOKEN = 'printed-token-value';

let server: RecordingServer;
let elsewhere: RecordingServer;
const clients: ForgeHttpClient[] = [];

beforeAll(async () => {
  elsewhere = await startServer((_request, response) => void response.writeHead(200).end('there'));
  server = await startServer((request, response) => {
    const { path, url, headers } = request;
    const token = String(headers.authorization).replace('Bearer ', '');
    const echo = encodeURIComponent(`${url} ${String(headers['x-service-key'])}`);
    if (path === '/away') response.writeHead(302, { location: `${elsewhere.origin}/there?echo=${echo}` }).end();
    else if (path === '/query-away')
      response.writeHead(302, { location: `${elsewhere.origin}/there${url.slice(path.length)}&kept=yes` }).end();
    else
      response
        .writeHead(path === '/missing' ? 404 : 200, `Fine ${token}`, {
          server: `nginx ${token}`,
          'x-echo': token,
          'set-cookie': 'sid=cookie-value',
          'content-type': 'text/plain',
        })
        .end(token);
  });
});
afterEach(() => {
  server.reset();
  elsewhere.reset();
  return Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(async () => {
  await server.close();
  await elsewhere.close();
});

const prints: [string, (value: unknown) => string][] = [
  ['inspect', (value) => inspect(value, { depth: 10, showHidden: true })],
  ['JSON', (value) => JSON.stringify(value)],
  ['String', String],
  ['inspect within something', (value) => inspect({ result: [value] }, { depth: 10 })],
];

describe.each(prints)('%s', (_name, print) => {
  it('what is printed of an answer shows no echoed token, cookie, reason phrase, query or body', async () => {
    const response = await create().get('/here', { params: { key: 'query-value' } });
    expectNothingSecret(print(response));
  });

  it('what is printed of an error that bears an answer shows neither, on any face', async () => {
    const client = create();
    for (const attempt of [
      client.get('/missing', { params: { key: 'query-value' } }),
      client.axiosRef.get('/missing', { params: { key: 'query-value' } }),
    ]) {
      const error = await failure(attempt);
      for (const part of [error, error.response, error.cause, error.config, error.request])
        // axios's own configs have no prototype, and so no text.
        if (part !== undefined && (print !== String || part instanceof Error)) expectNothingSecret(print(part));
    }
    expectNothingSecret(print(await client.fetch('/here?key=query-value')));
  });
});

it('shows a log entry without a token that comes back in a header that is harmless by name', async () => {
  const entries: unknown[] = [];
  const logger = { log: (...all: unknown[]) => entries.push(all), warn: () => undefined, error: () => undefined };
  await create({ logging: { headers: true, body: ['text'] } }, { logger }).get('/here');
  expectNothingSecret(inspect(entries, { depth: 10 }));
});

describe('a secret in the wrong option', () => {
  const secret = 'wrong-option-secret' as never;
  it.each<[string, () => unknown]>([
    ['ApiKeyAuth in', () => new ApiKeyAuth('key', { in: secret })],
    ['TokenAuth placement', () => new TokenAuth(manager(), { placement: secret })],
    ['CompositeAuth strategy', () => new CompositeAuth([new BearerAuth('x')], { strategy: secret })],
    ['InMemoryTokenStorage max', () => new InMemoryTokenStorage({ max: secret })],
    ['responseType', () => create().get('/', { responseType: secret })],
    ['timeoutMs', () => create().get('/', { timeoutMs: secret })],
    ['maxRedirects', () => create().get('/', { maxRedirects: secret })],
    ['maxContentLength', () => create().get('/', { maxContentLength: secret })],
    ['method', () => create().request({ method: `${String(secret)} x` })],
    ['fetch redirect', () => create().fetch('/', { redirect: secret })],
    ['auth placement', () => create({ auth: { provider: { fetchToken: secret }, placement: secret } }).get('/')],
    ['logging', () => create({ logging: secret }).get('/')],
    ['validateStatus', () => create({ validateStatus: secret }).get('/')],
  ])('%s is not in the message', async (_name, attempt) => {
    const error = await failure((async () => attempt())());
    expect(inspect(error, { depth: 10 })).not.toContain('wrong-option-secret');
  });
});

describe("a service's own headers and parameters that it echoes into the Location of a foreign origin", () => {
  const own = { headers: { 'x-service-key': 'service/key-77' }, params: { tenant: 'acme', api_key: 'query/key-88' } };

  it('a service’s own headers and parameters do not go along as parameters to a foreign origin whose Location echoes them', async () => {
    const { status } = await create(own).get('/query-away', { params: { mine: '1' } });
    expect(status).toBe(200);
    expect(elsewhere.requests.map(({ url }) => url)).toEqual(['/there?mine=1&kept=yes']);
  });

  it.each([
    ['an authenticated call', {}],
    ['a call without', { auth: false as const }],
  ])(
    'a service’s own headers and parameters do not go along to a foreign origin within another parameter, in %s',
    async (_name, config) => {
      await create(own)
        .get('/away', config)
        .catch(() => undefined);
      const urls = elsewhere.requests.map(({ url }) => decodeURIComponent(url)).join();
      expect(urls).not.toMatch(/key-77|key-88/);
    },
  );
});

function manager(): TokenManager {
  return new TokenManager({ provider: { fetchToken: async () => Promise.reject(new Error('never')) } });
}

function create(service: Partial<ForgeServiceOptions> = {}, options: object = {}): ForgeHttpClient {
  const client = createForgeClient(
    { name: 'printed', baseUrl: server.origin, auth: new BearerAuth(TOKEN), ...service },
    options,
  );
  clients.push(client);
  return client;
}

function expectNothingSecret(text: string): void {
  for (const secret of [TOKEN, 'cookie-value', 'query-value']) expect(text).not.toContain(secret);
}

async function failure(attempt: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  return attempt.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => error as Error & Record<string, unknown>,
  );
}
