import { Test, type TestingModule } from '@nestjs/testing';
import {
  BodyTokenFetcher,
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  ExponentialBackoffRetryStrategy,
  ForgeAuthModule,
  ForgeAuthService,
  PasswordGrantTokenProvider,
} from 'nestjs-forge-auth';
import { FakeClock, ForgeTestingModule, TestIssuer } from 'nestjs-forge-auth/testing';
import { type RecordingServer, startServer } from '../support/recording-server.js';

const HOUR_MS = 3_600_000;
const client = { clientId: 'app', clientSecret: 'app-secret' };

let issuer: TestIssuer;
let api: RecordingServer;
let clock: FakeClock;
let app: TestingModule;
let services: ForgeAuthService;
/** Statuses that the API answers next; 200 afterwards. */
let statuses: number[];
beforeEach(async () => {
  statuses = [];
  issuer = await TestIssuer.start({ expiresInMs: 600_000 });
  api = await startServer((_request, response) => void response.writeHead(statuses.shift() ?? 200).end());
  clock = new FakeClock();
  const { tokenUrl } = issuer;
  const { origin: baseUrl } = api;
  const step = (name: string, ttlMs: number, dependsOn: string[] = []): BodyTokenFetcher =>
    new BodyTokenFetcher({
      name,
      ttlMs,
      dependsOn,
      baseUrl: issuer.url,
      endpoint: '/token',
      // The lifetime of the step is its own, not what the answer says.
      expiresInField: 'none',
      requestData: { grant_type: 'client_credentials', client_id: name, client_secret: 'app-secret' },
    });
  app = await Test.createTestingModule({
    imports: [
      ForgeAuthModule.forRoot({
        services: [
          { name: 'orders', baseUrl, auth: { provider: new ClientCredentialsTokenProvider({ tokenUrl, ...client }) } },
          {
            name: 'mail',
            baseUrl,
            auth: {
              provider: new PasswordGrantTokenProvider({
                tokenUrl,
                ...client,
                username: 'ada',
                password: 'a-password',
              }),
            },
          },
          {
            name: 'prices',
            baseUrl,
            auth: {
              pipeline: { steps: [step('app_token', 24 * HOUR_MS), step('user_token', HOUR_MS, ['app_token'])] },
            },
          },
          {
            name: 'patient',
            baseUrl,
            retry: new ExponentialBackoffRetryStrategy({
              maxRetries: 2,
              baseDelayMs: 60_000,
              maxDelayMs: HOUR_MS,
              jitter: false,
            }),
            timeoutMs: HOUR_MS,
            totalTimeoutMs: 24 * HOUR_MS,
          },
          {
            name: 'fragile',
            baseUrl,
            retry: new CircuitBreakerRetryStrategy({ maxRetries: 0, failureThreshold: 1, recoveryTimeoutMs: HOUR_MS }),
          },
        ],
      }),
      ForgeTestingModule.forRoot({ clock, issuer }),
    ],
  }).compile();
  await app.init();
  services = app.get(ForgeAuthService);
});
afterEach(async () => {
  await app.close();
  await Promise.all([issuer.close(), api.close()]);
});

async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo() && waited < 2_000; waited += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(isSo()).toBe(true);
}

/** Fetches at the issuer, by what was asked for and by whom. */
const fetches = () =>
  issuer.requests.map(({ grantType, form }) => [grantType, form['client_id']].filter(Boolean).join(' '));

it('a token is renewed in the background as the clock says, and calls keep the old one meanwhile', async () => {
  const orders = services.client('orders');
  await orders.get('/');
  await clock.advance(470_000);
  await orders.get('/');
  expect(issuer.tokenRequests).toBe(1);
  // Due for certain: two minutes before its end, less than a fifth of them at random.
  await clock.advance(25_000);
  await orders.get('/');
  await until(() => issuer.issued.length === 2);
  await until(() => services.describe().services[0]?.token?.lastRenewal?.cause === 'window');
  await orders.get('/');
  const sent = api.requests.map(({ headers }) => headers['authorization']);
  const [first, second] = issuer.issued.map(({ accessToken }) => `Bearer ${accessToken}`);
  expect(sent).toEqual([first, first, first, second]);
});

it('refresh tokens are used when the clock has gone on, and the grant where their issuer forgot them', async () => {
  const mail = services.client('mail');
  await mail.get('/');
  await clock.advance(HOUR_MS);
  await mail.get('/');
  issuer.revokeAll({ refreshTokens: true });
  await clock.advance(HOUR_MS);
  await mail.get('/');
  expect(issuer.requests.map(({ grantType }) => grantType)).toEqual([
    'password',
    'refresh_token',
    'refresh_token',
    'password',
  ]);
  expect(issuer.refreshTokenReuses).toBe(0);
});

it('steps of a pipeline live as long as the clock says, each its own time', async () => {
  const prices = services.client('prices');
  await prices.get('/');
  await prices.get('/');
  expect(fetches()).toEqual(['client_credentials app_token', 'client_credentials user_token']);
  await clock.advance(2 * HOUR_MS);
  await prices.get('/');
  expect(fetches().slice(2)).toEqual(['client_credentials user_token']);
  await clock.advance(25 * HOUR_MS);
  await prices.get('/');
  expect(fetches().slice(3)).toEqual(['client_credentials app_token', 'client_credentials user_token']);
});

it('retries wait by the clock, as long as it is not moved', async () => {
  statuses = [503];
  const call = services.client('patient').get('/', { auth: false });
  await until(() => clock.nextIn === 60_000);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(api.requests).toHaveLength(1);
  await clock.advance(59_999);
  expect(api.requests).toHaveLength(1);
  await clock.advance(1);
  expect(await call).toMatchObject({ status: 200, attempts: 2 });
});

it('a circuit recovers by the clock', async () => {
  statuses = [500];
  const fragile = services.client('fragile');
  await expect(fragile.get('/')).rejects.toMatchObject({ status: 500 });
  await clock.advance(HOUR_MS - 1);
  await expect(fragile.get('/')).rejects.toMatchObject({ code: 'FORGE_AUTH_CIRCUIT_OPEN' });
  await clock.advance(1);
  expect((await fragile.get('/')).status).toBe(200);
  expect(services.describe().services.at(-1)?.circuit).toBe('closed');
});
