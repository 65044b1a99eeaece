import { Controller, Get, Inject } from '@nestjs/common';
import { HealthCheckService, type HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import type { NestExpressApplication } from '@nestjs/platform-express';
import {
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
  InMemoryTokenStorage,
  NoRetryStrategy,
} from 'nestjs-forge-auth';
import { FakeClock, ForgeTestingModule, TestIssuer } from 'nestjs-forge-auth/testing';
import { ForgeAuthHealthIndicator } from 'nestjs-forge-auth/terminus';
import { startServer, type RecordingServer } from '../support/recording-server.js';
import { expectNoSecrets } from '../support/secrets.js';

const SECRET = 'canary-client-secret';

@Controller()
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(ForgeAuthHealthIndicator) private readonly tokens: ForgeAuthHealthIndicator,
  ) {}

  @Get('health')
  check(): unknown {
    return this.health.check([() => this.tokens.check('tokens')]);
  }

  @Get('ready')
  ready(): unknown {
    return this.health.check([() => this.tokens.check('tokens', { services: ['orders'], probe: true })]);
  }
}

/** A storage that a test can take down. */
class Fragile extends InMemoryTokenStorage {
  down = false;
  readOnly = false;
  override async get(key: string): Promise<string | undefined> {
    if (this.down) throw new Error('down');
    return super.get(key);
  }
  override async set(key: string, value: string, ttlMs?: number): Promise<void> {
    if (this.down) throw new Error('down');
    if (this.readOnly) throw new Error("READONLY You can't write against a read only replica.");
    await super.set(key, value, ttlMs);
  }
}

