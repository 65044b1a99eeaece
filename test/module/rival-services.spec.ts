import type { INestApplicationContext } from '@nestjs/common';
import {
  ApiKeyAuth,
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  type ClientCredentialsTokenProviderOptions,
  CompositeAuth,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  GrantTokenProvider,
  StaticTokenProvider,
  TokenAuth,
  TokenFetchPipeline,
  TokenManager,
  Token,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { startServer } from '../support/recording-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from '../tokens/world.js';
import { boot } from './boot.js';

const world = new World();
let app: INestApplicationContext | undefined;
beforeEach(() => world.start());
afterEach(async () => {
  await app?.close();
  app = undefined;
  await world.close();
});

type ServiceAuth = NonNullable<ForgeServiceOptions['auth']>;

/** A manager of the app's own, put on the calls of one service. */
const managed = (tokens: TokenProvider, name = 'given'): TokenAuth =>
  new TokenAuth(world.closeLater(new TokenManager({ name, provider: tokens })));

/** Starts an app of these services and returns what it warned of rivals. */
async function warningsOf(...auths: ServiceAuth[]): Promise<readonly string[]> {
  const logger = recordingLogger();
  const services: ForgeServiceOptions[] = auths.map((auth, index) => ({
    name: 'abcd'[index] as string,
    baseUrl: world.api.origin,
    auth,
  }));
  app = await boot({ imports: [ForgeAuthModule.forRoot({ services })] }, { logger });
  return logger.warnings.filter((line) => line.includes('each for itself'));
}

const provider = (more: Partial<ClientCredentialsTokenProviderOptions> = {}): ClientCredentialsTokenProvider =>
  new ClientCredentialsTokenProvider({ tokenUrl: world.endpoint.url, ...CLIENT, ...more });

/** The same grant by its name. */
const byName = (params: Record<string, string> = {}): GrantTokenProvider =>
  new GrantTokenProvider({ tokenUrl: world.endpoint.url, ...CLIENT, grantType: 'client_credentials', params });

const fetcher = (name: string, requestData: Record<string, string> = {}): BodyTokenFetcher =>
  new BodyTokenFetcher({ name, baseUrl: world.endpoint.server.origin, endpoint: '/token', requestData });

/** A step behind another one, unlike any other. */
const last = (dependsOn = 'app', name = 'last'): BodyTokenFetcher =>
  new BodyTokenFetcher({ name, baseUrl: world.endpoint.server.origin, dependsOn: [dependsOn] });

const sealed = (): Promise<string> => Promise.reject(new Error('the vault is sealed'));

/** Of the app's own; tells no identity. */
class OwnProvider implements TokenProvider {
  async fetchToken(): Promise<Token> {
    return new Token({ accessToken: 'own' });
  }
}

describe('services that ask for the same token, each for itself', () => {
  it('services that ask for the same token, each for itself are named in one line at the start, with the cure', async () => {
    const shared = provider();
    expect(await warningsOf({ provider: shared }, { provider: shared }, { provider: shared })).toEqual([
      expect.stringMatching(/^Services "a", "b", "c" .* give "b", "c" auth: \{ tokenManager: 'a' \}\.$/),
    ]);
  });

  it.each<[what: string, auths: () => ServiceAuth[]]>([
    ['two providers that would get the same token', () => [{ provider: provider() }, { provider: provider() }]],
    [
      'scopes in another order',
      () => [{ provider: provider({ scope: 'a b' }) }, { provider: provider({ scope: ['b', 'a'] }) }],
    ],
    [
      'ways of showing who the client is',
      () => [{ provider: provider() }, { provider: provider({ authMethod: 'client_secret_post' }) }],
    ],
    [
      'a secret as text and as a function',
      () => [{ provider: provider() }, { provider: provider({ clientSecret: () => CLIENT.clientSecret }) }],
    ],
    [
      'an endpoint written in two ways',
      () => [
        { provider: provider() },
        { provider: provider({ tokenUrl: world.endpoint.url.replace('http:', 'HTTP:') }) },
      ],
    ],
    [
      'settings that only say how to ask, and what to do with the token',
      () => [
        { provider: provider() },
        {
          provider: provider({ http: { timeoutMs: 500 }, onToken: () => undefined }),
          refreshWindowMs: 5,
          headerName: 'x-token',
        },
      ],
    ],
    [
      'one provider whose requests no key distinguishes',
      () => {
        const hooked = provider({ compliance: { tokenRequest: (request) => request } });
        return [{ provider: hooked }, { provider: hooked }];
      },
    ],
    [
      "one provider of the app's own",
      () => {
        const own = new OwnProvider();
        return [{ provider: own }, { provider: own }];
      },
    ],
    ['one class that makes a provider of each', () => [{ provider: OwnProvider }, { provider: OwnProvider }]],
    [
      "two providers of the app's own with one identity",
      () => [
        { provider: Object.assign(new OwnProvider(), { identity: ['acme'] }) },
        { provider: Object.assign(new OwnProvider(), { identity: ['acme'] }) },
      ],
    ],
    [
      'a provider, and a manager over it',
      () => {
        const shared = provider();
        return [
          { provider: shared },
          { tokenManager: world.closeLater(new TokenManager({ name: 'given', provider: shared })) },
        ];
      },
    ],
    ['a provider, and a manager in an authenticator', () => [{ provider: provider() }, managed(provider())]],
    [
      'a manager in an authenticator, and one among others',
      () => [
        managed(provider()),
        new CompositeAuth([new ApiKeyAuth('a key', { headerName: 'x-key' }), managed(provider())]),
      ],
    ],
    ['a grant, and the same by its name', () => [{ provider: provider() }, { provider: byName() }]],
    [
      'one pipeline',
      () => {
        const step = new BodyTokenFetcher({ name: 'app', baseUrl: world.endpoint.server.origin, endpoint: '/token' });
        const pipeline = new TokenFetchPipeline({ steps: [step] });
        return [{ pipeline }, { pipeline }];
      },
    ],
  ])('services that ask for the same token, each for itself are named: %s', async (_what, auths) => {
    expect(await warningsOf(...auths())).toEqual([expect.stringContaining('Services "a", "b" ')]);
  });

  it.each<[what: string, auths: () => ServiceAuth[]]>([
    ['a manager shared by name', () => [{ provider: provider() }, { tokenManager: 'a' }]],
    [
      'a manager shared by two services',
      () => {
        const tokenManager = world.manager();
        return [{ tokenManager }, { tokenManager }];
      },
    ],
    [
      'a manager in the authenticators of two services',
      () => {
        const auth = managed(provider());
        return [auth, auth];
      },
    ],
    ['managers of other clients', () => [managed(provider()), managed(provider({ clientId: 'another' }))]],
    [
      'a manager whose provider is wrong: its first call says so',
      () => {
        const wrong = Object.assign(new OwnProvider(), { bind: () => Promise.reject(new Error('wrong')) });
        return [managed(wrong), managed(wrong)];
      },
    ],
    [
      "a manager of the app's own make",
      () => {
        const manager = { getToken: async () => new Token({ accessToken: 'own' }) } as unknown as TokenManager;
        return [new TokenAuth(manager), new TokenAuth(manager)];
      },
    ],
    [
      'a grant by its name, with a parameter of its own',
      () => [{ provider: provider() }, { provider: byName({ tenant: 'b' }) }],
    ],
    ['another scope', () => [{ provider: provider({ scope: 'read' }) }, { provider: provider({ scope: 'write' }) }]],
    ['another client', () => [{ provider: provider() }, { provider: provider({ clientId: 'another' }) }]],
    ['another secret', () => [{ provider: provider() }, { provider: provider({ clientSecret: 'another' }) }]],
    [
      "providers of the app's own that tell no identity",
      () => [{ provider: new OwnProvider() }, { provider: new OwnProvider() }],
    ],
    [
      'a token that nobody asks for',
      () => {
        const fixed = new StaticTokenProvider('fixed-token');
        return [{ provider: fixed }, { provider: fixed }];
      },
    ],
    [
      'a secret that cannot be read yet',
      () => [{ provider: provider({ clientSecret: sealed }) }, { provider: provider({ clientSecret: sealed }) }],
    ],
  ])('services that ask for the same token, each for itself are not named: %s', async (_what, auths) => {
    expect(await warningsOf(...auths())).toEqual([]);
  });

  it.each<[what: string, auths: () => ServiceAuth[], named: string, cure: string]>([
    [
      'managers in authenticators',
      () => [managed(provider()), managed(provider())],
      '"a", "b"',
      'Share one: give the TokenAuth of "a", "b" the same TokenManager.',
    ],
    [
      'a manager in an authenticator, and a provider',
      () => [managed(provider()), { provider: provider() }],
      '"a", "b"',
      `give "a" auth: { tokenManager: 'b' }.`,
    ],
    [
      'a manager in an authenticator, and a step',
      () => [managed(provider()), { pipeline: { steps: [{ name: 'app', provider: provider() }, last()] } }],
      '"a", "b" (step "app")',
      `declare a service for it, and give "a" auth: { tokenManager: '…' }, and give step "app" of "b" tokenManager: '…'`,
    ],
    [
      'a provider, and the same as a step of a pipeline',
      () => {
        const shared = provider();
        return [{ provider: shared }, { pipeline: { steps: [{ name: 'app', provider: shared }, last()] } }];
      },
      '"a", "b" (step "app")',
      `give step "app" of "b" tokenManager: 'a' in place of what obtains it`,
    ],
    [
      'a step of a pipeline, and a provider that would get the same token',
      () => [
        { pipeline: { steps: [last(), { name: 'app', provider: provider() }] } },
        { provider: provider({ authMethod: 'client_secret_post' }) },
      ],
      '"a" (step "app"), "b"',
      `give step "app" of "a" tokenManager: 'b' in place of what obtains it`,
    ],
    [
      'a provider in two pipelines',
      () => {
        const shared = provider();
        return [
          { pipeline: { steps: [{ name: 'app', provider: shared }, last()] } },
          { pipeline: { steps: [{ name: 'base', provider: shared }, last('base')] } },
        ];
      },
      '"a" (step "app"), "b" (step "base")',
      `declare a service for it, and give step "app" of "a", "base" of "b" tokenManager: '…' in place of what obtains it`,
    ],
    [
      'a fetcher in two pipelines',
      () => {
        const first = fetcher('app');
        return [{ pipeline: { steps: [first, last()] } }, { pipeline: { steps: [first, last('app', 'other')] } }];
      },
      '"a" (step "app"), "b" (step "app")',
      'declare a service for it',
    ],
    [
      'two fetchers that send the same',
      () => [
        { pipeline: { steps: [fetcher('app'), last()] } },
        { pipeline: { steps: [fetcher('base'), last('base')] } },
      ],
      '"a" (step "app"), "b" (step "base")',
      'declare a service for it',
    ],
    [
      'two services and a step',
      () => [
        { provider: provider() },
        { provider: provider() },
        { pipeline: { steps: [{ name: 'app', provider: provider() }, last()] } },
      ],
      '"a", "b", "c" (step "app")',
      `give "b" auth: { tokenManager: 'a' }, and give step "app" of "c" tokenManager: 'a'`,
    ],
  ])('services whose pipelines ask for the same token are named: %s', async (_what, auths, named, cure) => {
    expect(await warningsOf(...auths())).toEqual([expect.stringContaining(`Services ${named} ask for the same`)]);
    expect((await warningsOf(...auths()))[0]).toContain(cure);
  });

  it.each<[what: string, auths: () => ServiceAuth[]]>([
    [
      'steps that ask for different tokens',
      () => [
        { pipeline: { steps: [{ name: 'app', provider: provider({ scope: 'read' }) }, last()] } },
        { pipeline: { steps: [{ name: 'app', provider: provider({ scope: 'write' }) }, last()] } },
      ],
    ],
    [
      'fetchers that send different requests',
      () => [
        { pipeline: { steps: [fetcher('app'), last()] } },
        { pipeline: { steps: [fetcher('app', { tenant: 'b' }), last()] } },
      ],
    ],
    [
      'the token of a service as a step',
      () => [{ provider: provider() }, { pipeline: { steps: [{ name: 'app', tokenManager: 'a' }, last()] } }],
    ],
  ])('services whose pipelines do not are not named: %s', async (_what, auths) => {
    expect(await warningsOf(...auths())).toEqual([]);
  });

  it('a step that takes the token of a service asks for none of its own, and follows its renewals', async () => {
    const { endpoint } = world;
    const used: string[] = [];
    const issuer = world.closeLater(
      await startServer((request, response) => {
        const parent = String(request.headers['x-parent']);
        if (!endpoint.isValid(parent)) return void json(response, 401, {});
        used.push(parent);
        json(response, 200, { access_token: `user-${used.length}`, expires_in: 600 });
      }),
    );
    const user = new BodyTokenFetcher({
      name: 'user',
      baseUrl: issuer.origin,
      dependsOn: ['app'],
      requestHeaders: (context) => ({ 'x-parent': context.accessToken('app') }),
    });
    await warningsOf(
      { provider: provider() },
      { pipeline: { steps: [{ name: 'app', tokenManager: 'a' }, user], refreshFromStep: 'user' } },
    );
    const service = app?.get(ForgeAuthService, { strict: false });
    const pipeline = service?.pipeline('b');
    await pipeline?.execute();
    const shared = await service?.tokens('a').getToken();
    expect(used).toEqual([shared?.accessToken]);
    expect(endpoint.tokenRequests).toBe(1);
    // Revoked at the issuer: the step's child is refused, and the service's own token is renewed, once.
    endpoint.revokeAll();
    await pipeline?.invalidateStep('user');
    await pipeline?.execute();
    expect(endpoint.tokenRequests).toBe(2);
    expect((await service?.tokens('a').getToken())?.accessToken).toBe(used[1]);
    // Renewed by the service itself, and the older one revoked: the step takes what is there.
    await service?.tokens('a').forceRefresh();
    endpoint.revoke(used[1] as string);
    await pipeline?.invalidateStep('user');
    await pipeline?.execute();
    expect(endpoint.tokenRequests).toBe(3);
    expect((await service?.tokens('a').getToken())?.accessToken).toBe(used[2]);
  });

  it.each([
    [
      'that is not there',
      'nowhere',
      /step "app": tokenManager names service "nowhere", which is not there\. Registered: a/,
    ],
    ['that it belongs to', 'b', /names a circle: b → b/],
  ])('a step that takes the token of a service %s is refused at the start', async (_what, tokenManager, message) => {
    const starting = warningsOf({ provider: provider() }, { pipeline: { steps: [{ name: 'app', tokenManager }] } });
    await expect(starting).rejects.toThrow(message);
  });

  it('reads no secret for services whose clients differ', async () => {
    let reads = 0;
    const counted = (clientId: string): ClientCredentialsTokenProvider =>
      provider({
        clientId,
        clientSecret: () => {
          reads += 1;
          return 'secret';
        },
      });
    await warningsOf({ provider: counted('one') }, { provider: counted('two') });
    expect(reads).toBe(0);
  });

  it('services that ask for the same token, each for itself, cost a token request for nearly every call where each token revokes the one before; shared, they cost one', async () => {
    const { endpoint } = world;
    const calls = async (): Promise<number> => {
      const before = endpoint.tokenRequests;
      const clients = ['a', 'b'].map((name) => app?.get(ForgeAuthService, { strict: false }).client(name));
      for (let turn = 0; turn < 10; turn += 1) for (const client of clients) await client?.get('/');
      return endpoint.tokenRequests - before;
    };
    endpoint.configure({
      respond: () => {
        endpoint.revokeAll();
        return undefined;
      },
    });
    await warningsOf({ provider: provider() }, { provider: provider() });
    expect(await calls()).toBe(20);
    await app?.close();
    await warningsOf({ provider: provider() }, { tokenManager: 'a' });
    expect(await calls()).toBe(1);
  });
});
