import { Inject, Injectable, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import {
  ApiKeyAuth,
  type AsyncServiceOptions,
  ConfigurationError,
  type ForgeAuthAsyncOptions,
  ForgeAuthModule,
  type ForgeAuthOptions,
  type ForgeAuthOptionsFactory,
  ForgeAuthService,
  type ForgeHttpClient,
  type ForgeServiceAsyncOptions,
  type ForgeServiceOptions,
  type ForgeServiceOptionsFactory,
  getForgeClientToken,
  InjectForgeClient,
} from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { welcome } from '../security/strangers.js';
import { boot, bootFailure } from './boot.js';

let server: RecordingServer;
const closing: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  server = await startServer(welcome);
});
afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
  await server.close();
});

/** Starts an app of these modules, and answers how to find its services. */
async function start(...imports: NonNullable<ModuleMetadata['imports']>): Promise<ForgeAuthService> {
  return startWith({ imports });
}

async function startWith(metadata: ModuleMetadata): Promise<ForgeAuthService> {
  const app = await boot(metadata);
  closing.push(app);
  return app.get(ForgeAuthService);
}

/** A service whose calls carry a key of its own. */
function service(name: string, more: Partial<ForgeServiceOptions> = {}): ForgeServiceOptions {
  return { name, baseUrl: `${server.origin}/${name}`, auth: new ApiKeyAuth(`key-of-${name}`), ...more };
}

function unnamed(name: string): AsyncServiceOptions {
  const { name: _name, ...options } = service(name);
  return options;
}

/** Calls the service, and fails unless its own server path saw its own key. */
async function expectWorking(client: ForgeHttpClient, name: string): Promise<void> {
  await client.get('/a');
  expect(server.requests.at(-1)).toMatchObject({ path: `/${name}/a`, headers: { 'x-api-key': `key-of-${name}` } });
}

async function expectServices(services: ForgeAuthService, ...names: string[]): Promise<void> {
  expect(services.names().toSorted()).toEqual(names.toSorted());
  for (const name of names) await expectWorking(services.client(name), name);
}

/** A module that provides `provider` to whoever imports it. */
function providing(provide: string | Type, value: unknown): Type {
  class Providing {}
  Module({ providers: [{ provide, useValue: value }], exports: [provide] })(Providing);
  return Providing;
}

/** ConfigService with these variables, and nothing of the machine. */
function configOf(variables: Record<string, string>): NonNullable<ModuleMetadata['imports']>[number] {
  return ConfigModule.forRoot({ ignoreEnvFile: true, ignoreEnvVars: true, load: [() => variables] });
}

@Injectable()
class ReadsConfig implements ForgeServiceOptionsFactory {
  constructor(@Inject(ConfigService) private readonly config: ConfigService) {}

  createForgeServiceOptions(): AsyncServiceOptions {
    return { baseUrl: this.config.getOrThrow<string>('ORDERS_URL') };
  }
}

function moduleOf(metadata: ModuleMetadata): Type {
  class Anonymous {}
  Module(metadata)(Anonymous);
  return Anonymous;
}

