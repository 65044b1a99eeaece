import { generateKeyPairSync } from 'node:crypto';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientCredentialsTokenProvider,
  ConfigurationError,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  type GrantOptions,
  InMemoryTokenStorage,
  PasswordGrantTokenProvider,
  RedisTokenStorage,
  RefreshTokenProvider,
  TokenFetchPipeline,
  TokenManager,
  type TokenManagerOptions,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { Redis } from 'ioredis';
import { give } from '../support/answer.js';
import { type AuthorizationServer, CLIENTS, startAuthorizationServer } from '../support/authorization-server.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { useRedis } from '../support/redis-of-spec.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from '../tokens/world.js';

const world = new World();
let server: RecordingServer;
/** How the revocation endpoint answers. */
let revocation: { status: number; json?: unknown } = { status: 200 };
let count = 0;

beforeEach(async () => {
  revocation = { status: 200 };
  server = world.closeLater(
    await startServer((request, res) => {
      if (request.path === '/revoke') return give(res, revocation);
      const user = request.form().get('grant_type') !== 'client_credentials';
      const tokens = { access_token: `access-${++count}`, ...(user && { refresh_token: `refresh-${count}` }) };
      return give(res, {
        json: { ...tokens, expires_in: 3_600, token_type: request.headers['dpop'] ? 'DPoP' : 'Bearer' },
      });
    }),
  );
});
afterEach(() => world.close());

function optionsWith(more: Partial<GrantOptions> = {}): GrantOptions {
  return {
    tokenUrl: `${server.origin}/token`,
    revocationUrl: `${server.origin}/revoke`,
    clientId: 'machine',
    clientSecret: 'a secret',
    revokeOnClose: true,
    ...more,
  };
}

function managerOf(provider: TokenProvider, more: Partial<TokenManagerOptions> = {}): TokenManager {
  return world.closeLater(new TokenManager({ name: 'orders', provider, ...more }));
}

/** Lists the revocations: the hint, and the token without its number. */
const revoked = (): string[] =>
  server.requests
    .filter(({ path }) => path === '/revoke')
    .map((request) => `${request.form().get('token_type_hint')} ${request.form().get('token')?.replace(/-\d+$/, '')}`);

/** A service with a lock of its own. */
const lockedService = (name: string, clientId: string): ForgeServiceOptions => ({
  name,
  baseUrl: server.origin,
  lock: {
    acquire: async () => ({ generation: Date.now(), extend: async () => true, release: async () => undefined }),
  },
  auth: { provider: new ClientCredentialsTokenProvider(optionsWith({ clientId })) },
});

