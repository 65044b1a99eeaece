import { context as otelContext, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  createForgeClient,
  ExponentialBackoffRetryStrategy,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  NoRetryStrategy,
  SimpleAuthRetryStrategy,
} from 'nestjs-forge-auth';
import { ForgeTelemetry, ForgeTelemetryModule, METRICS } from 'nestjs-forge-auth/opentelemetry';
import { FakeClock, ForgeTestingModule, TestIssuer } from 'nestjs-forge-auth/testing';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { render } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { OtelWorld } from './world.js';

const SECRET = 'canary-client-secret';
let otel: OtelWorld;
let issuer: TestIssuer;
let api: RecordingServer;
let app: TestingModule | undefined;
beforeEach(async () => {
  otel = new OtelWorld();
  issuer = await TestIssuer.start();
  api = await startServer((request, response) => {
    const valid = issuer.isValid(request.headers['authorization']);
    response.writeHead(valid ? 200 : 401).end();
  });
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await Promise.all([api.close(), issuer.close(), otel.close()]);
});

function orders(options: Partial<ForgeServiceOptions> = {}): ForgeServiceOptions {
  return {
    name: 'orders',
    baseUrl: api.origin,
    auth: {
      provider: new ClientCredentialsTokenProvider({
        tokenUrl: issuer.tokenUrl,
        clientId: 'app',
        clientSecret: SECRET,
        retry: new NoRetryStrategy(),
      }),
      retry: new SimpleAuthRetryStrategy(),
    },
    ...options,
  };
}

async function boot(service: ForgeServiceOptions = orders(), clock?: FakeClock): Promise<ForgeAuthService> {
  app = await Test.createTestingModule({
    imports: [
      ForgeAuthModule.forRoot({ services: [service] }),
      ForgeTestingModule.forRoot({ issuer, ...(clock === undefined ? undefined : { clock }) }),
      ForgeTelemetryModule.forRoot({ meterProvider: otel.meterProvider, tracerProvider: otel.tracerProvider }),
    ],
  }).compile();
  await app.init();
  return app.get(ForgeAuthService);
}

const named = (name: string): ReadableSpan[] => otel.spans.filter((span) => span.name === name);

const served = async (): Promise<unknown> => (await otel.points()).get('forge_auth.token.served')?.points;
const durations = async () => (await otel.points()).get('forge_auth.call.duration')?.points ?? [];
const freshly = (value: number) => [{ attributes: { service: 'orders', age: 'fresh' }, value }];
const standalone = () =>
  createForgeClient(orders(), { telemetry: new ForgeTelemetry({ meterProvider: otel.meterProvider }) });