describe('forRoot()', () => {
  it('registers several services in one place', async () => {
    await expectServices(
      await start(ForgeAuthModule.forRoot({ services: [service('orders'), service('customers')] })),
      'orders',
      'customers',
    );
  });

  it('needs no options, and then only finds what features register', async () => {
    await expectServices(
      await start(ForgeAuthModule.forRoot(), ForgeAuthModule.forFeature(service('orders'))),
      'orders',
    );
  });

  it('makes its services injectable everywhere', async () => {
    @Injectable()
    class Shop {
      constructor(@InjectForgeClient('orders') readonly client: ForgeHttpClient) {}
    }
    const app = await boot({
      imports: [ForgeAuthModule.forRoot({ services: [service('orders')] }), moduleOf({ providers: [Shop] })],
    });
    closing.push(app);
    await expectWorking(app.get(Shop, { strict: false }).client, 'orders');
  });

  it('with isGlobal: false makes them injectable only where it is imported', async () => {
    @Injectable()
    class Shop {
      constructor(@InjectForgeClient('orders') readonly client: ForgeHttpClient) {}
    }
    const root = ForgeAuthModule.forRoot({ isGlobal: false, services: [service('orders')] });
    const error = await bootFailure({ imports: [root, moduleOf({ providers: [Shop] })] });
    expect(error.message).toContain(getForgeClientToken('orders'));
    const app = await boot({ imports: [moduleOf({ imports: [root], providers: [Shop] })] });
    closing.push(app);
    await expectWorking(app.get(Shop, { strict: false }).client, 'orders');
  });

  it('gives its defaults to the services of every feature, wherever it stands', async () => {
    const root = ForgeAuthModule.forRoot({ defaults: { headers: { 'x-tenant': 'a' } } });
    const feature = ForgeAuthModule.forFeature(service('orders'));
    for (const imports of [
      [root, feature],
      [feature, root],
      [moduleOf({ imports: [feature] }), moduleOf({ imports: [root] })],
    ]) {
      const services = await start(...imports);
      await expectServices(services, 'orders');
      expect(server.requests.at(-1)?.headers).toMatchObject({ 'x-tenant': 'a' });
    }
  });

  it('is refused twice', async () => {
    const error = await bootFailure({
      imports: [ForgeAuthModule.forRoot({ services: [service('orders')] }), ForgeAuthModule.forRoot()],
    });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toBe(
      'ForgeAuthModule.forRoot() was called twice. Call it once, and forFeature() for further services.',
    );
  });
});

