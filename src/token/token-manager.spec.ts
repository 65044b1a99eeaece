import { ConfigurationError, InvalidRequestError } from '../errors.js';
import { silentLogger } from '../logger.js';
import { FakeClock } from '../testing/fake-clock.js';
import { instantiateAlone, standaloneScope } from './standalone.js';
import { TokenManager, type TokenManagerOptions } from './token-manager.js';
import type { TokenRequestContext } from './token-provider.js';
import { resolveTokenSettings } from './token-settings.js';
import type { TokenSource } from './token-source.js';
import { Token } from './token.js';
import { loadStorageGuards } from '../storage/storage-guards.js';

beforeAll(loadStorageGuards);

/** A manager of numbered tokens, and what its provider was asked for. */
function managerOf(more: Partial<TokenManagerOptions> & { readonly provided?: object } = {}) {
  const { provided, ...options } = more;
  const asked: TokenRequestContext[] = [];
  const provider = {
    fetchToken: async (context?: TokenRequestContext) => {
      asked.push(context as TokenRequestContext);
      return new Token({ accessToken: `token-${asked.length}`, refreshToken: 'r' });
    },
    ...provided,
  };
  const clock = new FakeClock();
  return { asked, clock, manager: new TokenManager({ name: 'orders', clock, provider, ...options }) };
}

const textOf = async (token: Promise<Token>): Promise<string> => (await token).accessToken;

it('a manager reports to its listeners what happens to its tokens, and is disturbed by none', async () => {
  const lines: string[] = [];
  const logger = { ...silentLogger, warn: (line: string) => void lines.push(line) };
  let fails = false;
  const fetchToken = async (): Promise<Token> => {
    if (fails) throw new TypeError('x');
    return new Token({ accessToken: 'a' });
  };
  const { manager } = managerOf({ logger, provided: { fetchToken } });
  const events: unknown[] = [];
  manager.on('refreshed', ({ token, previous }) =>
    events.push(['refreshed', token.accessToken, previous?.accessToken]),
  );
  manager.on('invalidated', ({ token }) => events.push(['invalidated', token.accessToken]));
  manager.on('failed', ({ error }) => events.push(['failed', error instanceof Error]));
  manager.on('refreshed', () => {
    throw new TypeError('canary');
  });
  await manager.getToken();
  await manager.forceRefresh();
  await manager.invalidate();
  fails = true;
  await manager.getToken().catch(() => undefined);
  expect(events).toEqual([
    ['refreshed', 'a', undefined],
    ['refreshed', 'a', 'a'],
    ['invalidated', 'a'],
    ['failed', true],
  ]);
  expect(lines.filter((line) => line.includes('failed: TypeError'))).toHaveLength(2);
  await manager.close();
  expect(manager.listenerCount('refreshed')).toBe(0);
});

it('a manager forgets the token of a call’s parameters, or all of them', async () => {
  const { manager } = managerOf();
  const request = { scope: 'a' };
  const both = async (): Promise<string[]> => [
    await textOf(manager.getToken()),
    await textOf(manager.getToken(request)),
  ];
  expect(await both()).toEqual(['token-1', 'token-2']);
  await manager.invalidate(undefined, request);
  expect([manager.peek()?.accessToken, manager.peek(request)]).toEqual(['token-1', undefined]);
  await manager.getToken(request);
  await manager.invalidate();
  expect([manager.peek(), manager.peek(request)]).toEqual([undefined, undefined]);
});

it('a manager takes a token that is set, for the parameters that it is set for', async () => {
  const { manager, asked } = managerOf();
  await manager.setToken(new Token({ accessToken: 'set' }), { scope: 'a' });
  expect(await textOf(manager.getToken({ scope: 'a' }))).toBe('set');
  expect(await textOf(manager.getToken())).toBe('token-1');
  expect(asked).toHaveLength(1);
});

