import { type DynamicModule, Inject, Injectable, Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BearerAuth,
  ConfigurationError,
  ForgeAuthModule,
  type ForgeAuthOptions,
  type ForgeAuthOptionsFactory,
  ForgeAuthService,
  ForgeHttpClient,
  type ForgeServiceOptions,
  type ForgeServiceOptionsFactory,
  getForgeClientToken,
  getTokenManagerToken,
  InjectForgeClient,
  InjectTokenManager,
  StaticTokenProvider,
  TokenManager,
} from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { welcome } from '../security/strangers.js';
import { rejection } from '../support/async.js';
import { boot, bootFailure } from './boot.js';

let api: RecordingServer;
const closing: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  api = await startServer(welcome);
});

afterEach(async () => {
  for (const app of closing.splice(0).toReversed()) await app.close();
  api.reset();
});

afterAll(() => api.close());

/** A service of the API whose token tells its name. */
function service(name: string, more: Partial<ForgeServiceOptions> = {}): ForgeServiceOptions {
  return { name, baseUrl: api.origin, auth: { provider: new StaticTokenProvider(`token-of-${name}`) }, ...more };
}

async function start(...args: Parameters<typeof boot>): ReturnType<typeof boot> {
  const app = await boot(...args);
  closing.push(app);
  return app;
}

/** Returns the credential that the API saw in a client's call. */
async function credentialOf(client: ForgeHttpClient): Promise<string | undefined> {
  await client.get('/');
  return api.requests.at(-1)?.headers.authorization;
}

/** A root that announces some services, and makes others. */
function rootAnswering(names: string[], made: string[]): DynamicModule {
  return ForgeAuthModule.forRootAsync({
    services: names,
    useFactory: () => ({ services: made.map((name) => service(name)) }),
  });
}

/** A feature whose factory answers anything. */
function featureAnswering(made: unknown): DynamicModule {
  return ForgeAuthModule.forFeatureAsync({ name: 'orders', useFactory: () => made as ForgeServiceOptions });
}

/** A feature module that registers a service, and imports another module. */
function featureModule(name: string, inner?: Type): Type {
  class Feature {}
  Module({ imports: [ForgeAuthModule.forFeature(service(name)), ...(inner === undefined ? [] : [inner])] })(Feature);
  return Feature;
}

@Injectable()
class Orders {
  constructor(
    @InjectForgeClient('orders') readonly client: ForgeHttpClient,
    @InjectTokenManager('orders') readonly tokens: TokenManager,
  ) {}
}

@Injectable()
class Secrets {
  readonly token = 'token-of-a-secret';
}

@Module({ providers: [Secrets], exports: [Secrets] })
class SecretsModule {}

@Injectable()
class RootFactory implements ForgeAuthOptionsFactory {
  constructor(@Inject(Secrets) private readonly secrets: Secrets) {}

  async createForgeAuthOptions(): Promise<ForgeAuthOptions> {
    return { services: [service('orders', { auth: new BearerAuth(this.secrets.token) })] };
  }
}

@Injectable()
class ServiceFactory implements ForgeServiceOptionsFactory {
  constructor(@Inject(Secrets) private readonly secrets: Secrets) {}

  createForgeServiceOptions(): Omit<ForgeServiceOptions, 'name'> {
    return { baseUrl: api.origin, auth: new BearerAuth(this.secrets.token) };
  }
}

@Module({ imports: [SecretsModule], providers: [RootFactory, ServiceFactory], exports: [RootFactory, ServiceFactory] })
class FactoriesModule {}