describe('forRootAsync()', () => {
  const SETTINGS = 'SETTINGS';

  @Injectable()
  class Factory implements ForgeAuthOptionsFactory {
    constructor(@Inject(SETTINGS) private readonly names: string[]) {}

    async createForgeAuthOptions(): Promise<ForgeAuthOptions> {
      return { services: this.names.map((name) => service(name)), defaults: { headers: { 'x-tenant': 'a' } } };
    }
  }

  const names = ['orders', 'customers'];
  const forms: [name: string, options: () => Omit<ForgeAuthAsyncOptions, 'services'>][] = [
    ['useFactory', () => ({ useFactory: () => ({ services: names.map((name) => service(name)) }) })],
    [
      'useFactory that is asynchronous, with inject and imports',
      () => ({
        imports: [providing(SETTINGS, names)],
        inject: [SETTINGS],
        useFactory: async (settings: string[]) => ({ services: settings.map((name) => service(name)) }),
      }),
    ],
    [
      'useFactory with what extraProviders bring',
      () => ({
        extraProviders: [{ provide: SETTINGS, useValue: names }],
        inject: [SETTINGS],
        useFactory: (settings: string[]) => ({ services: settings.map((name) => service(name)) }),
      }),
    ],
    ['useClass', () => ({ imports: [providing(SETTINGS, names)], useClass: Factory })],
    [
      'useClass with what extraProviders bring',
      () => ({ extraProviders: [{ provide: SETTINGS, useValue: names }], useClass: Factory }),
    ],
    [
      'useExisting',
      () => ({
        imports: [moduleOf({ providers: [Factory, { provide: SETTINGS, useValue: names }], exports: [Factory] })],
        useExisting: Factory,
      }),
    ],
  ];

  it.each(forms)('takes its options from %s', async (_name, options) => {
    await expectServices(await start(ForgeAuthModule.forRootAsync({ services: names, ...options() })), ...names);
  });

  it('asks the one instance that exists, once', async () => {
    let made = 0;
    @Injectable()
    class Counting implements ForgeAuthOptionsFactory {
      createForgeAuthOptions(): ForgeAuthOptions {
        made += 1;
        return { services: [service('orders')] };
      }
    }
    const existing = moduleOf({ providers: [Counting], exports: [Counting] });
    await start(ForgeAuthModule.forRootAsync({ services: ['orders'], imports: [existing], useExisting: Counting }));
    expect(made).toBe(1);
  });

  it('may give defaults only', async () => {
    const root = ForgeAuthModule.forRootAsync({ useFactory: () => ({ defaults: { headers: { 'x-tenant': 'b' } } }) });
    await expectServices(await start(ForgeAuthModule.forFeature(service('orders')), root), 'orders');
    expect(server.requests[0]?.headers).toMatchObject({ 'x-tenant': 'b' });
  });

  it('is read from ConfigService', async () => {
    const root = ForgeAuthModule.forRootAsync({
      services: ['orders'],
      imports: [configOf({ ORDERS_KEY: 'key-of-orders' })],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        services: [service('orders', { auth: new ApiKeyAuth(config.getOrThrow<string>('ORDERS_KEY')) })],
      }),
    });
    await expectServices(await start(root), 'orders');
  });

  it('names the variable that is not set, and whom it is for', async () => {
    const root = ForgeAuthModule.forRootAsync({
      services: ['orders', 'customers'],
      imports: [configOf({})],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({ services: [{ name: config.getOrThrow<string>('ORDERS_KEY') }] }),
    });
    const error = await bootFailure({ imports: [root] });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toBe('Service "orders", "customers": the configuration variable ORDERS_KEY is not set.');
  });

  it.each<[string, ForgeAuthAsyncOptions, RegExp]>([
    [
      'answers no options for a name',
      { services: ['orders', 'customers'], useFactory: () => ({ services: [{ name: 'orders' }] }) },
      /Service "customers": named in forRootAsync\(\{ services \}\), but its factory answered no options for it/,
    ],
    [
      'answers options for a name that it was not given',
      { services: ['orders'], useFactory: () => ({ services: [{ name: 'orders' }, { name: 'files' }] }) },
      /Service "files": made by the factory of forRootAsync\(\), but not named in its services\. Add the name there/,
    ],
    ['answers no services at all', { services: ['orders'], useFactory: () => ({}) }, /Service "orders": named in/],
  ])('is refused when its factory %s', async (_name, options, problem) => {
    const error = await bootFailure({ imports: [ForgeAuthModule.forRootAsync(options)] });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(problem);
  });

  it('is refused without a factory', () => {
    expect(() => ForgeAuthModule.forRootAsync({ services: ['orders'] })).toThrow(
      'Service "orders": give one of useFactory, useClass and useExisting.',
    );
  });

  it("tells what the app's own factory throws, as it is", async () => {
    const fault = new RangeError('The vault is sealed.');
    const useFactory = (): never => {
      throw fault;
    };
    expect(await bootFailure({ imports: [ForgeAuthModule.forRootAsync({ services: ['orders'], useFactory })] })).toBe(
      fault,
    );
  });
});

