import { Test, type TestingModule } from '@nestjs/testing';
import {
  BodyTokenFetcher,
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  ConfigurationError,
  createForgeClient,
  ForgeAuthEvents,
  ForgeAuthModule,
  type ForgeAuthRootOptions,
  ForgeAuthService,
  InMemoryTokenStorage,
  type Telemetry,
} from 'nestjs-forge-auth';
import { FakeClock, ForgeTestingModule, TestIssuer } from 'nestjs-forge-auth/testing';
import { ForgeAuthRegistry } from '../../src/nest/forge-auth.registry.js';
import type { ForgeAuthEvent } from '../../src/observer.js';
import { recordingLogger } from '../support/recording-logger.js';
import { startServer } from '../support/recording-server.js';
import { render } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';

const SECRET = 'canary-client-secret';
/** Members of events that no clock and no random number decides. */
const SHOWN = new Set(['service', 'cause', 'outcome', 'status', 'attempt', 'attempts', 'sent']);
let issuer: TestIssuer;
let clock: FakeClock;
let app: TestingModule | undefined;
beforeEach(async () => {
  issuer = await TestIssuer.start();
  clock = new FakeClock();
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await issuer.close();
});

async function boot(options: ForgeAuthRootOptions): Promise<TestingModule> {
  app = await Test.createTestingModule({
    imports: [ForgeAuthModule.forRoot(options), ForgeTestingModule.forRoot({ clock, issuer })],
  }).compile();
  await app.init();
  return app;
}

const provider = (): ClientCredentialsTokenProvider =>
  new ClientCredentialsTokenProvider({ tokenUrl: issuer.tokenUrl, clientId: 'app', clientSecret: SECRET });

it('ForgeAuthService attaches a telemetry of the app, which hears what happens until the application closes', async () => {
  const { get } = await boot({
    storage: new InMemoryTokenStorage(),
    services: [{ name: 'orders', baseUrl: 'https://orders.example', auth: { provider: provider() } }],
  }).then((booted) => ({ get: booted.get.bind(booted) }));
  const heard: string[] = [];
  let ended = 0;
  get(ForgeAuthService).attach({
    attach: ({ observer, describe: state }) => {
      expect(typeof state).toBe('function');
      const leave = observer.watch({ event: ({ type, service }) => heard.push(`${service}: ${type}`) });
      return () => {
        leave();
        ended += 1;
      };
    },
  });
  await get(ForgeAuthService).tokens('orders').getToken();
  expect(heard).toContain('orders: token_request');
  expect(ended).toBe(0);
  await app?.close();
  expect(ended).toBe(1);
});

it.each<[string, unknown]>([
  ['an observer', { event: () => undefined }],
  [
    'a class',
    class Own implements Telemetry {
      attach = () => () => undefined;
    },
  ],
  ['nothing', undefined],
])('ForgeAuthService refuses to attach %s, and says how an observer is given', async (_what, given) => {
  const booted = await boot({ storage: new InMemoryTokenStorage() });
  const attach = () => booted.get(ForgeAuthService).attach(given as Telemetry);
  expect(attach).toThrow(ConfigurationError);
  expect(attach).toThrow('Give an observer as { attach: ({ observer }) => observer.add(yours) }.');
});

it('createForgeClient() refuses a telemetry that is none, by the name of the option', () => {
  expect(() => createForgeClient({ name: 'orders' }, { telemetry: { event: () => undefined } as never })).toThrow(
    'createForgeClient("orders"): telemetry must be a Telemetry, such as new ForgeTelemetry().',
  );
});

it('a telemetry that returns nothing to end it is named when the application closes', async () => {
  const logger = recordingLogger();
  const booted = await Test.createTestingModule({
    imports: [ForgeAuthModule.forRoot({ storage: new InMemoryTokenStorage() })],
  })
    .setLogger(logger)
    .compile();
  await booted.init();
  booted.get(ForgeAuthService).attach({ attach: () => undefined as unknown as () => void });
  await booted.close();
  expect(logger.warnings).toEqual(['A telemetry could not be ended: its attach() returned no function that ends it.']);
});