describe('metrics', () => {
  it('metrics count token requests, served tokens, rejections and calls, and measure how long they take', async () => {
    const client = (await boot()).client('orders');
    await client.get('/orders/7?key=value');
    await client.get('/orders/8');
    issuer.revokeAll();
    await client.get('/orders/9');
    const metrics = await otel.points();
    const points = (name: string) => metrics.get(name)?.points ?? [];
    const service = 'orders';
    expect(points('forge_auth.token.requests')).toEqual([
      {
        attributes: { service, grant: 'client_credentials', cause: 'missing', outcome: 'obtained', shared: false },
        value: 1,
      },
      {
        attributes: { service, grant: 'client_credentials', cause: 'rejection', outcome: 'obtained', shared: false },
        value: 1,
      },
    ]);
    expect(points('forge_auth.token.renewals').map(({ attributes, value }) => [attributes['cause'], value])).toEqual([
      ['missing', 1],
      ['rejection', 1],
    ]);
    expect(points('forge_auth.token.request.duration')).toEqual([
      { attributes: { service, grant: 'client_credentials', outcome: 'obtained' }, value: 2, sum: expect.any(Number) },
    ]);
    expect(points('forge_auth.token.served')[0]?.attributes).toEqual({ service, age: 'fresh' });
    expect(points('forge_auth.token.served')[0]?.value).toBeGreaterThanOrEqual(2);
    expect(points('forge_auth.token.rejections')[0]?.value).toBe(1);
    expect(points('forge_auth.token.wait.duration')[0]).toMatchObject({ attributes: { service }, value: 2 });
    expect(points('forge_auth.call.duration')).toEqual([
      {
        attributes: { service, outcome: 'ok', 'http.request.method': 'GET', 'http.response.status_code': 200 },
        value: 3,
        sum: expect.any(Number),
      },
    ]);
    expect(points('forge_auth.token.expires_in')[0]).toMatchObject({ attributes: { service } });
    expect(points('forge_auth.token.expires_in')[0]?.value).toBeGreaterThan(3_500);
    expect(points('forge_auth.storage.state')).toEqual([{ attributes: { storage: 'InMemoryTokenStorage' }, value: 1 }]);
    expect(points('forge_auth.storage.command.duration').length).toBeGreaterThan(0);
  });

  it('metrics count the pauses in which a service rejects even new tokens, and not their ends', async () => {
    const client = (await boot()).client('orders');
    const { handler } = api;
    api.handler = (_request, response) => void response.writeHead(401).end();
    await client.get('/').catch(() => undefined);
    api.handler = handler;
    await client.get('/');
    const pauses = (await otel.points()).get('forge_auth.token.renewal_pauses')?.points;
    expect(pauses).toEqual([{ attributes: { service: 'orders' }, value: 1 }]);
  });

  it('metrics have the names and units, and no other attributes, than their reference says', async () => {
    const client = (
      await boot(
        orders({ retry: new CircuitBreakerRetryStrategy({ failureThreshold: 2, maxRetries: 1, baseDelayMs: 1 }) }),
      )
    ).client('orders');
    await client.get('/');
    issuer.revokeAll();
    issuer.failNext(9, 'invalid_client');
    await client.get('/').catch(() => undefined);
    const { handler } = api;
    api.handler = (_request, response) => void response.writeHead(503).end();
    await client.get('/', { auth: false }).catch(() => undefined);
    api.handler = handler;
    const metrics = await otel.points();
    expect(metrics.size).toBeGreaterThan(8);
    for (const [name, { unit, points }] of metrics) {
      const facts = METRICS[name as keyof typeof METRICS];
      expect({ name, unit }).toEqual({ name, unit: facts?.unit });
      const attributes = new Set(points.flatMap((point) => Object.keys(point.attributes)));
      expect({ name, more: [...attributes].filter((key) => !(facts.attributes as string[]).includes(key)) }).toEqual({
        name,
        more: [],
      });
    }
    expect(metrics.get('forge_auth.circuit.state')?.points).toEqual([{ attributes: { service: 'orders' }, value: 2 }]);
    expect(metrics.get('forge_auth.call.retries')?.points[0]?.value).toBe(1);
  });

  it('metrics are silent when the application has closed', async () => {
    await (await boot()).client('orders').get('/');
    await app?.close();
    app = undefined;
    const before = (await otel.points()).get('forge_auth.call.duration')?.points;
    expect(before?.[0]?.value).toBe(1);
  });
});

describe('served tokens', () => {
  it('served tokens add up over applications on one meter provider, and over collections', async () => {
    await using one = standalone();
    await using other = standalone();
    // The first call of each waits for a token.
    for (const client of [one, other, one, other, one, one]) await client.get('/');
    expect(await served()).toEqual(freshly(4));
    for (const client of [one, other, other]) await client.get('/');
    expect(await served()).toEqual(freshly(7));
    expect(await served()).toEqual(freshly(7));
  });

  it('served tokens stay counted when their application has closed before they were collected', async () => {
    const closed = standalone();
    for (let call = 0; call < 4; call += 1) await closed.get('/');
    await closed.close();
    expect(await served()).toEqual(freshly(3));
    await using next = standalone();
    for (let call = 0; call < 4; call += 1) await next.get('/');
    expect(await served()).toEqual(freshly(6));
  });
});