describe('revokeOnClose', () => {
  it('revokes what this process alone has, once, when it closes', async () => {
    const manager = managerOf(new ClientCredentialsTokenProvider(optionsWith()));
    await Promise.all([manager.getToken(), manager.getToken({ scope: 'read' })]);
    await manager.close();
    await manager.close();
    expect(revoked()).toEqual(['access_token access', 'access_token access']);
  });

  it('revokes the refresh token where there is one', async () => {
    const provider = new PasswordGrantTokenProvider({ ...optionsWith(), username: 'alice', password: 'word' });
    const manager = managerOf(provider);
    await manager.getToken();
    await manager.close();
    expect(revoked()).toEqual(['refresh_token refresh']);
  });

  it('leaves a configured refresh token good: it is needed at the next start', async () => {
    const manager = managerOf(new RefreshTokenProvider({ ...optionsWith(), refreshToken: 'configured' }));
    await manager.getToken();
    await manager.close();
    expect(revoked()).toEqual(['access_token access']);
  });

  it('revokeOnClose is off unless asked for', async () => {
    const { revokeOnClose: _, ...options } = optionsWith();
    const manager = managerOf(new ClientCredentialsTokenProvider(options));
    await manager.getToken();
    await manager.close();
    expect(revoked()).toEqual([]);
  });

  it('revokeOnClose has nothing to revoke where no token was asked for, or the last one has run out or was revoked', async () => {
    await managerOf(new ClientCredentialsTokenProvider(optionsWith())).close();
    const manager = managerOf(new ClientCredentialsTokenProvider(optionsWith()));
    await manager.getToken();
    await manager.revoke();
    await manager.close();
    expect(revoked()).toEqual(['access_token access']);
  });

  it('waits for the last one who keeps tokens in a memory', async () => {
    const storage = new InMemoryTokenStorage();
    const managers = [1, 2].map(() => managerOf(new ClientCredentialsTokenProvider(optionsWith()), { storage }));
    for (const manager of managers) await manager.getToken();
    await managers[0]?.close();
    expect(revoked()).toEqual([]);
    await managers[1]?.close();
    expect(revoked()).toEqual(['access_token access']);
  });

  it('revokes those of an application whose services have locks of their own', async () => {
    const services = [lockedService('orders', 'one'), lockedService('invoices', 'two')];
    @Module({ imports: [ForgeAuthModule.forRoot({ services })] })
    class App {}
    const app = await NestFactory.createApplicationContext(App, { logger: false });
    for (const { name } of services) await app.get(ForgeAuthService).tokens(name).getToken();
    await app.close();
    expect(revoked()).toEqual(['access_token access', 'access_token access']);
  });

  it('leaves tokens in a foreign store alone', async () => {
    const manager = managerOf(new ClientCredentialsTokenProvider(optionsWith()), { storage: new Map() as never });
    await manager.getToken();
    await manager.close();
    expect(revoked()).toEqual([]);
  });

  it('logs what could not be revoked, and closes all the same', async () => {
    const logger = recordingLogger();
    revocation = { status: 503, json: { error: 'temporarily_unavailable' } };
    const manager = managerOf(new ClientCredentialsTokenProvider(optionsWith()), { logger });
    const { accessToken } = await manager.getToken();
    await manager.close();
    expect(logger.warnings).toEqual([expect.stringMatching(/^A token of "orders" was not revoked at the end: .*503/)]);
    expect(logger.warnings.join()).not.toContain(accessToken);
  });

  it('revokes a pipeline’s tokens of grants', async () => {
    const provider = new ClientCredentialsTokenProvider(optionsWith());
    const pipeline = new TokenFetchPipeline({ steps: [{ name: 'app', provider }] });
    await pipeline.execute();
    await pipeline.close();
    expect(revoked()).toEqual(['access_token access']);
  });

  it('revokes when the application closes', async () => {
    class App {}
    Module({
      imports: [
        ForgeAuthModule.forRoot({
          services: [
            {
              name: 'orders',
              baseUrl: server.origin,
              auth: { provider: new ClientCredentialsTokenProvider(optionsWith()) },
            },
          ],
        }),
      ],
    })(App);
    const app = await NestFactory.createApplicationContext(App, { logger: false });
    await app.get(ForgeAuthService).client('orders').get('/token');
    await app.close();
    expect(revoked()).toEqual(['access_token access']);
  });

  it('revokeOnClose needs to know where to revoke', async () => {
    const { revocationUrl: _, ...options } = optionsWith();
    const work = async (): Promise<unknown> => managerOf(new ClientCredentialsTokenProvider(options)).getToken();
    const error = await rejection(work());
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(/revokeOnClose.*revocationUrl, or issuer/);
  });

  describe('beside processes that go on', () => {
    const redis = useRedis();

    const fleetManager = (more: Partial<GrantOptions> = {}): TokenManager => {
      const client = new Redis(redis.url);
      world.closeLater({ close: () => client.disconnect() });
      const provider = new ClientCredentialsTokenProvider(optionsWith(more));
      return managerOf(provider, { storage: new RedisTokenStorage(client) });
    };

    it('leaves the shared token good', async () => {
      const [first, second] = [fleetManager(), fleetManager()];
      const token = await first.getToken();
      await first.close();
      expect((await second.getToken()).accessToken).toBe(token.accessToken);
      await second.close();
      expect(revoked()).toEqual([]);
    });

    it('revokes a token that is bound to a key of this process’s own, and none that is bound to a shared one', async () => {
      const [own, shared] = [
        fleetManager({ dpop: true }),
        fleetManager({ dpop: { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey } }),
      ];
      for (const manager of [own, shared]) await manager.getToken();
      await shared.close();
      expect(revoked()).toEqual([]);
      await own.close();
      expect(revoked()).toEqual(['access_token access']);
    });

    it('revokes a token that stays in its process since a hook may change it', async () => {
      const hooked = fleetManager({
        compliance: { tokenRequest: ({ headers }) => void (headers['x-tenant'] = 'acme') },
      });
      await hooked.getToken();
      await hooked.close();
      expect(revoked()).toEqual(['access_token access']);
    });
  });

  it('revokeOnClose is believed by a certified server', async () => {
    const certified: AuthorizationServer = world.closeLater(await startAuthorizationServer());
    const provider = new ClientCredentialsTokenProvider({
      issuer: certified.issuer,
      ...CLIENTS.basic,
      revokeOnClose: true,
    });
    const manager = managerOf(provider);
    const { accessToken } = await manager.getToken();
    expect(await certified.isValid(accessToken)).toBe(true);
    await manager.close();
    expect(await certified.isValid(accessToken)).toBe(false);
  });
});