it('a manager revokes and introspects what a call’s parameters stand for', async () => {
  const log: unknown[] = [];
  const provided = {
    revokeToken: async (token: Token, { request }: TokenRequestContext) =>
      void log.push(['revoke', token.accessToken, token.refreshToken, request]),
    introspectToken: async (token: Token, { request }: TokenRequestContext) => {
      log.push(['introspect', token.accessToken, request]);
      return { active: true };
    },
  };
  const { manager } = managerOf({ provided });
  expect(await manager.introspect({ scope: 'a' })).toEqual({ active: true });
  await manager.revoke({ scope: 'a', token: 'access_token' });
  await manager.getToken();
  await manager.revoke();
  expect(log).toEqual([
    ['introspect', 'token-1', { scope: 'a' }],
    ['revoke', 'token-1', undefined, { scope: 'a' }],
    ['revoke', 'token-2', 'r', {}],
  ]);
});

it('a manager keeps the tokens of users apart, by their names', async () => {
  const log: string[] = [];
  const provided = { revokeToken: async (token: Token) => void log.push(token.accessToken) };
  const { manager, asked } = managerOf({ provided });
  const [ada, bob] = [manager.forSubject('ada'), manager.forSubject('bob')];
  expect([await ada.has(), await textOf(ada.getToken()), await textOf(bob.getToken())]).toEqual([
    false,
    'token-1',
    'token-2',
  ]);
  expect(asked.map(({ request }) => request.subject)).toEqual(['ada', 'bob']);
  await ada.setToken(new Token({ accessToken: 'set' }));
  expect([await textOf(manager.forSubject('ada').getToken()), await ada.has()]).toEqual(['set', true]);
  await ada.revoke();
  await bob.forget();
  expect([log, await ada.has(), await bob.has()]).toEqual([['set'], false, false]);
  for (const subject of ['', 7]) expect(() => manager.forSubject(subject as string)).toThrow(InvalidRequestError);
});

it('a manager that is closed refuses what follows, used before or not', async () => {
  for (const use of [true, false]) {
    const { manager } = managerOf();
    if (use) await manager.getToken();
    await manager.close();
    await expect(manager.getToken()).rejects.toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
  }
});

it('a manager whose source is known later opens it once, when it is first asked', async () => {
  let opened = 0;
  const source = { for: () => ({ get: async () => new Token({ accessToken: 'a' }), peek: () => undefined }) };
  const manager = TokenManager.deferred(() => {
    opened += 1;
    return source as unknown as TokenSource;
  });
  expect([manager.source, manager.peek(), opened]).toEqual([undefined, undefined, 0]);
  await Promise.all([manager.getToken(), manager.getToken()]);
  expect([opened, manager.source, await manager.ready()]).toEqual([1, source, source]);
});