describe('forFeature()', () => {
  it('stands alone, without a root', async () => {
    await expectServices(await start(ForgeAuthModule.forFeature(service('orders'))), 'orders');
  });

  it('registers several services', async () => {
    const names = ['orders', 'customers', 'files'];
    const feature = ForgeAuthModule.forFeature(...names.map((name) => service(name)));
    await expectServices(await start(feature), ...names);
  });

  it('is found in modules nested to any depth, before and after the root', async () => {
    const nested = ['a', 'b', 'c', 'd'].reduce<Type | undefined>(
      (inner, name) =>
        moduleOf({ imports: [ForgeAuthModule.forFeature(service(name)), ...(inner === undefined ? [] : [inner])] }),
      undefined,
    );
    const services = await start(nested as Type, ForgeAuthModule.forRoot({ services: [service('e')] }));
    await expectServices(services, 'a', 'b', 'c', 'd', 'e');
  });

  it('is injectable only where it is imported', async () => {
    @Injectable()
    class Shop {
      constructor(@InjectForgeClient('orders') readonly client: ForgeHttpClient) {}
    }
    const feature = ForgeAuthModule.forFeature(service('orders'));
    const error = await bootFailure({ imports: [moduleOf({ imports: [feature] }), moduleOf({ providers: [Shop] })] });
    expect(error.message).toContain(getForgeClientToken('orders'));
    const app = await boot({ imports: [moduleOf({ imports: [feature], providers: [Shop] })] });
    closing.push(app);
    await expectWorking(app.get(Shop, { strict: false }).client, 'orders');
  });

  it('re-exports by its name a service that is registered elsewhere: the very same client', async () => {
    @Injectable()
    class Shop {
      constructor(@InjectForgeClient('orders') readonly client: ForgeHttpClient) {}
    }
    const app = await boot({
      imports: [
        moduleOf({ imports: [ForgeAuthModule.forFeature('orders')], providers: [Shop] }),
        moduleOf({ imports: [ForgeAuthModule.forFeature(service('orders'))] }),
      ],
    });
    closing.push(app);
    const { client } = app.get(Shop, { strict: false });
    expect(client).toBe(app.get(ForgeAuthService).client('orders'));
    await expectWorking(client, 'orders');
  });

  it('is exported further by the module that imports it', async () => {
    @Injectable()
    class Shop {
      constructor(@InjectForgeClient('orders') readonly client: ForgeHttpClient) {}
    }
    const feature = ForgeAuthModule.forFeature(service('orders'));
    const shared = moduleOf({ imports: [feature], exports: [ForgeAuthModule] });
    const app = await boot({ imports: [moduleOf({ imports: [shared], providers: [Shop] })] });
    closing.push(app);
    await expectWorking(app.get(Shop, { strict: false }).client, 'orders');
  });

  it('with a name that nobody registers stops the start, and lists those that are', async () => {
    const error = await bootFailure({
      imports: [ForgeAuthModule.forFeature('ordres'), ForgeAuthModule.forFeature(service('orders'), service('files'))],
    });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ serviceName: 'ordres' });
    expect(error.message).toBe('No service is named "ordres". Registered: "orders", "files".');
  });

  it('with a name, where there is none at all, says so', async () => {
    const error = await bootFailure({ imports: [ForgeAuthModule.forFeature('orders')] });
    expect(error.message).toBe('No service is named "orders". None is registered.');
  });
});

describe('forFeatureAsync()', () => {
  const SETTINGS = 'SETTINGS';

  @Injectable()
  class Factory implements ForgeServiceOptionsFactory {
    constructor(@Inject(SETTINGS) private readonly name: string) {}

    async createForgeServiceOptions(): Promise<AsyncServiceOptions> {
      return unnamed(this.name);
    }
  }

  const forms: [name: string, options: () => Omit<ForgeServiceAsyncOptions, 'name'>][] = [
    ['useFactory', () => ({ useFactory: () => unnamed('orders') })],
    ['useFactory that names the service, too', () => ({ useFactory: () => service('orders') })],
    [
      'useFactory that is asynchronous, with inject and imports',
      () => ({
        imports: [providing(SETTINGS, 'orders')],
        inject: [SETTINGS],
        useFactory: async (name: string) => unnamed(name),
      }),
    ],
    [
      'useFactory with what extraProviders bring',
      () => ({
        extraProviders: [{ provide: SETTINGS, useFactory: async () => 'orders' }],
        inject: [SETTINGS],
        useFactory: (name: string) => unnamed(name),
      }),
    ],
    [
      'useFactory with an optional dependency that is not there',
      () => ({
        inject: [{ token: SETTINGS, optional: true }],
        useFactory: (name?: string) => unnamed(name ?? 'orders'),
      }),
    ],
    ['useClass', () => ({ imports: [providing(SETTINGS, 'orders')], useClass: Factory })],
    [
      'useClass with what extraProviders bring',
      () => ({ extraProviders: [{ provide: SETTINGS, useValue: 'orders' }], useClass: Factory }),
    ],
    [
      'useExisting',
      () => ({
        imports: [moduleOf({ providers: [Factory, { provide: SETTINGS, useValue: 'orders' }], exports: [Factory] })],
        useExisting: Factory,
      }),
    ],
  ];

  it.each(forms)('takes its options from %s', async (_name, options) => {
    await expectServices(await start(ForgeAuthModule.forFeatureAsync({ name: 'orders', ...options() })), 'orders');
  });

  it('keeps the settings of each apart, though all use the same injection tokens', async () => {
    const names = ['orders', 'customers', 'files'];
    const features = names.map((name) =>
      ForgeAuthModule.forFeatureAsync({
        name,
        extraProviders: [{ provide: SETTINGS, useValue: name }],
        useClass: Factory,
      }),
    );
    await expectServices(await start(...features, ForgeAuthModule.forRoot()), ...names);
  });

  it.each<[string, Pick<ForgeServiceAsyncOptions, 'useFactory' | 'useClass'>]>([
    ['useFactory', { useFactory: (config: ConfigService) => ({ baseUrl: config.getOrThrow<string>('ORDERS_URL') }) }],
    ['useClass', { useClass: ReadsConfig }],
  ])('names the variable that is not set, and its service: %s', async (_name, how) => {
    const feature = ForgeAuthModule.forFeatureAsync({
      name: 'orders',
      imports: [configOf({})],
      inject: [ConfigService],
      ...how,
    });
    const error = await bootFailure({ imports: [feature] });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toBe('Service "orders": the configuration variable ORDERS_URL is not set.');
  });

  it.each<[string, () => unknown, string]>([
    ['another name', () => ({ name: 'files' }), 'answered options for "files". Use one name.'],
    ['nothing', () => undefined, 'answered no options'],
    ['null', () => null, 'answered no options'],
    ['a text', () => 'https://orders.example', 'answered no options'],
  ])('is refused when its factory answers %s', async (_name, useFactory, problem) => {
    const feature = ForgeAuthModule.forFeatureAsync({ name: 'orders', useFactory: useFactory as () => never });
    const error = await bootFailure({ imports: [feature] });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ serviceName: 'orders' });
    expect(error.message).toContain('Service "orders": its factory');
    expect(error.message).toContain(problem);
  });
});