it('an observer is given the whole story of one call and of its tokens, in order', async () => {
  const api = await startServer((_request, res) => {
    res.statusCode = api.requests.length === 1 ? 401 : 200;
    res.end('{}');
  });
  try {
    const booted = await boot({
      storage: new InMemoryTokenStorage(),
      services: [{ name: 'orders', baseUrl: api.origin, auth: { provider: provider() } }],
    });
    const heard: string[] = [];
    const lineOf = ({ type, ...event }: ForgeAuthEvent): string =>
      [type, ...Object.entries(event).flatMap(([name, value]) => (SHOWN.has(name) ? [String(value)] : []))].join(' ');
    booted.get(ForgeAuthService).attach({
      attach: ({ observer }) => observer.add({ event: (event) => void heard.push(lineOf(event)) }),
    });
    await booted.get(ForgeAuthService).client('orders').get('/');
    expect(heard.filter((line) => !/^(?:storage|lock)/.test(line))).toEqual([
      'token_attempt orders 1 200',
      'token_request orders missing obtained',
      'token_wait orders',
      'attempt orders 1 401',
      'token_rejected orders',
      'token_attempt orders 1 200',
      'token_request orders rejection obtained',
      'token_wait orders',
      'token_served orders',
      'attempt orders 1 200',
      'call orders ok 1 2 200',
    ]);
  } finally {
    await api.close();
  }
});

describe('ForgeAuthService.describe()', () => {
  it('describes every service: where it is, its token, its circuit', async () => {
    const { get } = await boot({
      storage: new InMemoryTokenStorage(),
      services: [
        { name: 'plain', baseUrl: 'https://plain.example/api' },
        {
          name: 'orders',
          baseUrl: 'https://orders.example/v1/secret-path',
          auth: { provider: provider() },
          retry: new CircuitBreakerRetryStrategy(),
        },
      ],
    }).then((booted) => ({ get: booted.get.bind(booted) }));
    const service = get(ForgeAuthService);
    expect(service.describe()).toEqual({
      at: clock.now(),
      services: [
        { name: 'plain', origin: 'https://plain.example' },
        { name: 'orders', origin: 'https://orders.example', circuit: 'closed', token: { held: false, rejections: 0 } },
      ],
      storages: [
        {
          kind: 'InMemoryTokenStorage',
          state: 'up',
          writeState: 'up',
          lock: 'InProcessTokenLock',
          lockState: 'up',
          encrypted: false,
        },
      ],
    });
    const token = await service.tokens('orders').getToken();
    await clock.advance(60_000);
    expect(service.describe().services[1]?.token).toMatchObject({
      held: true,
      fingerprint: token.fingerprint.slice(0, 8),
      expiresAt: token.expiresAt,
      expiresInMs: 3_540_000,
    });
  });

  it('remembers the last renewal, failure, backoff and rejections, as they are observed', async () => {
    const { observer } = (await boot({ services: [{ name: 'orders', auth: { provider: provider() } }] })).get(
      ForgeAuthRegistry,
    );
    const service = (app as TestingModule).get(ForgeAuthService);
    const orders = { at: clock.now(), service: 'orders' };
    await service.tokens('orders').getToken();
    const request = { ...orders, type: 'token_request', grant: 'client_credentials', durationMs: 5 } as const;
    observer.emit({ ...request, cause: 'window', outcome: 'failed', shared: false, code: 'FORGE_AUTH_TOKEN_REFUSED' });
    observer.emit({ ...orders, type: 'backoff', until: clock.now() + 2_000 });
    observer.emit({ ...orders, type: 'token_rejected' });
    const token = () => service.describe().services[0]?.token;
    expect(token()).toMatchObject({
      lastFailure: { cause: 'window', code: 'FORGE_AUTH_TOKEN_REFUSED' },
      backoffUntil: clock.now() + 2_000,
    });
    await clock.advance(1_000);
    observer.emit({ ...request, at: clock.now(), cause: 'rejection', outcome: 'obtained', shared: true });
    expect(token()).toMatchObject({
      lastRenewal: { at: clock.now(), cause: 'rejection', grant: 'client_credentials', shared: true, durationMs: 5 },
      lastFailure: { recovered: true },
      ageMs: 0,
    });
    expect(token()).not.toHaveProperty('backoffUntil');
  });

  it('describes how long a failing issuer is left alone, and that it came back', async () => {
    const service = (await boot({ services: [{ name: 'orders', auth: { provider: provider() } }] })).get(
      ForgeAuthService,
    );
    const token = () => service.describe().services[0]?.token;
    issuer.failNext(20, { status: 400, error: 'unauthorized_client' });
    for (let attempt = 0; attempt < 2; attempt += 1)
      await service
        .tokens('orders')
        .getToken()
        .catch(() => undefined);
    expect(token()).toMatchObject({
      held: false,
      lastFailure: { code: 'FORGE_AUTH_TOKEN_REFUSED', cause: 'missing', recovered: false },
    });
    expect(token()?.backoffUntil).toBeGreaterThan(clock.now());
    issuer.reset();
    await clock.advance(60_000);
    await service.tokens('orders').getToken();
    expect(token()).toMatchObject({
      held: true,
      lastRenewal: { cause: 'missing', grant: 'client_credentials', shared: false },
      lastFailure: { recovered: true },
    });
    expect(token()).not.toHaveProperty('backoffUntil');
  });

  it('describes the usual token, not those that calls ask for with parameters of their own', async () => {
    const service = (await boot({ services: [{ name: 'orders', auth: { provider: provider() } }] })).get(
      ForgeAuthService,
    );
    await service.tokens('orders').getToken();
    const before = service.describe().services[0]?.token;
    await service.tokens('orders').getToken({ scope: 'other' });
    issuer.failNext(20, 'invalid_scope');
    await expect(service.tokens('orders').getToken({ scope: 'none' })).rejects.toMatchObject({
      error: 'invalid_scope',
    });
    expect(service.describe().services[0]?.token).toEqual(before);
  });

  it('pictures pipelines, and holds no secret in any form', async () => {
    const step = new BodyTokenFetcher({
      name: 'app_token',
      baseUrl: issuer.url,
      endpoint: '/token',
      requestData: { grant_type: 'client_credentials', client_id: 'app', client_secret: SECRET },
    });
    const service = (await boot({ services: [{ name: 'prices', auth: { pipeline: { steps: [step] } } }] })).get(
      ForgeAuthService,
    );
    const token = await service.tokens('prices').getToken();
    const state = service.describe();
    expect(state.services[0]?.pipeline).toMatchObject({
      steps: [{ name: 'app_token', cached: true }],
      mermaid: expect.stringContaining('app_token'),
    });
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    expectNoSecrets(render(state), [SECRET, token.accessToken]);
  });
});

