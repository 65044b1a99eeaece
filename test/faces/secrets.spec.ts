import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { isAxiosError } from 'axios';
import { firstValueFrom } from 'rxjs';
import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  type ForgeHttpClient,
  type ForgeServiceOptions,
} from 'nestjs-forge-auth';
import { startApi } from '../support/api.js';
import { type Capture, captureEverything } from '../support/capture.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';

const SECRETS = {
  clientSecret: 'canary-client-secret-4711',
  accessToken: 'canary-access-token-4711',
  refreshToken: 'canary-refresh-token-4711',
  ownHeader: 'canary-own-header-4711',
  serviceHeader: 'canary-service-header-4711',
  cookie: 'canary-cookie-4711',
  query: 'canary-query-4711',
  body: 'canary-body-4711',
  answer: 'canary-answer-4711',
  password: 'canary-password-4711',
} as const;
const CANARIES = Object.values(SECRETS);

/** Sends secrets every way that the face knows. */
type Send = (client: ForgeHttpClient, path: string) => Promise<unknown>;

const headers = { cookie: `sid=${SECRETS.cookie}`, 'x-own': SECRETS.ownHeader };
const params = { q: SECRETS.query };
const data = { password: SECRETS.body };

const faces: [name: string, send: Send][] = [
  ['client.post', (client, path) => client.post(path, data, { headers, params })],
  ['axiosRef', (client, path) => client.axiosRef.post(path, data, { headers, params })],
  [
    'axiosRef with Basic credentials',
    (client, path) =>
      client.axiosRef.get(path, { headers, params, auth: { username: 'u', password: SECRETS.password } }),
  ],
  ['axiosRef with a form', (client, path) => client.axiosRef.postForm(path, data, { headers, params })],
  ['axiosRef for a stream', (client, path) => client.axiosRef.get(path, { headers, params, responseType: 'stream' })],
  ['httpService', (client, path) => firstValueFrom(client.httpService.post(path, data, { headers, params }))],
  ['fetch', (client, path) => posted(client, path)],
  ['fetch with a Request', (client, path) => posted(client, path, true)],
  [
    'requestMany',
    (client, path) => client.requestMany([{ url: path, method: 'POST', data, headers, params }], { failFast: true }),
  ],
];

const failures: [name: string, path: string][] = [
  ['a client error', '/400'],
  ['a server error', '/500'],
  ['a rejected token', '/401'],
  ['a body that is no JSON', '/broken'],
  ['a connection that breaks', '/reset'],
  ['an answer that never comes', '/hang'],
  ['a body that is too large', '/large'],
  ['a redirect in circles', '/loop'],
  ['another origin', 'http://elsewhere.invalid/x'],
];

describe.each(faces)('%s', (_name, send) => {
  let tokens: TokenEndpoint;
  let api: RecordingServer;
  let captured: Capture;
  let client: ForgeHttpClient;

  beforeAll(async () => {
    tokens = await startTokenEndpoint({
      clients: { orders: SECRETS.clientSecret },
      extra: { access_token: SECRETS.accessToken, refresh_token: SECRETS.refreshToken },
    });
    api = await startServer((request, response) => {
      const answer = JSON.stringify({ token: SECRETS.answer, echoed: request.headers, body: request.text });
      const secret = { 'set-cookie': `sid=${SECRETS.cookie}`, 'x-secret': SECRETS.answer };
      if (request.path === '/reset') return void response.socket?.resetAndDestroy();
      if (request.path === '/hang') return;
      if (request.path === '/loop')
        return void response.writeHead(302, { ...secret, location: `/loop?q=${SECRETS.query}` }).end();
      const status = Number(request.path.slice(1)) || 200;
      const body = request.path === '/broken' ? `{"half":"${SECRETS.answer}` : answer.padEnd(2_000);
      response.writeHead(status, { ...secret, 'content-type': 'application/json' }).end(body);
    });
  });

  beforeEach(() => {
    captured = captureEverything();
    client = createForgeClient(options(api.origin, tokens.url), { logger: captured.logger });
  });

  afterEach(async () => {
    captured.stop();
    await client.close();
  });

  afterAll(async () => {
    await Promise.all([api.close(), tokens.close()]);
  });

  it.each(failures)('shows no secret of %s', async (_failure, path) => {
    const target =
      path === '/large'
        ? createForgeClient({ ...options(api.origin, tokens.url), maxContentLength: 500 }, { logger: captured.logger })
        : client;
    const result: unknown = await send(target, path).catch((error: unknown) => error);
    captured.stop();
    if (result instanceof Error) {
      expectNoSecrets(renderError(result), CANARIES);
      if (isAxiosError(result)) expectRedacted(result);
    }
    expectNoSecrets(captured.text(), CANARIES);
    expect(captured.lines.length).toBeGreaterThan(path.startsWith('http') ? -1 : 1);
    if (target !== client) await target.close();
  });
});