describe('forRoot', () => {
  it('gives each service a client with its own credential', async () => {
    const app = await start({
      imports: [ForgeAuthModule.forRoot({ services: [service('orders'), service('customers')] })],
    });
    const clients = ['orders', 'customers'].map((name) => app.get<ForgeHttpClient>(getForgeClientToken(name)));
    expect(clients.every((client) => client instanceof ForgeHttpClient)).toBe(true);
    expect(await Promise.all(clients.map((client) => client.get('/')))).toHaveLength(2);
    expect(api.requests.map(({ headers }) => headers.authorization).toSorted()).toEqual([
      'Bearer token-of-customers',
      'Bearer token-of-orders',
    ]);
  });

  it('forRoot is global: clients and managers can be injected into any module', async () => {
    @Module({ providers: [Orders], exports: [Orders] })
    class Inner {}
    const app = await start({ imports: [ForgeAuthModule.forRoot({ services: [service('orders')] }), Inner] });
    const { client, tokens } = app.get(Orders, { strict: false });
    expect(await credentialOf(client)).toBe('Bearer token-of-orders');
    expect(tokens).toBeInstanceOf(TokenManager);
    expect(tokens).toBe(client.tokens);
    expect(tokens.peek()?.accessToken).toBe('token-of-orders');
  });

  it('forRoot with isGlobal: false stays where it is imported', async () => {
    @Module({ providers: [Orders] })
    class Inner {}
    const root = ForgeAuthModule.forRoot({ isGlobal: false, services: [service('orders')] });
    const error = await bootFailure({ imports: [root, Inner] });
    expect(error.message).toContain('FORGE_CLIENT:orders');
    await expect(start({ imports: [root], providers: [Orders] })).resolves.toBeDefined();
  });

  it('gives defaults to services of feature modules, too', async () => {
    const defaults = { headers: { 'X-Tenant': 'acme', 'X-App': 'shop' } };
    const app = await start({
      imports: [
        ForgeAuthModule.forFeature(service('orders', { headers: { 'x-app': 'orders' } })),
        ForgeAuthModule.forRoot({ defaults }),
      ],
    });
    await app.get(ForgeAuthService).client('orders').get('/');
    expect(api.requests[0]?.headers).toMatchObject({ 'x-tenant': 'acme', 'x-app': 'orders' });
  });

  it('forRoot twice with different options is refused; the same object is fine', async () => {
    const options = { services: [service('orders')] };
    const error = await bootFailure({
      imports: [ForgeAuthModule.forRoot(options), ForgeAuthModule.forRoot({ services: [] })],
    });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain('forRoot() was called twice');
    await expect(
      start({ imports: [ForgeAuthModule.forRoot(options), ForgeAuthModule.forRoot(options)] }),
    ).resolves.toBeDefined();
  });
});

describe('forRootAsync', () => {
  const ways: [string, () => ReturnType<typeof ForgeAuthModule.forRootAsync>][] = [
    [
      'useFactory',
      () =>
        ForgeAuthModule.forRootAsync({
          services: ['orders'],
          imports: [SecretsModule],
          inject: [Secrets],
          useFactory: async (secrets: Secrets) => ({
            services: [service('orders', { auth: new BearerAuth(secrets.token) })],
          }),
        }),
    ],
    [
      'useClass',
      () => ForgeAuthModule.forRootAsync({ services: ['orders'], imports: [SecretsModule], useClass: RootFactory }),
    ],
    [
      'useExisting',
      () =>
        ForgeAuthModule.forRootAsync({ services: ['orders'], imports: [FactoriesModule], useExisting: RootFactory }),
    ],
    [
      'extraProviders',
      () =>
        ForgeAuthModule.forRootAsync({
          services: ['orders'],
          extraProviders: [{ provide: 'TOKEN', useValue: 'token-of-a-secret' }],
          inject: ['TOKEN'],
          useFactory: (token: string) => ({ services: [service('orders', { auth: new BearerAuth(token) })] }),
        }),
    ],
  ];

  it.each(ways)('makes the options with %s', async (_name, root) => {
    const app = await start({ imports: [root()], providers: [Orders] });
    expect(await credentialOf(app.get(Orders).client)).toBe('Bearer token-of-a-secret');
  });

  it('refuses a factory that answers a service too few, or one too many', async () => {
    const missing = await bootFailure({ imports: [rootAnswering(['orders', 'customers'], ['orders'])] });
    expect(missing).toBeInstanceOf(ConfigurationError);
    expect(missing.message).toContain('Service "customers": named in forRootAsync({ services })');
    const unknown = await bootFailure({ imports: [rootAnswering(['orders'], ['orders', 'customers'])] });
    expect(unknown.message).toContain('Service "customers": made by the factory of forRootAsync()');
    expect(unknown.message).toContain('Add the name there.');
  });

  it('refuses a registration without a factory', async () => {
    const error = await rejection((async () => ForgeAuthModule.forRootAsync({ services: ['orders'] }))());
    expect(error.message).toBe('Service "orders": give one of useFactory, useClass and useExisting.');
  });

  it('passes on what the factory throws of its own', async () => {
    const root = ForgeAuthModule.forRootAsync({
      services: ['orders'],
      useFactory: () => {
        throw new RangeError('The vault is sealed.');
      },
    });
    expect(await bootFailure({ imports: [root] })).toMatchObject({
      name: 'RangeError',
      message: 'The vault is sealed.',
    });
  });
});

