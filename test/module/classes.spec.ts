import { Inject, Injectable, Module, Scope, type Type } from '@nestjs/common';
import {
  type AuthenticatedRequest,
  type Authenticator,
  CompositeAuth,
  ConfigurationError,
  createForgeClient,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  Token,
  type TokenProvider,
  type TokenRequestContext,
} from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { welcome } from '../security/strangers.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { boot, bootFailure } from './boot.js';

let api: RecordingServer;
let made = 0;
const closing: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  api = await startServer(welcome);
});

beforeEach(() => {
  made = 0;
});

afterEach(async () => {
  for (const app of closing.splice(0).toReversed()) await app.close();
  api.reset();
});

afterAll(() => api.close());

@Injectable()
class Vault {
  readonly secret = 'from-the-vault';
}

@Module({ providers: [Vault], exports: [Vault] })
class VaultModule {}

@Injectable()
class VaultProvider implements TokenProvider {
  constructor(@Inject(Vault) private readonly vault: Vault) {
    made += 1;
  }

  async fetchToken(context?: TokenRequestContext): Promise<Token> {
    return new Token({ accessToken: `${this.vault.secret}-for-${context?.serviceName}` });
  }
}

@Injectable()
class VaultAuth implements Authenticator {
  constructor(@Inject(Vault) private readonly vault: Vault) {
    made += 1;
  }

  authenticate(request: AuthenticatedRequest): void {
    request.headers['authorization'] = `Vault ${this.vault.secret}`;
  }
}

class PlainProvider implements TokenProvider {
  async fetchToken(): Promise<Token> {
    return new Token({ accessToken: 'plain' });
  }
}

class PlainAuth implements Authenticator {
  authenticate(request: AuthenticatedRequest): void {
    request.headers['authorization'] = 'Plain auth';
  }
}

function service(auth: NonNullable<ForgeServiceOptions['auth']>, name = 'orders'): ForgeServiceOptions {
  return { name, baseUrl: api.origin, auth };
}

/** Starts an app, makes one call, and answers what the API saw of the credential. */
async function credentialIn(metadata: Parameters<typeof boot>[0], name = 'orders'): Promise<string | undefined> {
  const app = await boot(metadata);
  closing.push(app);
  await app.get(ForgeAuthService).client(name).get('/');
  return api.requests.at(-1)?.headers.authorization;
}

