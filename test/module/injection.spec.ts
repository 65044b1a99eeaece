import { Global, Inject, Injectable, Module, type OnModuleInit, Scope, type Type } from '@nestjs/common';
import type { INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import {
  ApiKeyAuth,
  type AuthenticatedRequest,
  type Authenticator,
  ClientCredentialsTokenProvider,
  ConfigurationError,
  ForgeAuthModule,
  ForgeAuthService,
  ForgeHttpClient,
  type ForgeServiceOptions,
  getForgeClientToken,
  getTokenManagerToken,
  getTokenPipelineToken,
  getTokenProviderToken,
  InjectForgeClient,
  InjectTokenManager,
  InjectTokenPipeline,
  InjectTokenProvider,
  StaticTokenProvider,
  Token,
  TokenFetchPipeline,
  TokenManager,
  type TokenProvider,
  type TokenRequestContext,
} from 'nestjs-forge-auth';
import { type Api, startApi } from '../support/api.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { rejection, times } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { boot, bootFailure } from './boot.js';

let endpoint: TokenEndpoint;
let api: Api;
const apps: INestApplicationContext[] = [];

beforeEach(async () => {
  endpoint = await startTokenEndpoint();
  api = await startApi(endpoint);
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await api.close();
  await endpoint.close();
});

async function start(metadata: ModuleMetadata, logger = recordingLogger()): Promise<INestApplicationContext> {
  const app = await boot(metadata, { logger });
  apps.push(app);
  return app;
}

function provider(): ClientCredentialsTokenProvider {
  return new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
}

function service(name: string, auth: ForgeServiceOptions['auth'] = { provider: provider() }): ForgeServiceOptions {
  return { name, baseUrl: api.origin, ...(auth === undefined ? undefined : { auth }) };
}

function moduleOf(metadata: ModuleMetadata): Type {
  class Anonymous {}
  Module(metadata)(Anonymous);
  return Anonymous;
}

const rootOf = (...services: ForgeServiceOptions[]): ReturnType<typeof ForgeAuthModule.forRoot> =>
  ForgeAuthModule.forRoot({ services });

describe('the decorators', () => {
  it('the decorators inject client, manager and pipeline of a service, into constructors and properties', async () => {
    @Injectable()
    class Shop {
      @InjectForgeClient('orders') readonly property!: ForgeHttpClient;
      @InjectTokenManager('orders') readonly managerProperty!: TokenManager;

      constructor(
        @InjectForgeClient('orders') readonly client: ForgeHttpClient,
        @InjectTokenManager('orders') readonly tokens: TokenManager,
        @InjectTokenPipeline('orders') readonly pipeline: TokenFetchPipeline,
      ) {}
    }
    const app = await start({ imports: [rootOf(service('orders'))], providers: [Shop] });
    const shop = app.get(Shop);
    expect(shop.client).toBeInstanceOf(ForgeHttpClient);
    expect(shop.tokens).toBeInstanceOf(TokenManager);
    expect(shop.pipeline).toBeInstanceOf(TokenFetchPipeline);
    expect([shop.property, shop.managerProperty]).toEqual([shop.client, shop.tokens]);
    expect(shop.client.tokens).toBe(shop.tokens);
    const token = await shop.tokens.getToken();
    await shop.client.get('/orders');
    expect([api.tokens, endpoint.tokenRequests]).toEqual([[token.accessToken], 1]);
  });

  it('the decorators have tokens for useFactory and for tests', async () => {
    const app = await start({
      imports: [rootOf(service('orders'))],
      providers: [
        {
          provide: 'ALL',
          inject: [getForgeClientToken('orders'), getTokenManagerToken('orders'), getTokenPipelineToken('orders')],
          useFactory: (...all: unknown[]) => all,
        },
      ],
    });
    expect(app.get<unknown[]>('ALL').map((one) => (one as object).constructor)).toEqual([
      ForgeHttpClient,
      TokenManager,
      TokenFetchPipeline,
    ]);
  });

  it('the decorators distinguish the tokens of clients, managers and pipelines, whatever a service is named', () => {
    const names = ['a', 'a:b', 'FORGE_CLIENT:a', ''];
    const tokens = names.flatMap((name) => [
      getForgeClientToken(name),
      getTokenManagerToken(name),
      getTokenPipelineToken(name),
    ]);
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  it.each([undefined, null, 7, Symbol('orders'), Object.create(null)])(
    'the decorators, and those who register a service, refuse a name that is no text: %p',
    (name: never) => {
      const named = [
        InjectForgeClient,
        InjectTokenManager,
        InjectTokenPipeline,
        InjectTokenProvider,
        getForgeClientToken,
        getTokenManagerToken,
        getTokenPipelineToken,
        getTokenProviderToken,
        (of: never) => ForgeAuthModule.forFeature({ name: of, baseUrl: 'https://orders.example' }),
      ];
      for (const of of named) {
        expect(() => of(name)).toThrow(ConfigurationError);
        expect(() => of(name)).toThrow('The name of a service must be a text, and is ');
      }
    },
  );

  it('the decorators give a client that works in onModuleInit of those who inject it', async () => {
    @Injectable()
    class Early implements OnModuleInit {
      status = 0;

      constructor(@InjectForgeClient('orders') private readonly client: ForgeHttpClient) {}

      async onModuleInit(): Promise<void> {
        this.status = (await this.client.get('/orders')).status;
      }
    }
    const early = moduleOf({ providers: [Early] });
    for (const imports of [
      [early, rootOf(service('orders'))],
      [rootOf(service('orders')), early],
      [
        moduleOf({
          imports: [moduleOf({ imports: [ForgeAuthModule.forFeature(service('orders'))], providers: [Early] })],
        }),
      ],
    ]) {
      const app = await start({ imports });
      expect(app.get(Early, { strict: false }).status).toBe(200);
    }
    expect(endpoint.tokenRequests).toBe(3);
  });
});

describe('ForgeAuthService', () => {
  it('finds clients, managers and names at run time: the very ones that are injected', async () => {
    const app = await start({
      imports: [
        rootOf(service('orders')),
        moduleOf({ imports: [ForgeAuthModule.forFeature(service('customers', new ApiKeyAuth('a-key')))] }),
      ],
    });
    const services = app.get(ForgeAuthService);
    expect(services.names().toSorted()).toEqual(['customers', 'orders']);
    for (const name of services.names()) {
      expect(services.client(name)).toBe(app.get(getForgeClientToken(name), { strict: false }));
    }
    expect(services.tokens('orders')).toBe(app.get(getTokenManagerToken('orders'), { strict: false }));
  });

  it('ForgeAuthService is injectable in every module, without an import', async () => {
    @Injectable()
    class Report {
      constructor(@Inject(ForgeAuthService) readonly services: ForgeAuthService) {}
    }
    const feature = moduleOf({ imports: [ForgeAuthModule.forFeature(service('orders'))] });
    const app = await start({ imports: [feature, moduleOf({ providers: [Report] })] });
    expect(app.get(Report, { strict: false }).services.names()).toEqual(['orders']);
  });

  it('refuses a name that it does not know, and lists those that it does', async () => {
    const app = await start({ imports: [rootOf(service('orders'), service('customers'))] });
    const services = app.get(ForgeAuthService);
    for (const ask of [() => services.client('ordres'), () => services.tokens('ordres')]) {
      expect(ask).toThrow(ConfigurationError);
      expect(ask).toThrow('No service is named "ordres". Registered: orders, customers.');
    }
    expect(services.names()).not.toContain('ordres');
  });
});

describe('a manager', () => {
  it('a manager that is given as an instance serves several services with one token', async () => {
    const tokenManager = new TokenManager({ name: 'shared', provider: provider() });
    const app = await start({
      imports: [rootOf(service('orders', { tokenManager }), service('customers', { tokenManager }))],
    });
    const services = app.get(ForgeAuthService);
    await Promise.all(times(20, (index) => services.client(index % 2 === 0 ? 'orders' : 'customers').get('/a')));
    expect([endpoint.tokenRequests, new Set(api.tokens).size, api.tokens.length]).toEqual([1, 1, 20]);
    expect(services.tokens('orders')).toBe(tokenManager);
    expect(services.tokens('customers')).toBe(tokenManager);
    await app.close();
    // Whoever made it closes it.
    await expect(tokenManager.getToken()).resolves.toMatchObject({ accessToken: api.tokens[0] });
    await tokenManager.close();
  });

  it('a manager that is given by the name of its service serves several, in whatever order they stand', async () => {
    const owner = service('owner');
    const shared = ['first', 'second'].map((name) => service(name, { tokenManager: 'owner' }));
    for (const services of [
      [owner, ...shared],
      [...shared, owner],
    ]) {
      const app = await start({ imports: services.map((one) => ForgeAuthModule.forFeature(one)) });
      const before = endpoint.tokenRequests;
      for (const name of ['first', 'owner', 'second']) await app.get(ForgeAuthService).client(name).get('/a');
      expect(endpoint.tokenRequests - before).toBe(1);
    }
  });

  it('a manager that is shared renews once for all of them', async () => {
    const app = await start({ imports: [rootOf(service('owner'), service('second', { tokenManager: 'owner' }))] });
    const [owner, second] = ['owner', 'second'].map((name) => app.get(ForgeAuthService).client(name));
    await owner?.get('/a');
    endpoint.revokeAll();
    await Promise.all(times(10, (index) => (index % 2 === 0 ? owner : second)?.get('/a')));
    expect(endpoint.tokenRequests).toBe(2);
  });

  it('a manager that is shared over several services leads to its owner', async () => {
    const chain = ['a', 'b', 'c'].map((name, index, names) =>
      service(name, { tokenManager: names[index + 1] ?? 'owner' }),
    );
    const app = await start({ imports: [rootOf(...chain, service('owner'))] });
    for (const name of ['a', 'b', 'c', 'owner']) await app.get(ForgeAuthService).client(name).get('/a');
    expect(endpoint.tokenRequests).toBe(1);
  });

  it.each<[string, [name: string, shares: string][], RegExp]>([
    ['itself', [['a', 'a']], /Service "a": auth\.tokenManager names a circle: a → a\./],
    [
      'a circle of three',
      [
        ['a', 'b'],
        ['b', 'c'],
        ['c', 'a'],
      ],
      /Service "a": auth\.tokenManager names a circle: a → b → c → a\./,
    ],
    [
      'a service that is not there',
      [['a', 'b']],
      /Service "a": auth\.tokenManager names service "b", which is not there\./,
    ],
  ])('a manager of %s is refused at the start', async (_name, pairs, problem) => {
    const services = pairs.map(([name, tokenManager]) => service(name, { tokenManager }));
    const error = await bootFailure({ imports: [rootOf(...services)] });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ serviceName: 'a' });
    expect(error.message).toMatch(problem);
  });

  it('a manager of a service without tokens throws when it is used, not before', async () => {
    const app = await start({
      imports: [rootOf({ name: 'bare', baseUrl: api.origin }, service('keyed', new ApiKeyAuth('a-key')))],
    });
    const services = app.get(ForgeAuthService);
    for (const name of ['bare', 'keyed']) {
      const tokens = app.get<TokenManager>(getTokenManagerToken(name), { strict: false });
      expect(tokens.peek()).toBeUndefined();
      for (const use of [
        () => tokens.getToken(),
        () => tokens.forceRefresh(),
        () => tokens.invalidate(),
        () => tokens.setToken(new Token({ accessToken: 'a-token' })),
        () => tokens.revoke(),
        () => tokens.introspect(),
      ]) {
        const error = await rejection(use());
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(error).toMatchObject({ serviceName: name });
        expect(error.message).toBe(`Service "${name}" has no tokens: its auth is no token auth.`);
      }
      expect(services.client(name).tokens).toBeUndefined();
      await expect(services.client(name).get('/health')).resolves.toMatchObject({ status: 200 });
    }
  });

  it('a manager of a service without a base URL gives tokens, and its client calls allowed origins', async () => {
    const app = await start({
      imports: [rootOf({ name: 'tokens', auth: { provider: provider() }, allowedOrigins: [api.origin] })],
    });
    const services = app.get(ForgeAuthService);
    const { accessToken } = await services.tokens('tokens').getToken();
    expect(endpoint.isValid(accessToken)).toBe(true);
    await services.client('tokens').get(`${api.origin}/orders`);
    expect(api.tokens).toEqual([accessToken]);
    const error = await rejection(services.client('tokens').get('/orders'));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_INVALID_REQUEST', serviceName: 'tokens' });
    expect(error.message).toContain('has no base URL. Set its baseUrl.');
  });

  it('a manager that warms up has its token before the first call', async () => {
    const app = await start({ imports: [rootOf(service('orders', { provider: provider(), warmUp: true }))] });
    expect(endpoint.tokenRequests).toBe(1);
    expect(app.get(ForgeAuthService).tokens('orders').peek()?.accessToken).toBe(endpoint.issued[0]?.accessToken);
  });

  it('a manager that cannot warm up does not stop the start, and says so', async () => {
    endpoint.configure({ clients: {} });
    const logger = recordingLogger();
    const app = await start({ imports: [rootOf(service('orders', { provider: provider(), warmUp: true }))] }, logger);
    expect(logger.warnings.join('\n')).toContain('orders');
    endpoint.configure({ clients: { [CLIENT.clientId]: CLIENT.clientSecret } });
    await expect(app.get(ForgeAuthService).client('orders').get('/orders')).resolves.toMatchObject({ status: 200 });
  });
});

const SETTINGS = 'SETTINGS';

@Injectable()
class VaultProvider implements TokenProvider {
  static made = 0;

  constructor(@Inject(SETTINGS) private readonly settings: { token: string }) {
    VaultProvider.made += 1;
  }

  async fetchToken(context?: TokenRequestContext): Promise<Token> {
    return new Token({ accessToken: `${this.settings.token}-of-${context?.serviceName}` });
  }
}

@Injectable()
class TenantAuth implements Authenticator {
  static made = 0;

  constructor(@Inject(SETTINGS) private readonly settings: { token: string }) {
    TenantAuth.made += 1;
  }

  authenticate({ headers }: AuthenticatedRequest): void {
    headers['x-tenant'] = this.settings.token;
  }
}

describe('a class', () => {
  const settings = { provide: SETTINGS, useValue: { token: 'a-token' } };
  beforeEach(() => {
    VaultProvider.made = TenantAuth.made = 0;
  });

  it.each<[string, () => ModuleMetadata]>([
    [
      'is the instance of the app, wherever that is registered',
      () => ({
        imports: [moduleOf({ imports: [moduleOf({ providers: [VaultProvider, TenantAuth, settings] })] })],
      }),
    ],
    [
      'is the instance of the module that imports the root',
      () => ({ providers: [VaultProvider, TenantAuth, settings] }),
    ],
  ])('a class as provider and as authenticator, with what it injects, %s', async (_name, metadata) => {
    const { imports = [], providers = [] } = metadata();
    const app = await start({
      imports: [...imports, rootOf(service('orders', { provider: VaultProvider }), service('files', TenantAuth))],
      providers,
    });
    await app.get(ForgeAuthService).client('orders').get('/public/a');
    await app.get(ForgeAuthService).client('files').get('/public/a');
    const [orders, files] = api.server.requests;
    expect(orders?.headers.authorization).toBe('Bearer a-token-of-orders');
    expect(files?.headers['x-tenant']).toBe('a-token');
    expect([VaultProvider.made, TenantAuth.made]).toEqual([1, 1]);
  });

  it('a class that is not registered is made, once a service, with what is injectable everywhere', async () => {
    const global = moduleOf({ providers: [settings], exports: [SETTINGS] });
    Global()(global);
    const app = await start({
      imports: [global, rootOf(service('a', { provider: VaultProvider }), service('b', { provider: VaultProvider }))],
    });
    for (const name of ['a', 'b', 'a', 'b']) await app.get(ForgeAuthService).client(name).get('/public/a');
    expect(api.tokens.toSorted()).toEqual(['a', 'a', 'b', 'b'].map((name) => `a-token-of-${name}`));
    expect(VaultProvider.made).toBe(2);
  });

  it('a class without dependencies needs no registration', async () => {
    class Plain implements TokenProvider {
      async fetchToken(): Promise<Token> {
        return new Token({ accessToken: 'a-plain-token' });
      }
    }
    const app = await start({ imports: [rootOf(service('orders', { provider: Plain }))] });
    await app.get(ForgeAuthService).client('orders').get('/public/a');
    expect(api.tokens).toEqual(['a-plain-token']);
  });

  it.each<[string, ForgeServiceOptions['auth'], string]>([
    ['provider', { provider: VaultProvider }, 'Service "orders": auth.provider: VaultProvider cannot be created.'],
    ['authenticator', TenantAuth, 'Service "orders": auth: TenantAuth cannot be created.'],
  ])('a class as %s whose dependencies are not there stops the start', async (_name, auth, problem) => {
    const error = await bootFailure({ imports: [rootOf(service('orders', auth))] });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ serviceName: 'orders' });
    expect(error.message).toMatch(`${problem} Register it as a provider, with what it injects. Its creation threw `);
    expect(error.message).toContain("Nest can't resolve dependencies of the");
  });

  it.each([
    ['request-scoped', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])('a class that is %s stops the start, registered or not', async (_name, scope) => {
    @Injectable({ scope })
    class Scoped implements TokenProvider, Authenticator {
      async fetchToken(): Promise<Token> {
        return new Token({ accessToken: 'a-token' });
      }

      authenticate(): void {}
    }
    for (const providers of [[], [Scoped]])
      for (const auth of [{ provider: Scoped }, Scoped]) {
        const error = await bootFailure({ imports: [rootOf(service('orders', auth))], providers });
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(error).toMatchObject({ serviceName: 'orders' });
        expect(error.message).toContain('Service "orders": auth');
        expect(error.message).toContain('Scoped is request-scoped or transient, but serves every call.');
        expect(error.message).toContain('Give it the default scope.');
      }
  });

  it('a class that is request-scoped because of what it injects stops the start', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {}
    @Injectable()
    class Scoped implements TokenProvider {
      constructor(@Inject(PerRequest) readonly dependency: PerRequest) {}

      async fetchToken(): Promise<Token> {
        return new Token({ accessToken: 'a-token' });
      }
    }
    const error = await bootFailure({
      imports: [rootOf(service('orders', { provider: Scoped }))],
      providers: [PerRequest, Scoped],
    });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ serviceName: 'orders' });
    expect(error.message).toContain('Service "orders": auth.provider: Scoped ');
  });

  it('a class that is given as a provider stays one definition: its state is of each service', async () => {
    const shared = new StaticTokenProvider('a-token');
    const app = await start({
      imports: [rootOf(service('a', { provider: shared }), service('b', { provider: shared }))],
    });
    const services = app.get(ForgeAuthService);
    await services.tokens('a').setToken(new Token({ accessToken: 'another-token' }));
    await services.client('a').get('/public/a');
    await services.client('b').get('/public/a');
    expect(api.tokens).toEqual(['another-token', 'a-token']);
  });
});
