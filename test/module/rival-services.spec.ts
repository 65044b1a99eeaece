import type { INestApplicationContext } from '@nestjs/common';
import {
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  type ClientCredentialsTokenProviderOptions,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  StaticTokenProvider,
  type TokenAuthOptions,
  TokenFetchPipeline,
  TokenManager,
  Token,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { CLIENT } from '../support/token-endpoint.js';
import { recordingLogger, World } from '../tokens/world.js';
import { boot } from './boot.js';

const world = new World();
let app: INestApplicationContext | undefined;
beforeEach(() => world.start());
afterEach(async () => {
  await app?.close();
  app = undefined;
  await world.close();
});

/** Starts an app of these services and returns what it warned of rivals. */
async function warningsOf(...auths: TokenAuthOptions[]): Promise<readonly string[]> {
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

  it.each<[what: string, auths: () => TokenAuthOptions[]]>([
    ['two providers that would get the same token', () => [{ provider: provider() }, { provider: provider() }]],
    [
      'scopes in another order',
      () => [{ provider: provider({ scope: 'a b' }) }, { provider: provider({ scope: ['b', 'a'] }) }],
    ],
    [
      'one provider whose requests no key tells apart',
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

  it.each<[what: string, auths: () => TokenAuthOptions[]]>([
    ['a manager shared by name', () => [{ provider: provider() }, { tokenManager: 'a' }]],
    [
      'a manager shared by two services',
      () => {
        const tokenManager = world.manager();
        return [{ tokenManager }, { tokenManager }];
      },
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

  it('cost a token request for nearly every call where each token revokes the one before; shared, they cost one', async () => {
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