describe('a class', () => {
  it.each<[string, ForgeServiceOptions['auth'], string]>([
    ['as provider', { provider: VaultProvider }, 'Bearer from-the-vault-for-orders'],
    ['as authenticator', VaultAuth, 'Vault from-the-vault'],
  ])('%s is taken from the app where it is registered, however deep', async (_slot, auth, credential) => {
    const registered = auth === VaultAuth ? VaultAuth : VaultProvider;
    @Module({ imports: [VaultModule], providers: [registered] })
    class Inner {}
    @Module({ imports: [Inner] })
    class Outer {}
    const root = ForgeAuthModule.forRoot({ services: [service(auth as VaultAuth)] });
    expect(await credentialIn({ imports: [root, Outer] })).toBe(credential);
    expect(made).toBe(1);
  });

  it.each<[string, ForgeServiceOptions['auth'], string]>([
    ['as provider', { provider: PlainProvider }, 'Bearer plain'],
    ['as authenticator', PlainAuth, 'Plain auth'],
  ])('%s is created where nobody registers it', async (_slot, auth, credential) => {
    const root = ForgeAuthModule.forRoot({ services: [service(auth as PlainAuth)] });
    expect(await credentialIn({ imports: [root] })).toBe(credential);
  });

  it('a class is created with what it injects, where that is global', async () => {
    const root = ForgeAuthModule.forRoot({ services: [service({ provider: VaultProvider })] });
    const vault = { module: VaultModule, global: true };
    expect(await credentialIn({ imports: [root, vault] })).toBe('Bearer from-the-vault-for-orders');
    expect(made).toBe(1);
  });

  it('a class of an app that two services name is one instance, with a token for each', async () => {
    const services = ['orders', 'customers'].map((name) => service({ provider: VaultProvider }, name));
    const metadata = { imports: [VaultModule, ForgeAuthModule.forRoot({ services })], providers: [VaultProvider] };
    expect(await credentialIn(metadata, 'customers')).toBe('Bearer from-the-vault-for-customers');
    expect(await credentialIn(metadata, 'orders')).toBe('Bearer from-the-vault-for-orders');
    expect(made).toBe(2);
  });

  it('a class that injects what nobody provides stops the start, which says what to do', async () => {
    for (const [auth, name, option] of [
      [{ provider: VaultProvider }, 'VaultProvider', 'auth.provider'],
      [VaultAuth, 'VaultAuth', 'auth'],
    ] as const) {
      const error = await bootFailure({ imports: [ForgeAuthModule.forRoot({ services: [service(auth)] })] });
      expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
      expect(error.message).toMatch(
        `Service "orders": ${option}: ${name} cannot be created. Register it as a provider, with what it injects. Its creation threw UnknownDependenciesException: Nest can't resolve dependencies of the ${name}`,
      );
    }
  });

  const scopes: [string, Scope][] = [
    ['request-scoped', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ];

  it.each(scopes)('a class that says it is %s stops the start, registered or not', async (_name, scope) => {
    @Injectable({ scope })
    class ScopedProvider extends PlainProvider {}
    @Injectable({ scope })
    class ScopedAuth extends PlainAuth {}
    for (const [auth, type] of [
      [{ provider: ScopedProvider }, ScopedProvider],
      [ScopedAuth, ScopedAuth],
    ] as const) {
      for (const providers of [[], [type as Type]]) {
        const root = ForgeAuthModule.forRoot({ services: [service(auth)] });
        const error = await bootFailure({ imports: [root], providers });
        expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
        expect(error.message).toContain(`${type.name} is request-scoped or transient, but serves every call.`);
        expect(error.message).toContain('Give it the default scope.');
      }
    }
  });

  it.each(scopes)('a class that is registered as %s stops the start', async (_name, scope) => {
    const root = ForgeAuthModule.forRoot({ services: [service({ provider: PlainProvider })] });
    const providers = [{ provide: PlainProvider, useClass: PlainProvider, scope }];
    const error = await bootFailure({ imports: [root], providers });
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toContain('PlainProvider is request-scoped or transient');
  });

  it('a class that injects something request-scoped stops the start, registered or not', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {}
    @Injectable()
    class TenantProvider extends PlainProvider {
      constructor(@Inject(Tenant) readonly tenant: Tenant) {
        super();
      }
    }
    @Module({ providers: [Tenant], exports: [Tenant] })
    class TenantModule {}
    const tenants = { module: TenantModule, global: true };
    for (const providers of [[], [TenantProvider]]) {
      const root = ForgeAuthModule.forRoot({ services: [service({ provider: TenantProvider })] });
      const error = await bootFailure({ imports: [tenants, root], providers });
      expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
      expect(error.message).toContain('TenantProvider');
    }
  });

  it('a factory of options that injects something request-scoped stops the start: options serve every request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {}
    @Module({ providers: [Tenant], exports: [Tenant] })
    class TenantModule {}
    const injecting = { imports: [TenantModule], inject: [Tenant] };
    const options = service({ provider: PlainProvider });
    for (const module of [
      ForgeAuthModule.forFeatureAsync({ ...injecting, name: 'orders', useFactory: () => options }),
      ForgeAuthModule.forRootAsync({ ...injecting, services: ['orders'], useFactory: () => ({ services: [options] }) }),
    ]) {
      const error = await bootFailure({ imports: [module] });
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(
        /^Service "orders": the factory of its options injects what is request-scoped, but options serve every request\./,
      );
    }
  });

  it.each([
    ['in development, what its creation threw is shown', true, 'Error: VAULT_URL is not set'],
    ['in production, by its name alone', false, 'Error'],
  ])('a class that throws when it is created stops the start: %s', async (_name, revealCauses, thrown) => {
    class Unset extends PlainProvider {
      constructor() {
        super();
        throw new Error('VAULT_URL is not set');
      }
    }
    const root = ForgeAuthModule.forRoot({ services: [service({ provider: Unset })], revealCauses });
    const error = await bootFailure({ imports: [root] });
    expect(error).toMatchObject({ serviceName: 'orders' });
    expect(error.message).toMatch(new RegExp(`Its creation threw ${thrown}$`));
  });

  it('a provider that cannot be closed is logged, and keeps nothing else open', async () => {
    class Stuck extends PlainProvider {
      async close(): Promise<void> {
        throw new Error('the vault is gone');
      }
    }
    const logger = recordingLogger();
    const pipeline = { steps: [{ name: 'a', provider: new Stuck() }] };
    const services = [service({ provider: new Stuck() }), service({ pipeline }, 'customers')];
    const app = await boot({ imports: [ForgeAuthModule.forRoot({ services })] }, { logger });
    for (const name of ['orders', 'customers']) await app.get(ForgeAuthService).client(name).get('/');
    await app.close();
    expect(logger.warnings.map((line) => line.split('\n')[0])).toEqual([
      'The provider of "orders" could not be closed: it threw Error: the vault is gone.',
      'The provider of "customers" could not be closed: it threw Error: the vault is gone.',
    ]);
  });

  it('a class in a composite is refused, which says what to give', async () => {
    const auth = new CompositeAuth([VaultAuth as never]);
    const error = await bootFailure({ imports: [ForgeAuthModule.forRoot({ services: [service(auth)] })] });
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toContain('auth must be an authenticator');
  });

  it('a class is created without an injector outside Nest, where it needs none', async () => {
    const client = createForgeClient(service({ provider: PlainProvider }));
    await client.get('/');
    expect(api.requests[0]?.headers.authorization).toBe('Bearer plain');
    await client.close();
    const injecting = createForgeClient(service({ provider: VaultProvider }));
    expect(await rejection(injecting.get('/'))).toBeInstanceOf(Error);
    await injecting.close();
  });
});

describe('a function as auth', () => {
  it('a function as auth is called once, when the app starts', async () => {
    let calls = 0;
    const auth = (): Authenticator => {
      calls += 1;
      return new PlainAuth();
    };
    expect(await credentialIn({ imports: [ForgeAuthModule.forRoot({ services: [service(auth)] })] })).toBe(
      'Plain auth',
    );
    expect(calls).toBe(1);
  });
});