describe('the options of a manager', () => {
  it.each<[string, object, string]>([
    ['no provider', { provider: undefined }, 'TokenManager "orders": provider must have a method fetchToken().'],
    ['a provider that is none', { provider: {} }, 'TokenManager "orders": provider must have a method fetchToken().'],
    ['a name that is none', { name: 7 }, 'TokenManager "7": name must be'],
    ['a name that cannot be printed', { name: Object.create(null) as never }, 'TokenManager: name must be a text'],
    ['no name, and a bad bound', { name: undefined, deadlineMs: -1 }, 'TokenManager: deadlineMs must be'],
    ['a lock that is none', { lock: {} }, 'TokenManager "orders": lock must'],
    ['a clock that is none', { clock: 7 }, 'TokenManager "orders": clock must'],
    ['a logger that is none', { logger: 7 }, 'TokenManager "orders": logger must'],
    ['a prefix that is none', { keyPrefix: 7 }, 'TokenManager "orders": keyPrefix must'],
    ['an encryption that is none', { encryption: 7 }, 'TokenManager "orders": encryption must'],
    ['a storage that is none', { storage: 7 }, 'TokenManager "orders": storage must'],
    ['an option that is misspelt', { storrage: {} }, 'TokenManager "orders": there is no option storrage'],
  ])('the options of a manager are refused by its name: %s', (_name, options, message) => {
    expect(() => managerOf(options)).toThrow(ConfigurationError);
    expect(() => managerOf(options)).toThrow(message);
  });

  it('the options of a manager default to what the documentation says', () => {
    expect(resolveTokenSettings({})).toEqual({
      refreshWindowMs: 120_000,
      expiryLeewayMs: 30_000,
      defaultTtlMs: undefined,
      deadlineMs: 10_000,
      nearCacheTtlMs: 5_000,
    });
    const given = { refreshWindowMs: 0, expiryLeewayMs: 0, defaultTtlMs: 1, deadlineMs: 2, nearCacheTtlMs: 0 };
    expect(resolveTokenSettings(given)).toEqual(given);
  });

  it('the options of a manager say where its tokens are kept, and under which key', async () => {
    const kept = new Map<string, string>();
    const storage = {
      get: async (key: string) => kept.get(key),
      set: async (key: string, value: string) => void kept.set(key, value),
    };
    const identity = ['acme'];
    const sharing = { storage, keyPrefix: 'app', provided: { identity } };
    await managerOf(sharing).manager.getToken();
    const other = managerOf(sharing);
    expect([await textOf(other.manager.getToken()), other.asked.length]).toEqual(['token-1', 0]);
    await managerOf({ ...sharing, keyPrefix: 'other' }).manager.getToken();
    await managerOf({ ...sharing, name: 'users' }).manager.getToken();
    expect([...kept.keys()].map((key) => key.split(':').slice(0, 2))).toEqual([
      ['app', 'orders'],
      ['other', 'orders'],
      ['app', 'users'],
    ]);
  });

  it.each([
    ['is alone', {}, 2],
    ['says what it is', { identity: ['acme'] }, 1],
  ])(
    'the options of a manager without a name share its tokens where its provider %s',
    async (_name, provided, expected) => {
      const kept = new Map<string, string>();
      const storage = {
        get: async (key: string) => kept.get(key),
        set: async (key: string, value: string) => void kept.set(key, value),
      };
      for (let managers = 0; managers < 2; managers += 1)
        await managerOf({ name: undefined as never, storage, provided }).manager.getToken();
      expect(kept.size).toBe(expected);
    },
  );

  it('the options of a manager encrypt what is stored', async () => {
    const kept: string[] = [];
    const storage = { get: async () => undefined, set: async (_key: string, value: string) => void kept.push(value) };
    const encryption = { keys: [{ id: 'a', key: Buffer.alloc(32, 7).toString('base64') }] };
    await managerOf({ storage, encryption }).manager.getToken();
    expect(kept).toHaveLength(1);
    expect(kept[0]).not.toContain('token-1');
  });
});

describe('tokens outside a module', () => {
  it('tokens outside a module have a scope of their own', () => {
    const clock = new FakeClock({ random: 0.25 });
    expect(standaloneScope({ clock }, 'owner', 'key')).toMatchObject({
      serviceName: undefined,
      owner: 'the token manager',
      keyPrefix: 'forge-auth',
      keyName: 'key',
      clock,
      jitter: 0.25,
      standalone: true,
    });
    const scope = standaloneScope({ name: 'orders', keyPrefix: 'app' }, 'owner', 'key');
    expect(scope).toMatchObject({ serviceName: 'orders', owner: '"orders"', keyPrefix: 'app' });
    expect(scope.storage()).toBe(scope.storage());
  });

  it('tokens outside a module close every storage that was made for them', async () => {
    let closed = 0;
    const scope = standaloneScope({}, 'owner', 'key');
    for (const guarded of [
      scope.storage(),
      scope.guard({ get: async () => undefined, set: async () => undefined }, undefined),
    ]) {
      const close = guarded?.close.bind(guarded);
      Object.assign(guarded as object, {
        close: async () => {
          closed += 1;
          await close?.();
        },
      });
    }
    await scope.onClose?.();
    expect(closed).toBe(2);
  });

  it('tokens outside a module make instances of classes that need no arguments', async () => {
    class Fine {}
    class Fussy {
      constructor() {
        throw new TypeError('x');
      }
    }
    expect(await instantiateAlone(Fine, 'A step')).toBeInstanceOf(Fine);
    await expect(instantiateAlone(Fussy, 'A step')).rejects.toMatchObject({
      message: expect.stringContaining(
        'A step: the class cannot be created without arguments. Give an instance. Its constructor threw ',
      ),
      cause: expect.anything(),
    });
  });
});

it('a manager is closed when its source is', async () => {
  const log: string[] = [];
  const close = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    log.push('closed');
  };
  const { manager } = managerOf({ provided: { close } });
  manager.on('refreshed', () => undefined);
  await manager.getToken();
  await manager.close();
  expect([log, manager.listenerCount('refreshed')]).toEqual([['closed'], 0]);
});