describe('forFeature', () => {
  it('works without a root, several services at a time', async () => {
    const app = await start({
      imports: [ForgeAuthModule.forFeature(service('orders'), service('customers'))],
      providers: [Orders],
    });
    expect(await credentialOf(app.get(Orders).client)).toBe('Bearer token-of-orders');
    expect(app.get(ForgeAuthService).names()).toEqual(['orders', 'customers']);
  });

  it('works in modules nested in modules, each with its service, all in one registry', async () => {
    const app = await start({
      imports: [featureModule('orders', featureModule('customers', featureModule('invoices')))],
    });
    const forge = app.get(ForgeAuthService);
    expect(forge.names().toSorted()).toEqual(['customers', 'invoices', 'orders']);
    expect(await credentialOf(forge.client('invoices'))).toBe('Bearer token-of-invoices');
  });

  it('keeps its services to the modules that import it', async () => {
    @Module({ imports: [ForgeAuthModule.forFeature(service('orders'))] })
    class Feature {}
    const error = await bootFailure({ imports: [Feature], providers: [Orders] });
    expect(error.message).toContain('FORGE_CLIENT:orders');
  });

  it('re-exports a service by its name, and it is the same client', async () => {
    @Module({ imports: [ForgeAuthModule.forFeature('orders')], providers: [Orders], exports: [Orders] })
    class Reader {}
    @Module({ imports: [ForgeAuthModule.forFeature(service('orders'))] })
    class Owner {}
    for (const imports of [
      [Reader, Owner],
      [Owner, Reader],
    ]) {
      const app = await start({ imports });
      const { client } = app.get(Orders, { strict: false });
      expect(await credentialOf(client)).toBe('Bearer token-of-orders');
      expect(client).toBe(app.get(ForgeAuthService).client('orders'));
    }
  });

  it('takes the same object twice for one service', async () => {
    const orders = service('orders');
    const features = [1, 2].map(() => {
      class Feature {}
      Module({ imports: [ForgeAuthModule.forFeature(orders)] })(Feature);
      return Feature;
    });
    const app = await start({ imports: [...features, ForgeAuthModule.forRoot({ services: [orders] })] });
    expect(app.get(ForgeAuthService).names()).toEqual(['orders']);
  });

  it('refuses one name for two services', async () => {
    const error = await bootFailure({
      imports: [ForgeAuthModule.forFeature(service('orders')), ForgeAuthModule.forFeature(service('orders'))],
    });
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toBe(
      'Service "orders" is registered twice with different options. Give each registration a name of its own.',
    );
  });

  it('refuses a name that nobody registers, and lists those that are', async () => {
    const error = await bootFailure({
      imports: [
        ForgeAuthModule.forFeature('odrers'),
        ForgeAuthModule.forFeature(service('orders'), service('customers')),
      ],
    });
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'odrers' });
    expect(error.message).toBe('No service is named "odrers". Registered: "orders", "customers".');
  });
});

describe('forFeatureAsync', () => {
  const ways: [string, () => ReturnType<typeof ForgeAuthModule.forFeatureAsync>][] = [
    [
      'useFactory',
      () =>
        ForgeAuthModule.forFeatureAsync({
          name: 'orders',
          imports: [SecretsModule],
          inject: [Secrets],
          useFactory: async (secrets: Secrets) => ({ baseUrl: api.origin, auth: new BearerAuth(secrets.token) }),
        }),
    ],
    [
      'useClass',
      () => ForgeAuthModule.forFeatureAsync({ name: 'orders', imports: [SecretsModule], useClass: ServiceFactory }),
    ],
    [
      'useExisting',
      () =>
        ForgeAuthModule.forFeatureAsync({ name: 'orders', imports: [FactoriesModule], useExisting: ServiceFactory }),
    ],
    [
      'extraProviders',
      () => ForgeAuthModule.forFeatureAsync({ name: 'orders', extraProviders: [Secrets], useClass: ServiceFactory }),
    ],
  ];

  it.each(ways)('makes the options with %s', async (_name, feature) => {
    const app = await start({ imports: [feature()], providers: [Orders] });
    expect(await credentialOf(app.get(Orders).client)).toBe('Bearer token-of-a-secret');
  });

  it('refuses a factory that answers nothing, or another service', async () => {
    const nothing = await bootFailure({ imports: [featureAnswering(undefined)] });
    expect(nothing).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    const other = await bootFailure({ imports: [featureAnswering(service('customers'))] });
    expect(other.message).toBe('Service "orders": its factory answered options for "customers". Use one name.');
  });

  it('gives services of one factory, one after the other, the same options', async () => {
    const shared = { baseUrl: api.origin, auth: new BearerAuth('shared') };
    const app = await start({
      imports: ['orders', 'customers'].map((name) =>
        ForgeAuthModule.forFeatureAsync({ name, useFactory: () => shared }),
      ),
    });
    const forge = app.get(ForgeAuthService);
    expect(await Promise.all(forge.names().map((name) => credentialOf(forge.client(name))))).toEqual([
      'Bearer shared',
      'Bearer shared',
    ]);
  });
});

