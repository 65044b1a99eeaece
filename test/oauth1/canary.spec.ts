import { inspect } from 'node:util';
import {
  createForgeClient,
  ExponentialBackoffRetryStrategy,
  type ForgeHttpClient,
  OAuth1Auth,
  OAuth1Flow,
} from 'nestjs-forge-auth';
import { firstValueFrom } from 'rxjs';
import { json, send } from '../support/answer.js';
import { type Capture, captureEverything } from '../support/capture.js';
import type { Handler } from '../support/recording-server.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { render } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';

/** A canary in each slot, written as secrets are. */
const CANARY = {
  clientSecret: 'cnry/client+secret word',
  token: 'cnry-token=value%1',
  tokenSecret: 'cnry&token&secret:é',
  requestToken: 'cnry-request-token-7',
  requestSecret: 'cnry-request-secret-8',
  verifier: 'cnry-verifier-word-9',
  accessToken: 'cnry-access-token-10',
  accessSecret: 'cnry-access-secret-11',
} as const;
const SECRETS = Object.values(CANARY);

const form = (): URLSearchParams => new URLSearchParams({ a: 'b' });

let server: RecordingServer;
let capture: Capture;
const shown: string[] = [];

beforeEach(async () => {
  server = await startServer((_request, response) => json(response, 200, {}));
  capture = captureEverything();
  shown.length = 0;
});

afterEach(async () => {
  capture.stop();
  await server.close();
});

const show = (...values: unknown[]): void => {
  for (const value of values) shown.push(render(value), inspect(value, { depth: 12, showHidden: true }));
};

/** Runs what may fail, and keeps the error. An answer is the service's own word, for the caller alone. */
async function keep(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => show(error));
}

function expectSilence(): void {
  capture.stop();
  expect(server.requests.length).toBeGreaterThan(0);
  expectNoSecrets([...shown, ...capture.lines].join('\n'), SECRETS);
}

const ANSWERS: [name: string, handler: Handler][] = [
  ['takes it', (_request, response) => json(response, 200, { ok: true })],
  [
    'refuses it, and quotes it',
    (request, response) =>
      json(
        response,
        401,
        { quoted: `${request.url} ${request.headers.authorization} ${request.text}` },
        { 'www-authenticate': `OAuth oauth_problem="signature_invalid", oauth_quoted="${CANARY.token}"` },
      ),
  ],
  ['breaks off', (_request, response) => void response.destroy()],
  ['fails', (request, response) => send(response, 500, request.text)],
  ['has another time', (_request, response) => json(response, 401, {}, { date: 'Thu, 01 Jan 2015 00:00:00 GMT' })],
  [
    'redirects it home',
    (request, response) =>
      request.path === '/new' ? json(response, 200, {}) : send(response, 307, '', { location: `/new?${request.url}` }),
  ],
];

describe.each(['header', 'query', 'body'] as const)('a signature in the %s', (placement) => {
  it.each(ANSWERS)('shows no secret where the service %s', async (_name, handler) => {
    server.handler = handler;
    for (const signatureMethod of ['HMAC-SHA1', 'PLAINTEXT'] as const) {
      const { clientSecret, token, tokenSecret } = CANARY;
      const auth = new OAuth1Auth({ clientId: 'client', clientSecret, token, tokenSecret, placement, signatureMethod });
      const client: ForgeHttpClient = createForgeClient(
        {
          name: 'photos',
          baseUrl: server.origin,
          auth,
          logging: { headers: true, body: true },
          retry: new ExponentialBackoffRetryStrategy({ maxRetries: 1, baseDelayMs: 1 }),
        },
        { logger: capture.logger },
      );
      await keep(client.post('/photos', form(), { idempotent: true }));
      await keep(client.axiosRef.post('/photos', form()));
      await keep(firstValueFrom(client.httpService.post('/photos', form())));
      await keep(client.fetch('/photos', { method: 'POST', body: form() }));
      await keep(client.get('/photos', { validateStatus: null }));
      show(client, auth);
      await client.close();
    }
    expectSilence();
  });
});

it('the three legs show no secret, in answers, errors, logs and storage', async () => {
  const storage = new Map<string, string>();
  const { clientSecret } = CANARY;
  const make = (): OAuth1Flow =>
    new OAuth1Flow({
      clientId: 'client',
      clientSecret,
      requestTokenUrl: `${server.origin}/initiate`,
      authorizationUrl: `${server.origin}/authorize`,
      accessTokenUrl: `${server.origin}/token`,
      storage,
      logger: capture.logger,
    });
  const tokens = [
    { oauth_token: CANARY.requestToken, oauth_token_secret: CANARY.requestSecret },
    { oauth_token: CANARY.accessToken, oauth_token_secret: CANARY.accessSecret },
  ].map((fields) => new URLSearchParams(fields).toString());
  server.handler = ({ path }, response) => send(response, 200, path === '/token' ? tokens[1] : tokens[0]);
  const flow = make();
  const request = await flow.requestToken();
  show(request, [...storage], { request }, JSON.stringify(request));
  show(await flow.handleCallback({ oauth_token: CANARY.requestToken, oauth_verifier: CANARY.verifier }));
  for (const [, handler] of ANSWERS) {
    server.handler = handler;
    await keep(flow.requestToken());
    await keep(make().accessToken({ token: CANARY.requestToken, verifier: CANARY.verifier }));
    const resumed = new OAuth1Flow({
      clientId: 'client',
      clientSecret,
      requestTokenUrl: `${server.origin}/initiate`,
      authorizationUrl: `${server.origin}/authorize`,
      accessTokenUrl: `${server.origin}/token`,
      token: CANARY.requestToken,
      tokenSecret: CANARY.requestSecret,
      storage,
    });
    await keep(resumed.accessToken(CANARY.verifier));
    show(resumed);
  }
  show(flow, [...storage]);
  expectSilence();
});