it('one dynamic module may be imported by several modules', async () => {
  const features = [
    ForgeAuthModule.forFeature(service('orders')),
    ForgeAuthModule.forFeatureAsync({ name: 'files', useFactory: () => unnamed('files') }),
  ];
  const services = await start(moduleOf({ imports: features }), moduleOf({ imports: features }), ...features);
  await expectServices(services, 'orders', 'files');
});

describe('a name that is registered twice', () => {
  it('is fine with the same object', async () => {
    const orders = service('orders');
    const services = await start(
      ForgeAuthModule.forRoot({ services: [orders] }),
      ForgeAuthModule.forFeature(orders),
      moduleOf({ imports: [ForgeAuthModule.forFeature(orders, service('customers'))] }),
    );
    await expectServices(services, 'orders', 'customers');
  });

  it.each<[string, () => NonNullable<ModuleMetadata['imports']>]>([
    ['in one root', () => [ForgeAuthModule.forRoot({ services: [service('orders'), service('orders')] })]],
    [
      'in the root and a feature',
      () => [ForgeAuthModule.forRoot({ services: [service('orders')] }), ForgeAuthModule.forFeature(service('orders'))],
    ],
    [
      'in two features',
      () => [
        ForgeAuthModule.forFeature(service('orders')),
        moduleOf({ imports: [ForgeAuthModule.forFeature(service('orders'))] }),
      ],
    ],
    [
      'by a factory',
      () => [
        ForgeAuthModule.forFeature(service('orders')),
        ForgeAuthModule.forFeatureAsync({ name: 'orders', useFactory: () => unnamed('orders') }),
      ],
    ],
  ])('with different objects is refused: %s', async (_name, imports) => {
    const error = await bootFailure({ imports: imports() });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toBe(
      'Service "orders" is registered twice with different options. Give each registration a name of its own.',
    );
  });
});

it.each(['a b', 'ü', '🦄', '__proto__', 'constructor', 'a:b', 'a/b', '0'])(
  'a service may have the name %s',
  async (name) => {
    const services = await start(ForgeAuthModule.forRoot({ services: [{ ...service('x'), name }] }));
    expect(services.names()).toEqual([name]);
    await expectWorking(services.client(name), 'x');
  },
);