describe('ForgeAuthService', () => {
  it('looks clients and managers up, and lists the names when there is none', async () => {
    const app = await start({
      imports: [ForgeAuthModule.forRoot({ services: [service('orders'), service('customers')] })],
    });
    const forge = app.get(ForgeAuthService);
    expect(forge.client('orders')).toBe(app.get(getForgeClientToken('orders')));
    expect(forge.tokens('orders')).toBe(app.get(getTokenManagerToken('orders')));
    for (const look of [() => forge.client('nobody'), () => forge.tokens('nobody')]) {
      expect(look).toThrow(ConfigurationError);
      expect(look).toThrow('No service is named "nobody". Registered: orders, customers.');
    }
  });
});

describe('a token manager', () => {
  it('a token manager made by the app is shared by instance', async () => {
    const tokenManager = new TokenManager({ provider: new StaticTokenProvider('shared') });
    const services = ['orders', 'customers'].map((name) => service(name, { auth: { tokenManager } }));
    const app = await start({ imports: [ForgeAuthModule.forRoot({ services })] });
    const forge = app.get(ForgeAuthService);
    expect(forge.tokens('orders')).toBe(tokenManager);
    expect(forge.client('customers').tokens).toBe(tokenManager);
    expect(await credentialOf(forge.client('customers'))).toBe('Bearer shared');
    await tokenManager.close();
  });

  it('a token manager of another service is shared by its name, whichever is registered first', async () => {
    const borrower = service('borrower', { auth: { tokenManager: 'owner' } });
    for (const services of [
      [borrower, service('owner')],
      [service('owner'), borrower],
    ]) {
      const app = await start({ imports: [ForgeAuthModule.forRoot({ services })] });
      const forge = app.get(ForgeAuthService);
      expect(await credentialOf(forge.client('borrower'))).toBe('Bearer token-of-owner');
      const first = await forge.tokens('borrower').getToken();
      expect(await forge.tokens('owner').getToken()).toBe(first);
    }
  });

  it('a token manager of a service that is not there stops the start, which lists those that are', async () => {
    const services = [service('orders', { auth: { tokenManager: 'odrers' } }), service('customers')];
    const error = await bootFailure({ imports: [ForgeAuthModule.forRoot({ services })] });
    expect(error.message).toBe(
      'Service "orders": auth.tokenManager names service "odrers", which is not there. Registered: customers.',
    );
  });

  it('a token manager of a service without tokens can be injected, and throws when it is used', async () => {
    const services = [service('orders', { auth: new BearerAuth('fixed') }), { name: 'public', baseUrl: api.origin }];
    const app = await start({ imports: [ForgeAuthModule.forRoot({ services })], providers: [Orders] });
    const { tokens, client } = app.get(Orders);
    for (const use of [
      tokens.getToken(),
      tokens.forceRefresh(),
      tokens.invalidate(),
      tokens.revoke(),
      tokens.introspect(),
    ]) {
      expect(await rejection(use)).toMatchObject({
        name: 'ConfigurationError',
        serviceName: 'orders',
        message: 'Service "orders" has no tokens: its auth is no token auth.',
      });
    }
    expect(client.tokens).toBeUndefined();
    expect(await credentialOf(client)).toBe('Bearer fixed');
    expect(await credentialOf(app.get(ForgeAuthService).client('public'))).toBeUndefined();
  });

  it('a token manager of a service without a base URL gives its tokens, and calls need an absolute URL of an allowed origin', async () => {
    const { auth } = service('orders');
    const services = [{ name: 'orders', ...(auth === undefined ? {} : { auth }), allowedOrigins: [api.origin] }];
    const app = await start({ imports: [ForgeAuthModule.forRoot({ services })], providers: [Orders] });
    const { tokens, client } = app.get(Orders);
    expect((await tokens.getToken()).accessToken).toBe('token-of-orders');
    await client.get(`${api.origin}/absolute`);
    expect(api.requests[0]?.headers.authorization).toBe('Bearer token-of-orders');
    expect(await rejection(client.get('/relative'))).toMatchObject({ code: 'FORGE_AUTH_INVALID_REQUEST' });
  });
});

describe('a testing module', () => {
  it('overrides a client by its injection token', async () => {
    const module = await Test.createTestingModule({
      imports: [ForgeAuthModule.forRoot({ services: [service('orders')] })],
      providers: [Orders],
    })
      .overrideProvider(getForgeClientToken('orders'))
      .useValue({ get: async () => ({ data: 'overridden' }) })
      .compile();
    closing.push(module);
    await module.init();
    expect(await module.get(Orders).client.get('/')).toEqual({ data: 'overridden' });
    expect(api.requests).toHaveLength(0);
  });

  it('makes calls without being initialized', async () => {
    const module = await Test.createTestingModule({
      imports: [ForgeAuthModule.forRoot({ services: [service('orders')] })],
      providers: [Orders],
    }).compile();
    closing.push(module);
    expect(await credentialOf(module.get(Orders).client)).toBe('Bearer token-of-orders');
  });
});
