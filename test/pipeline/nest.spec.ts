import { Inject, Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  type AuthenticationError,
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  ConfigurationError,
  ForgeAuthModule,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  getForgeClientToken,
  getTokenManagerToken,
  getTokenPipelineToken,
  InjectForgeClient,
  InjectTokenPipeline,
  PipelineTokenProvider,
  TokenFetchPipeline,
  type TokenManager,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { type Api, startApi } from '../support/api.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { parentStep } from './parent-step.js';

const nothing = (): void => undefined;
const silent = { log: nothing, warn: nothing, error: nothing };

let issuer: RecordingServer;
let api: Api;
let valid = new Set<string>();
let app: TestingModule | undefined;

beforeEach(async () => {
  valid = new Set();
  issuer = await startServer((request, response) => {
    const token = `${request.path.slice(1)}-${issuer.count(request.path)}-${request.headers['x-parent'] ?? ''}`;
    valid.add(token);
    json(response, 200, { access_token: token, expires_in: 600 });
  });
  api = await startApi((token) => valid.has(token));
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await api.close();
  await issuer.close();
});

const step = (name: string, parent?: string): BodyTokenFetcher => parentStep(issuer.origin, name, parent);

async function start(...services: ForgeServiceOptions[]): Promise<TestingModule> {
  app = await Test.createTestingModule({ imports: [ForgeAuthModule.forRoot({ services })] })
    .setLogger(silent)
    .compile();
  return app.init();
}

it('gives the very pipeline that the client uses, and the manager keeps no second copy', async () => {
  @Injectable()
  class Orders {
    constructor(
      @InjectForgeClient('orders') readonly client: ForgeHttpClient,
      @InjectTokenPipeline('orders') readonly pipeline: TokenFetchPipeline,
    ) {}
  }
  @Module({
    imports: [
      ForgeAuthModule.forFeature({
        name: 'orders',
        baseUrl: api.origin,
        auth: { pipeline: { steps: [step('app'), step('user', 'app')], refreshFromStep: 'user' } },
      }),
    ],
    providers: [Orders],
  })
  class OrdersModule {}
  app = await Test.createTestingModule({ imports: [OrdersModule] })
    .setLogger(silent)
    .compile();
  await app.init();
  const { client, pipeline } = app.get(Orders, { strict: false });
  expect(client.pipeline).toBe(pipeline);
  await client.get('/orders');
  expect(pipeline.describe().map(({ name, cached }) => [name, cached])).toEqual([
    ['app', true],
    ['user', true],
  ]);
  await pipeline.invalidateStep('app');
  expect(client.tokens?.peek()).toBeUndefined();
  await client.get('/orders');
  expect(issuer.requests.map(({ path }) => path)).toEqual(['/app', '/user', '/app', '/user']);
});

it('repairs the step that an error names, as a recipe', async () => {
  const handler = issuer.handler;
  const module = await start({
    name: 'orders',
    baseUrl: api.origin,
    auth: { pipeline: { steps: [step('app'), step('user', 'app')] } },
  });
  const client = module.get<ForgeHttpClient>(getForgeClientToken('orders'), { strict: false });
  const pipeline = module.get<TokenFetchPipeline>(getTokenPipelineToken('orders'), { strict: false });
  issuer.handler = (request, response) =>
    request.path === '/user' ? json(response, 400, { error: 'invalid_request' }) : handler(request, response);
  const error = await client.get('/orders').catch((reason: unknown) => reason as AuthenticationError);
  expect(error).toMatchObject({ step: 'user', serviceName: 'orders' });
  issuer.handler = handler;
  await pipeline.invalidateStep((error as AuthenticationError).step ?? '');
  expect((await client.get('/orders')).status).toBe(200);
  expect(issuer.count('/app')).toBe(1);
});

it('creates a step that is given as a class, with what it injects', async () => {
  const SETTINGS = 'SETTINGS';
  @Injectable()
  class InjectedFetcher extends BodyTokenFetcher {
    constructor(@Inject(SETTINGS) settings: { origin: string }) {
      super({ name: 'injected', baseUrl: settings.origin, endpoint: 'injected' });
    }
  }
  @Module({ providers: [InjectedFetcher, { provide: SETTINGS, useFactory: () => ({ origin: issuer.origin }) }] })
  class StepsModule {}
  app = await Test.createTestingModule({
    imports: [
      StepsModule,
      ForgeAuthModule.forRoot({
        services: [
          {
            name: 'orders',
            baseUrl: api.origin,
            auth: { pipeline: { steps: [step('last', 'injected'), InjectedFetcher] } },
          },
        ],
      }),
    ],
  })
    .setLogger(silent)
    .compile();
  await app.init();
  const client = app.get<ForgeHttpClient>(getForgeClientToken('orders'), { strict: false });
  await client.get('/orders');
  expect(issuer.requests.map(({ path }) => path)).toEqual(['/injected', '/last']);
  expect(client.pipeline?.stepNames).toEqual(['last', 'injected']);
});

describe('a grant as a step', () => {
  let endpoint: TokenEndpoint;

  beforeEach(async () => {
    endpoint = await startTokenEndpoint();
  });
  afterEach(() => endpoint.close());

  it("a grant as a step comes first, and a call of one's own uses its token", async () => {
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
    const module = await start({
      name: 'orders',
      baseUrl: api.origin,
      auth: { pipeline: { steps: [{ name: 'grant', provider }, step('user', 'grant')] } },
    });
    await module.get<ForgeHttpClient>(getForgeClientToken('orders'), { strict: false }).get('/orders');
    expect(endpoint.tokenRequests).toBe(1);
    expect(issuer.requests[0]?.headers['x-parent']).toBe(endpoint.issued[0]?.accessToken);
  });
});

it('runs one definition for two services with state of their own', async () => {
  const provider = new PipelineTokenProvider({
    pipeline: new TokenFetchPipeline({ steps: [step('app'), step('user', 'app')] }),
  });
  const module = await start(
    { name: 'one', baseUrl: api.origin, auth: { provider } },
    { name: 'two', baseUrl: api.origin, auth: { provider } },
  );
  const [one, two] = ['one', 'two'].map((name) =>
    module.get<TokenManager>(getTokenManagerToken(name), { strict: false }),
  );
  expect((await one?.getToken())?.accessToken).not.toBe((await two?.getToken())?.accessToken);
  expect(issuer.requests.length).toBe(4);
});

it('refuses a pipeline that cannot run when the app starts', async () => {
  const wrong = { steps: [step('a', 'b'), step('b', 'a')] };
  const starting = start({ name: 'orders', baseUrl: api.origin, auth: { pipeline: wrong } });
  await expect(starting).rejects.toThrow(ConfigurationError);
  await expect(starting).rejects.toMatchObject({ serviceName: 'orders' });
  await expect(
    start({ name: 'orders', baseUrl: api.origin, auth: { pipeline: { steps: [step('a')], refreshFromStep: 'x' } } }),
  ).rejects.toThrow(/"orders".*refreshFromStep "x" is no step. Steps: a/);
});

it('gives a service without a pipeline one that throws when it is used', async () => {
  const module = await start({ name: 'orders', baseUrl: api.origin });
  const pipeline = module.get<TokenFetchPipeline>(getTokenPipelineToken('orders'), { strict: false });
  await expect(pipeline.execute()).rejects.toThrow('Service "orders" has no pipeline.');
  expect(module.get<ForgeHttpClient>(getForgeClientToken('orders'), { strict: false }).pipeline).toBeUndefined();
});
