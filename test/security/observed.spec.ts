import type { NestExpressApplication } from '@nestjs/platform-express';
import { TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import {
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  ForgeAuthEvents,
  ForgeAuthModule,
  ForgeAuthService,
  NoRetryStrategy,
  PasswordGrantTokenProvider,
  SimpleAuthRetryStrategy,
} from 'nestjs-forge-auth';
import { ForgeDashboardModule } from 'nestjs-forge-auth/dashboard';
import { ForgeTelemetryModule } from 'nestjs-forge-auth/opentelemetry';
import { ForgeAuthHealthIndicator } from 'nestjs-forge-auth/terminus';
import { TestIssuer } from 'nestjs-forge-auth/testing';
import { OtelWorld } from '../opentelemetry/world.js';
import { startServer } from '../support/recording-server.js';
import { render } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';

const CANARIES = {
  secret: 'canary-client-secret',
  password: 'canary-user-password',
  user: 'canary-user-name',
  path: 'canary-path-segment',
  query: 'canary-query-value',
  header: 'canary-header-value',
  description: 'canary-error-description',
  body: 'canary-answer-body',
};

it('no event, state, metric, span, health answer, dashboard page or stream holds a secret, whatever goes wrong', async () => {
  const otel = new OtelWorld();
  await using issuer = await TestIssuer.start({ refreshTokens: true });
  const api = await startServer((request, response) => {
    response.writeHead(issuer.isValid(request.headers['authorization']) ? 200 : 401).end(CANARIES.body);
  });
  const options = {
    tokenUrl: issuer.tokenUrl,
    clientId: 'app',
    clientSecret: CANARIES.secret,
    retry: new NoRetryStrategy(),
  };
  const { user: username, password } = CANARIES;
  const step = new BodyTokenFetcher({
    name: 'app_token',
    baseUrl: issuer.url,
    endpoint: '/token',
    requestData: { grant_type: 'client_credentials', client_id: 'app', client_secret: CANARIES.secret },
  });
  const retry = new SimpleAuthRetryStrategy();
  const baseUrl = api.origin;
  const module = await Test.createTestingModule({
    imports: [
      TerminusModule.forRoot({ logger: false }),
      ForgeAuthModule.forRoot({
        services: [
          { name: 'orders', baseUrl, auth: { provider: new ClientCredentialsTokenProvider(options), retry } },
          {
            name: 'profile',
            baseUrl,
            auth: { provider: new PasswordGrantTokenProvider({ ...options, username, password }), retry },
          },
          { name: 'prices', baseUrl, auth: { pipeline: { steps: [step] }, retry } },
        ],
      }),
      ForgeDashboardModule.forRoot({ guard: false }),
      ForgeTelemetryModule.forRoot({ meterProvider: otel.meterProvider, tracerProvider: otel.tracerProvider }),
    ],
    providers: [ForgeAuthHealthIndicator],
  }).compile();
  const app = module.createNestApplication<NestExpressApplication>({ logger: false });
  await app.listen(0, '127.0.0.1');
  const dashboard = `${await app.getUrl()}/forge-auth`;
  const shown: unknown[] = [];
  app.get(ForgeAuthEvents).subscribe((event) => shown.push(event));
  const services = app.get(ForgeAuthService);
  const stream = await fetch(`${dashboard}/events`);
  const look = async (): Promise<void> => {
    shown.push(services.describe(), await app.get(ForgeAuthHealthIndicator).check('tokens', { probe: true }));
    shown.push(await (await fetch(`${dashboard}/state`)).text());
  };
  const callAll = async (): Promise<void> => {
    for (const name of services.names())
      await services
        .client(name)
        .get(`/${CANARIES.path}?key=${CANARIES.query}`, { headers: { 'X-Key': CANARIES.header } })
        .catch(() => undefined);
  };

  await callAll();
  await look();
  issuer.revokeAll();
  await callAll();
  await look();
  await services.tokens('orders').invalidate();
  issuer.revokeAll({ refreshTokens: true });
  issuer.failNext(20, { status: 400, error: 'invalid_client', errorDescription: CANARIES.description });
  await callAll();
  await look();
  issuer.reset();
  issuer.answerMalformed(20, `{"access_token":"${CANARIES.body}`);
  for (const name of services.names()) await services.tokens(name).invalidate();
  await callAll();
  await look();
  const pages = Object.fromEntries(
    await Promise.all(
      ['', '/dashboard.js', '/dashboard.css'].map(
        async (path) => [path, await (await fetch(dashboard + path)).text()] as const,
      ),
    ),
  );
  await app.close();
  shown.push(await stream.text());
  shown.push(pages);
  const metrics = await otel.metrics();
  const spans = otel.spans.map(({ name, attributes, events, links, status }) => ({
    name,
    attributes,
    events,
    links,
    status,
  }));
  expect(new Set(spans.map(({ name }) => name))).toEqual(new Set(['GET', 'forge_auth.token_request']));
  expect(metrics.length).toBeGreaterThan(5);
  shown.push(metrics, spans);

  const kinds = new Set(shown.map((item) => (item as { type?: string }).type));
  expect([...kinds]).toEqual(
    expect.arrayContaining(['token_request', 'token_rejected', 'token_attempt', 'call', 'token_invalidated']),
  );
  expectNoSecrets(render(shown), [
    ...Object.values(CANARIES),
    ...issuer.issued.flatMap(({ accessToken, refreshToken }) => [
      accessToken,
      ...(refreshToken === undefined ? [] : [refreshToken]),
    ]),
  ]);
  await Promise.all([api.close(), otel.close()]);
});
