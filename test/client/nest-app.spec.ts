import { Controller, Get, Inject, Injectable, Module, Param, Post, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { INestApplication } from '@nestjs/common';
import {
  ApiKeyAuth,
  BasicAuth,
  ClientCredentialsTokenProvider,
  ClientClosedError,
  ExponentialBackoffRetryStrategy,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  InjectForgeClient,
} from 'nestjs-forge-auth';
import { type Api, startApi } from '../support/api.js';
import { give } from '../support/answer.js';
import { type Capture, captureEverything } from '../support/capture.js';
import type { RecordingServer } from '../support/recording-server.js';
import { expectNoSecrets } from '../support/secrets.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { rejection, until } from '../support/async.js';
import { Wire } from './wire.js';

const wire = new Wire();
const SECRETS = { key: 'canary-api-key-value', password: 'canary-password-value', body: 'canary-body-value' };

@Injectable()
class Shop {
  constructor(
    @InjectForgeClient('orders') private readonly orders: ForgeHttpClient,
    @InjectForgeClient('files') private readonly files: ForgeHttpClient,
    @InjectForgeClient('legacy') private readonly legacy: ForgeHttpClient,
  ) {}

  async order(id: string): Promise<unknown> {
    return (await this.orders.get(`/orders/${id}`, { params: { q: SECRETS.body } })).data;
  }

  async upload(): Promise<number> {
    const form = new FormData();
    form.append('file', new Blob([SECRETS.body]), 'a.txt');
    return (await this.files.post('/files', form)).status;
  }

  async export(): Promise<number> {
    return (await this.legacy.put('/export', { secret: SECRETS.body })).status;
  }
}

@Controller()
class ShopController {
  constructor(@Inject(Shop) private readonly shop: Shop) {}

  @Get('orders/:id')
  order(@Param('id') id: string): Promise<unknown> {
    return this.shop.order(id);
  }

  @Post('upload')
  upload(): Promise<number> {
    return this.shop.upload();
  }

  @Post('export')
  export(): Promise<number> {
    return this.shop.export();
  }
}

let endpoint: TokenEndpoint;
let orders: Api;
let files: RecordingServer;
let legacy: RecordingServer;
let capture: Capture;
let app: INestApplication;
let origin: string;

function services(): ForgeServiceOptions[] {
  return [
    {
      name: 'orders',
      baseUrl: orders.origin,
      auth: { provider: new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT }) },
    },
    { name: 'files', baseUrl: files.origin, auth: new ApiKeyAuth(async () => SECRETS.key, { in: 'query' }) },
    {
      name: 'legacy',
      baseUrl: legacy.origin,
      auth: new BasicAuth('alice', () => SECRETS.password),
      logging: { headers: true, body: true },
      retry: new ExponentialBackoffRetryStrategy({ baseDelayMs: 1 }),
    },
  ];
}

function moduleOf(defaults: { logging: boolean }): Type {
  @Module({
    imports: [ForgeAuthModule.forRoot({ defaults, services: services() })],
    controllers: [ShopController],
    providers: [Shop],
  })
  class AppModule {}
  return AppModule;
}

beforeEach(async () => {
  endpoint = wire.closeLater(await startTokenEndpoint());
  orders = wire.closeLater(await startApi(endpoint));
  files = await wire.server();
  legacy = await wire.server();
  capture = captureEverything();
  const testing = await Test.createTestingModule({ imports: [moduleOf({ logging: true })] }).compile();
  app = testing.createNestApplication();
  app.useLogger(capture.logger);
  await app.listen(0, '127.0.0.1');
  origin = (await app.getUrl()).replace('[::1]', '127.0.0.1');
});
afterEach(async () => {
  capture.stop();
  await app.close();
  await wire.close();
});

it('a Nest app calls services that are each protected differently', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, (_, id) => fetch(`${origin}/orders/${id}`)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(orders.server.count('/orders/')).toBe(100);
  expect([endpoint.tokenRequests, orders.unauthorized]).toEqual([1, 0]);
  await expect(fetch(`${origin}/upload`, { method: 'POST' }).then((answer) => answer.text())).resolves.toBe('200');
  expect(files.requests[0]?.query.get('X-API-Key')).toBe(SECRETS.key);
  await fetch(`${origin}/export`, { method: 'POST' });
  const basic = `Basic ${Buffer.from(`alice:${SECRETS.password}`).toString('base64')}`;
  expect(legacy.requests[0]?.headers.authorization).toBe(basic);
});

it('a Nest app keeps working when the token is revoked', async () => {
  await fetch(`${origin}/orders/1`);
  endpoint.revokeAll();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, id) => fetch(`${origin}/orders/${id}`)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(endpoint.tokenRequests).toBe(2);
});

it('one line is logged for each request that is sent, through Nest’s Logger, without a secret', async () => {
  await fetch(`${origin}/orders/7`);
  await fetch(`${origin}/upload`, { method: 'POST' });
  const statuses = [503, 200];
  legacy.handler = (_request, response) =>
    give(response, { status: statuses[legacy.count() - 1] ?? 500, json: { token: SECRETS.key, secret: SECRETS.body } });
  await fetch(`${origin}/export`, { method: 'POST' });
  legacy.handler = (_request, response) => give(response, 'reset');
  await rejection(app.get(ForgeAuthService).client('legacy').post('/lost', { password: SECRETS.password }));
  const text = capture.text();
  expect(text).toMatch(new RegExp(`logger\\.log: GET ${orders.origin}/orders/7 200 in \\d+ ms \\(attempt 1, `));
  expect(text).toMatch(new RegExp(`logger\\.log: POST ${files.origin}/files 200 in `));
  expect(text).toMatch(new RegExp(`logger\\.log: PUT ${legacy.origin}/export 503 in \\d+ ms \\(attempt 1, `));
  expect(text).toMatch(new RegExp(`logger\\.log: PUT ${legacy.origin}/export 200 in \\d+ ms \\(attempt 2, `));
  expect(text).toMatch(new RegExp(`logger\\.warn: POST ${legacy.origin}/lost failed \\(FORGE_AUTH_CONNECTION\\) in `));
  const token = endpoint.issued[0]?.accessToken ?? '';
  expectNoSecrets(text, [...Object.values(SECRETS), token, CLIENT.clientSecret]);
});

it('a Nest app that closes lets go of every connection, and its clients refuse further calls', async () => {
  await fetch(`${origin}/orders/1`);
  await fetch(`${origin}/upload`, { method: 'POST' });
  const client = app.get(ForgeAuthService).client('orders');
  await app.close();
  const servers = [orders.server, files, legacy, endpoint.server];
  await until(() => servers.every(({ openConnections }) => openConnections === 0), 'connections are closed');
  await expect(client.get('/')).rejects.toBeInstanceOf(ClientClosedError);
});