describe('durations of calls', () => {
  it('durations of calls are each recorded once, whenever they are collected, and when their application closes', async () => {
    const client = standalone();
    let made = 0;
    for (const upTo of [1, 2, 300, 300]) {
      await Promise.all(Array.from({ length: upTo - made }, () => client.get('/')));
      made = upTo;
      expect((await durations()).map(({ value }) => value)).toEqual([upTo]);
    }
    await client.get('/');
    await client.close();
    expect((await durations()).map(({ value }) => value)).toEqual([301]);
  });
});

describe('spans', () => {
  it.each(['a context manager', 'no context manager'])(
    'spans show resends, attempts and links with %s',
    async (manager) => {
      if (manager.startsWith('no')) otelContext.disable();
      const client = (await boot()).client('orders');
      await client.get('/');
      issuer.revokeAll();
      await client.get('/');
      const [first, second] = named('GET');
      const flights = named('forge_auth.token_request').map((span) => span.spanContext().spanId);
      expect([first, second].map((span) => span?.links.map((link) => link.context.spanId))).toEqual(
        flights.map((flight) => [flight]),
      );
      expect(second?.attributes['http.request.resend_count']).toBe(1);
      expect(named('forge_auth.token_request').map(({ events }) => events.length)).toEqual([1, 1]);
    },
  );

  it('spans of two telemetries of one application do not take each other’s events', async () => {
    const other = new OtelWorld();
    app = await Test.createTestingModule({
      imports: [
        ForgeAuthModule.forRoot({ services: [orders()] }),
        ForgeTelemetryModule.forRoot({ meterProvider: otel.meterProvider, tracerProvider: otel.tracerProvider }),
        ForgeTelemetryModule.forRoot({ meterProvider: other.meterProvider, tracerProvider: other.tracerProvider }),
      ],
    }).compile();
    await app.init();
    const client = app.get(ForgeAuthService).client('orders');
    await client.get('/');
    issuer.revokeAll();
    await client.get('/');
    for (const world of [otel, other]) {
      const calls = world.spans.filter(({ name }) => name === 'GET');
      expect(calls.map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([undefined, 1]);
      expect(calls.map(({ links }) => links.length)).toEqual([1, 1]);
      expect((await world.points()).get('forge_auth.call.duration')?.points.map(({ value }) => value)).toEqual([2]);
    }
    await other.close();
  });

  it('spans are one for a call, named by its method, and one for the flight that it waited for, linked', async () => {
    const client = (await boot()).client('orders');
    await Promise.all([client.get('/orders/7?key=value'), client.get('/orders/8')]);
    const [flight] = named('forge_auth.token_request');
    const calls = named('GET');
    expect([calls.length, named('forge_auth.token_request').length]).toEqual([2, 1]);
    expect(flight?.attributes).toEqual({
      'forge_auth.service': 'orders',
      'forge_auth.cause': 'missing',
      'forge_auth.grant': 'client_credentials',
      'forge_auth.outcome': 'obtained',
      'forge_auth.shared': false,
    });
    for (const call of calls) {
      expect(call.kind).toBe(SpanKind.INTERNAL);
      expect(call.attributes).toEqual({
        'forge_auth.service': 'orders',
        'forge_auth.token_wait_ms': expect.any(Number),
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'server.address': '127.0.0.1',
        'server.port': api.port,
        'url.scheme': 'http',
      });
      expect(call.links.map(({ context }) => context.spanId)).toEqual([flight?.spanContext().spanId]);
    }
    expect(flight?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
      ['token_attempt', { 'forge_auth.attempt': 1, 'http.response.status_code': 200 }],
    ]);
  });

  it('spans say of each request to the token endpoint how it was answered', async () => {
    const client = (await boot()).client('orders');
    issuer.failNext(1, { status: 503 });
    await expect(client.get('/')).rejects.toMatchObject({ status: 503 });
    await client.get('/');
    expect(named('forge_auth.token_request').map(({ events }) => events.map(({ attributes }) => attributes))).toEqual([
      [{ 'forge_auth.attempt': 1, 'http.response.status_code': 503 }],
      [{ 'forge_auth.attempt': 1, 'http.response.status_code': 200 }],
    ]);
  });

  it('spans count a replay with another token as sent again', async () => {
    const client = (await boot()).client('orders');
    await client.get('/');
    issuer.revokeAll();
    await client.get('/');
    expect(named('GET').map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([undefined, 1]);
  });

  it('spans count how often a call was sent again, and say how it failed', async () => {
    const retry = new ExponentialBackoffRetryStrategy({ maxRetries: 2, baseDelayMs: 1 });
    api.handler = (_request, response) => void response.writeHead(503).end();
    const client = (await boot(orders({ retry }))).client('orders');
    await client.get('/').catch(() => undefined);
    const [call] = named('GET');
    expect(call?.attributes).toMatchObject({
      'http.request.resend_count': 2,
      'http.response.status_code': 503,
      'error.type': '503',
    });
    expect(call?.status.code).toBe(SpanStatusCode.ERROR);
    expect(call?.events.map(({ name }) => name)).toEqual(['retry', 'retry']);
  });

  it('spans of a background refresh do not keep the span of the call open that started it', async () => {
    const clock = new FakeClock();
    issuer.expireIn(600_000);
    const client = (await boot(orders(), clock)).client('orders');
    await client.get('/');
    // In the refresh window, which is two minutes at most.
    await clock.advance(500_000);
    issuer.slowDown(300);
    await client.get('/');
    const call = named('GET')[1];
    expect(named('forge_auth.token_request')).toHaveLength(1);
    while (named('forge_auth.token_request').length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    const flight = named('forge_auth.token_request')[1];
    expect(flight?.attributes).toMatchObject({ 'forge_auth.cause': 'window', 'forge_auth.outcome': 'obtained' });
    expect(flight?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId);
    expect(call?.links).toEqual([]);
  });

  it('spans are made by the global provider, set before the application started or after', async () => {
    await using early = createForgeClient(orders(), { telemetry: new ForgeTelemetry() });
    await early.get('/');
    expect(named('GET')).toEqual([]);
    trace.setGlobalTracerProvider(otel.tracerProvider);
    await using late = createForgeClient(orders(), { telemetry: new ForgeTelemetry() });
    for (const client of [early, late]) {
      issuer.revokeAll();
      await client.get('/');
    }
    expect(named('GET').map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([1, undefined]);
    expect(named('forge_auth.token_request').map(({ events }) => events.length)).toEqual([1, 1]);
  });

  it('spans stand around what the app itself opens, outside Nest, too', async () => {
    const telemetry = new ForgeTelemetry({ meterProvider: otel.meterProvider, tracerProvider: otel.tracerProvider });
    await using client = createForgeClient(orders(), { telemetry });
    const tracer = otel.tracerProvider.getTracer('app');
    await tracer.startActiveSpan('work', async (span) => {
      await client.get('/');
      span.end();
    });
    const [work] = named('work');
    expect(named('GET')[0]?.parentSpanContext?.spanId).toBe(work?.spanContext().spanId);
    expect((await otel.points()).get('forge_auth.call.duration')?.points[0]?.value).toBe(1);
  });
});

it('no metric and no span holds a secret', async () => {
  const client = (await boot()).client('orders');
  await client.get('/secret-path/canary-path-id?token=canary-query-value');
  issuer.revokeAll();
  issuer.failNext(9, { status: 400, error: 'invalid_client', errorDescription: 'canary-description' });
  await client.get('/', { headers: { 'X-Key': 'canary-header-value' } }).catch(() => undefined);
  const metrics = await otel.points();
  const shown = otel.spans.map(({ name, attributes, events, links, status }) => ({
    name,
    attributes,
    events,
    links,
    status,
  }));
  const text = render({ metrics: [...metrics], shown });
  expect(shown.length).toBeGreaterThan(2);
  expectNoSecrets(text, [
    SECRET,
    ...issuer.issued.map(({ accessToken }) => accessToken),
    'canary-path-id',
    'canary-query-value',
    'canary-description',
    'canary-header-value',
  ]);
});