describe('ForgeAuthEvents', () => {
  it('costs calls nothing until somebody subscribes, and nothing again when they have left', async () => {
    await boot({});
    const [events, { observer }] = [app?.get(ForgeAuthEvents), app?.get(ForgeAuthRegistry)] as [
      ForgeAuthEvents,
      ForgeAuthRegistry,
    ];
    expect(observer.active).toBe(false);
    const seen: unknown[] = [];
    const subscription = events.subscribe((event) => seen.push(event));
    const leave = events.on('circuit', ({ state }) => seen.push(state));
    const shaky = events.on('circuit', () => {
      throw new Error('a listener that fails');
    });
    expect(observer.active).toBe(true);
    const event = { type: 'circuit', at: 1, service: 'orders', state: 'open' } as const;
    observer.emit(event);
    observer.emit({ type: 'token_invalidated', at: 2, service: 'orders' });
    for (const end of [() => subscription.unsubscribe(), leave, shaky]) end();
    observer.emit(event);
    expect(seen).toEqual([event, 'open', { type: 'token_invalidated', at: 2, service: 'orders' }]);
    expect(observer.active).toBe(false);
  });

  it('an asynchronous listener whose promise rejects ends no process, nor do others miss the event', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', note);
    await boot({});
    const events = (app as TestingModule).get(ForgeAuthEvents);
    const seen: unknown[] = [];
    events.on('circuit', async () => {
      throw new Error('a listener that fails');
    });
    events.on('circuit', ({ state }) => void seen.push(state));
    const { observer } = (app as TestingModule).get(ForgeAuthRegistry);
    observer.emit({ type: 'circuit', at: 1, service: 'orders', state: 'open' });
    await new Promise(setImmediate);
    process.off('unhandledRejection', note);
    expect([rejections, seen]).toEqual([[], ['open']]);
  });
});