it.each([false, true])('keeps secrets from the log of a Nest app, with asObject %s', async (asObject) => {
  const tokens = await startTokenEndpoint();
  const api = await startApi(tokens);
  const captured = captureEverything();
  const client = createForgeClient(
    {
      ...options(api.origin, tokens.url),
      auth: { provider: provider(tokens.url, 'test-client', 'test-client-secret') },
      logging: { headers: true, body: true, asObject },
    },
    { logger: new Logger('Orders') },
  );
  await client.post('/orders', data, { headers, params });
  await client.close();
  captured.stop();
  expectNoSecrets(captured.text(), [...CANARIES, tokens.issued[0]?.accessToken ?? '', 'test-client-secret']);
  expect(captured.text()).toMatch(/POST http:\/\/127\.0\.0\.1:\d+\/orders 200 in \d+ ms/);
  await Promise.all([api.close(), tokens.close()]);
});

/** Returns options whose hooks and log see everything, and log all that they are asked to. */
function options(baseUrl: string, tokenUrl: string): ForgeServiceOptions {
  const broken = (): never => {
    throw new Error(`a hook that says ${SECRETS.body}`);
  };
  return {
    name: 'orders',
    baseUrl,
    timeoutMs: 150,
    maxRedirects: 3,
    headers: { 'x-service': SECRETS.serviceHeader },
    logging: { headers: true, body: true, sensitiveKeys: ['x-more'] },
    hooks: { beforeRequest: broken, afterResponse: broken, onError: broken },
    auth: { provider: provider(tokenUrl, 'orders', SECRETS.clientSecret) },
  };
}

function provider(tokenUrl: string, clientId: string, clientSecret: string): ClientCredentialsTokenProvider {
  return new ClientCredentialsTokenProvider({ tokenUrl, clientId, clientSecret });
}

/** Checks the parts of an AxiosError: they may be printed, too. */
function expectRedacted(error: { config?: object; request?: unknown; response?: object; toJSON(): object }): void {
  const { config, request, response } = error;
  for (const part of [config, request, response, error.toJSON()]) {
    expectNoSecrets(`${inspect(part, { depth: 10, showHidden: true })}\n${JSON.stringify(part) ?? ''}`, CANARIES);
  }
  expect(request ?? {}).not.toHaveProperty('_header');
  const whole = { ...config } as { headers?: { authorization?: unknown } };
  expect(String(whole.headers?.authorization)).not.toContain(SECRETS.accessToken);
}

async function posted(client: ForgeHttpClient, path: string, asRequest = false): Promise<unknown> {
  const base = client.axiosRef.defaults.baseURL ?? '';
  const url = `${new URL(path, base).href}?q=${SECRETS.query}`;
  const init = { method: 'POST', headers: { ...headers }, body: JSON.stringify(data) };
  const response = await client.fetch(asRequest ? new Request(url, init) : url, asRequest ? undefined : init);
  return response.json();
}