describe('ForgeAuthHealthIndicator', () => {
  let issuer: TestIssuer;
  let clock: FakeClock;
  let api: RecordingServer;
  let storage: Fragile;
  let app: NestExpressApplication;
  let url: string;

  beforeEach(async () => {
    issuer = await TestIssuer.start({ expiresInMs: 600_000 });
    clock = new FakeClock();
    storage = new Fragile();
    api = await startServer((_request, response) => void response.writeHead(500).end());
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: issuer.tokenUrl,
      clientId: 'app',
      clientSecret: SECRET,
      retry: new NoRetryStrategy(),
    });
    const module = await Test.createTestingModule({
      imports: [
        TerminusModule.forRoot({ logger: false }),
        ForgeTestingModule.forRoot({ clock, issuer }),
        ForgeAuthModule.forRoot({
          storage,
          services: [
            { name: 'orders', baseUrl: api.origin, auth: { provider } },
            {
              name: 'prices',
              baseUrl: api.origin,
              retry: new CircuitBreakerRetryStrategy({ failureThreshold: 1, maxRetries: 0 }),
            },
          ],
        }),
      ],
      controllers: [HealthController],
      providers: [ForgeAuthHealthIndicator],
    }).compile();
    app = module.createNestApplication<NestExpressApplication>({ logger: false });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterEach(async () => {
    await app.close();
    await issuer.close();
    await api.close();
  });

  async function ask(path = '/health') {
    const answer = await fetch(url + path);
    const text = await answer.text();
    expectNoSecrets(text, [SECRET, ...issuer.issued.map(({ accessToken }) => accessToken)]);
    return { http: answer.status, ...(JSON.parse(text) as { status: string; details: Record<string, unknown> }) };
  }

  it('ForgeAuthHealthIndicator is up before any token was asked for, and asks for none', async () => {
    expect(await ask()).toMatchObject({
      http: 200,
      status: 'ok',
      details: { tokens: { status: 'up', services: { orders: { status: 'up' }, prices: { status: 'up' } } } },
    });
    expect(issuer.requests).toEqual([]);
  });

  it('asks for a token when it is configured to, of the services that it is given', async () => {
    expect(await ask('/ready')).toMatchObject({
      http: 200,
      details: { tokens: { services: { orders: { status: 'up' } } } },
    });
    expect(issuer.tokenRequests).toBe(1);
    await ask('/ready');
    expect(issuer.tokenRequests).toBe(1);
  });

  it('ForgeAuthHealthIndicator is degraded while the service rejects even new tokens, until it accepts one', async () => {
    let status = 401;
    api.handler = (_request, response) => void response.writeHead(status).end('{}');
    const orders = app.get(ForgeAuthService).client('orders');
    await orders.get('/', { validateStatus: null });
    expect(issuer.tokenRequests).toBe(2);
    const reason = 'it rejects even new tokens';
    expect(await ask()).toMatchObject({
      details: { tokens: { services: { orders: { status: 'degraded', reason } } } },
    });
    status = 200;
    await orders.get('/');
    expect(issuer.tokenRequests).toBe(2);
    expect(await ask()).toMatchObject({ details: { tokens: { services: { orders: { status: 'up' } } } } });
  });

  it('ForgeAuthHealthIndicator is down, with a reason, when a token cannot be obtained', async () => {
    issuer.failNext(9, 'invalid_client');
    expect(await ask('/ready')).toMatchObject({
      http: 503,
      details: {
        tokens: {
          status: 'down',
          services: { orders: { status: 'down', reason: 'no token can be obtained (FORGE_AUTH_TOKEN_REFUSED)' } },
        },
      },
    });
    expect(await ask()).toMatchObject({ http: 503 });
    // Nobody has tried since: an app that gets no calls for being down would be down for ever.
    await clock.advance(60_000);
    expect(await ask()).toMatchObject({
      http: 200,
      details: {
        tokens: {
          services: {
            orders: { status: 'degraded', reason: 'the last token request failed (FORGE_AUTH_TOKEN_REFUSED)' },
          },
        },
      },
    });
  });

  it('ForgeAuthHealthIndicator is degraded while the token still works but cannot be renewed, and up when it can again', async () => {
    const tokens = app.get(ForgeAuthService).tokens('orders');
    await tokens.getToken();
    issuer.failNext(9, 'invalid_client');
    await tokens.forceRefresh().catch(() => undefined);
    expect(await ask()).toMatchObject({
      http: 200,
      status: 'degraded',
      details: {
        tokens: {
          status: 'degraded',
          services: {
            orders: {
              status: 'degraded',
              reason: 'its token still works, but cannot be renewed (FORGE_AUTH_TOKEN_REFUSED)',
            },
          },
        },
      },
    });
    issuer.reset();
    await clock.advance(60_000);
    await tokens.forceRefresh();
    expect(await ask()).toMatchObject({ status: 'ok' });
  });

  it('ForgeAuthHealthIndicator is degraded while the storage does not answer', async () => {
    storage.down = true;
    await app.get(ForgeAuthService).tokens('orders').getToken();
    expect(await ask()).toMatchObject({
      http: 200,
      status: 'degraded',
      details: { tokens: { storage: { status: 'degraded', reason: 'token storage (Fragile) is not answering' } } },
    });
  });

  it('ForgeAuthHealthIndicator is degraded while the storage takes no writes', async () => {
    storage.readOnly = true;
    const services = app.get(ForgeAuthService);
    await services.tokens('orders').getToken();
    expect(await ask()).toMatchObject({
      http: 200,
      status: 'degraded',
      details: { tokens: { storage: { status: 'degraded', reason: 'token storage (Fragile) takes no writes' } } },
    });
    expect(services.describe().storages[0]).toMatchObject({ state: 'up', writeState: 'down' });
  });

  it('ForgeAuthHealthIndicator is down while a circuit is open', async () => {
    await app
      .get(ForgeAuthService)
      .client('prices')
      .get('/')
      .catch(() => undefined);
    expect(await ask()).toMatchObject({
      http: 503,
      details: { tokens: { services: { prices: { status: 'down', reason: 'its circuit is open' } } } },
    });
  });

  it('refuses the name of a service that is not there', async () => {
    const indicator = app.get(ForgeAuthHealthIndicator);
    await expect(indicator.check('tokens', { services: ['nobody'] })).rejects.toThrow('No service is named "nobody"');
  });

  it('says up, degraded beside it, to a Terminus that knows no degraded', async () => {
    const session = { up: (data: object) => ({ tokens: { status: 'up', ...data } }) };
    const eleven = { check: () => session } as unknown as HealthIndicatorService;
    storage.down = true;
    const services = app.get(ForgeAuthService);
    await services.tokens('orders').getToken();
    expect(await new ForgeAuthHealthIndicator(services, eleven).check('tokens')).toMatchObject({
      tokens: { status: 'up', degraded: true, storage: { status: 'degraded' } },
    });
  });
});
