import { jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AuthenticationError, InvalidRequestError, TimeoutError } from '../errors.js';
import { HttpRequester } from '../http/http-requester.js';
import { silentLogger } from '../logger.js';
import { type ForgeAuthEvent, Observers } from '../observer.js';
import { InMemoryTokenStorage } from '../storage/in-memory.token-storage.js';
import { FakeClock } from '../testing/fake-clock.js';
import { ProviderTokenSource } from './provider.token-source.js';
import type { ServiceScope } from './runtime.js';
import { standaloneScope } from './standalone.js';
import { fingerprintOf } from './token-key.js';
import type { BoundTokenProvider, TokenRequest, TokenRequestContext } from './token-provider.js';
import { Token } from './token.js';
import { loadStorageGuards } from '../storage/storage-guards.js';

beforeAll(loadStorageGuards);

/** A provider of numbered tokens that records what it is asked for. */
class Numbered implements BoundTokenProvider {
  readonly asked: TokenRequestContext[] = [];

  async fetchToken(context: TokenRequestContext): Promise<Token> {
    this.asked.push(context);
    return new Token({ accessToken: `token-${this.asked.length}` });
  }
}

function world<P extends object>(more: P = {} as P, scope: Partial<ServiceScope> = {}) {
  const clock = new FakeClock();
  const provider = Object.assign(new Numbered(), more);
  const own = { ...standaloneScope({ name: 'orders', clock }, 'owner', 'orders'), ...scope };
  return { clock, provider, scope: own, source: new ProviderTokenSource(own, provider) };
}

const textOf = async (token: Promise<Token>): Promise<string> => (await token).accessToken;

describe('the tokens of a provider', () => {
  it('the tokens of a provider are one for each set of parameters, however it is written', async () => {
    const { source, provider } = world();
    expect(source.for()).toBe(source.for({}));
    expect(source.for({ scope: 'a b' })).toBe(source.for({ scope: ['b', 'a'] }));
    expect(source.for({ scope: 'a' })).not.toBe(source.for());
    await textOf(source.for().get());
    await textOf(source.for({ scope: 'a' }).get());
    expect(provider.asked.map(({ request }) => request)).toEqual([{}, { scope: 'a' }]);
  });

  it('the tokens of a provider are asked for with the parameters of the call, though those change', async () => {
    const { source, provider } = world();
    const request = { scope: ['a'] };
    const handle = source.for(request);
    request.scope.push('b');
    await handle.get();
    expect(provider.asked[0]?.request).toEqual({ scope: ['a'] });
  });

  it.each([undefined, null, '', 7])('the tokens of a provider are given to no user named %j', (subject) => {
    const request = { subject } as unknown as TokenRequest;
    expect(() => world().source.for(request)).toThrow(InvalidRequestError);
    expect(() => world().source.for(request)).toThrow('auth.subject must be a text that is not empty');
  });

  it('the tokens of a provider are forgotten together, or the one that is named alone', async () => {
    const { source } = world();
    const handles = [source.for(), source.for({ scope: 'a' }), source.for({ scope: 'b' })];
    const tokens = await Promise.all(handles.map((handle) => handle.get()));
    await source.invalidate(tokens[1]);
    expect(handles.map((handle) => handle.peek()?.accessToken)).toEqual([
      tokens[0]?.accessToken,
      undefined,
      tokens[2]?.accessToken,
    ]);
    await source.invalidate(new Token({ accessToken: 'unknown' }));
    expect(handles[0]?.peek()).toBe(tokens[0]);
    await source.invalidate(tokens[0]);
    expect(handles[0]?.peek()).toBeUndefined();
    await source.invalidate();
    expect(handles[2]?.peek()).toBeUndefined();
  });

  it('the tokens of a provider are kept for as many parameters as it says', async () => {
    const { source } = world({ maxTokens: 1 });
    const first = source.for({ scope: 'a' });
    await first.get();
    source.for({ scope: 'b' });
    // Whoever still has it shares it with who asks for the same.
    expect(source.for({ scope: 'a' })).toBe(first);
  });
});

describe('what is done to the tokens of a provider', () => {
  it('what is done to the tokens of a provider is observed by its grant, and whether a call has parameters', async () => {
    const observer = new Observers();
    const events: ForgeAuthEvent[] = [];
    observer.add({ event: (event) => void (event.type === 'token_request' && events.push(event)) });
    const { source } = world({ grantType: 'password' }, { observer });
    await source.for().get();
    await source.for({ scope: 'a' }).get();
    expect(events).toMatchObject([{ grant: 'password', service: 'orders' }, { perCall: true }]);
    expect(events[0]).not.toHaveProperty('perCall');
    expect(events[0]).not.toHaveProperty('step');
  });

  it.each([undefined, 'token-1'])(
    'what is done to the tokens of a provider is written when its promise resolves: the invalidation of %s',
    async (rejected) => {
      const values = new Map<string, string>();
      const storage = {
        get: async (key: string) => values.get(key),
        set: async (key: string, value: string) => {
          await new Promise((resolve) => setImmediate(resolve));
          values.set(key, value);
        },
      };
      const clock = new FakeClock();
      const scope = standaloneScope({ name: 'orders', clock, storage }, 'owner', 'orders');
      const source = new ProviderTokenSource(scope, new Numbered());
      await source.for().get();
      await source.invalidate(rejected === undefined ? undefined : new Token({ accessToken: rejected }));
      expect([...values.values()].some((text) => text.includes('"rejected":true'))).toBe(true);
    },
  );

  it('what is done to the tokens of a user names them by a hash alone', async () => {
    const clock = new FakeClock();
    const storage = new InMemoryTokenStorage({ clock });
    const scope = standaloneScope({ name: 'orders', clock, storage }, 'owner', 'orders');
    const signedIn = new Token({ accessToken: 'a', refreshToken: 'r', expiresAt: clock.now() + 3_600_000 });
    const provider = {
      rerunnable: false,
      identity: ['acme'],
      fetchToken: () => Promise.reject(new Error('unused')),
      refreshToken: async () => {
        await other.for({ subject: 'ada' }).forget();
        return new Token({ accessToken: 'b', refreshToken: 'r2' });
      },
    } as unknown as BoundTokenProvider;
    const [one, other] = [new ProviderTokenSource(scope, provider), new ProviderTokenSource(scope, provider)];
    await one.for({ subject: 'ada' }).set(signedIn);
    await expect(one.for({ subject: 'ada' }).forceRefresh()).rejects.toMatchObject({
      code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
      subject: fingerprintOf(['ada']),
    });
    await one.for().set(signedIn);
    await expect(one.for().forceRefresh()).resolves.toMatchObject({ accessToken: 'b' });
  });
});

describe('a request to a provider', () => {
  it('a request to a provider carries the service, the time, the deadline and how to reach the network', async () => {
    const { source, provider, clock, scope } = world();
    await source.for().get();
    const [context] = provider.asked;
    expect(context).toMatchObject({ serviceName: 'orders', clock, logger: scope.logger, request: {} });
    expect(context?.deadline).toBe(clock.now() + 10_000);
    expect(context?.http).toBeInstanceOf(HttpRequester);
    await source.for({ scope: 'a' }).get();
    expect(provider.asked[1]?.http).toBe(context?.http);
  });

  it('a request to a provider without connections of its own ends after half a minute of the service’s time', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { source, provider, clock } = world();
    await source.for().get();
    const asking = provider.asked[0]?.http.request({ url }).catch((error: unknown) => error);
    await once(server, 'request');
    await clock.advance(30_000);
    expect(await asking).toBeInstanceOf(TimeoutError);
    await source.close();
    server.closeAllConnections();
    server.close();
  });

  it('a request to a provider goes its own way, and is bounded by its own deadline', async () => {
    const http = new HttpRequester({});
    const { source, provider, clock } = world({ http, deadlineMs: 500 }, { serviceName: undefined });
    await source.for().get();
    expect(provider.asked[0]).toMatchObject({ http, deadline: clock.now() + 500 });
    expect(provider.asked[0]).not.toHaveProperty('serviceName');
    await http.close();
  });

  it('a request to a provider that takes too long ends at its own deadline', async () => {
    const { source, clock } = world({ deadlineMs: 500, fetchToken: () => new Promise<Token>(() => undefined) });
    const getting = source
      .for()
      .get()
      .catch((error: unknown) => error);
    await clock.advance(500);
    expect(await getting).toMatchObject({ code: 'FORGE_AUTH_TOKEN_DEADLINE' });
  });

  it('a request to a provider is completed by it, where it does so, in the call’s own context', async () => {
    expect(world().source.prepare).toBeUndefined();
    const { source } = world({
      suffix: 'x',
      prepare(this: { suffix: string }, request: TokenRequest) {
        return request.scope === 'none' ? (undefined as never) : { ...request, audience: this.suffix };
      },
    });
    expect(await source.prepare?.(undefined)).toEqual({ audience: 'x' });
    expect(await source.prepare?.({ scope: 'a' })).toEqual({ scope: 'a', audience: 'x' });
    expect(await source.prepare?.({ scope: 'none' })).toEqual({ scope: 'none' });
  });
});

const down = async (): Promise<Token> => {
  throw new AuthenticationError('It is down.', { status: 503 });
};

describe('failures of a provider', () => {
  it('failures of a provider hold back all that ask the same endpoint, in other services as well', async () => {
    const given = { fetchToken: down, endpoint: ['https://issuer.example', 'client'] };
    const { source, scope } = world(given);
    for (let tries = 0; tries < 2; tries += 1)
      await source
        .for()
        .get()
        .catch(() => undefined);
    const other = { ...scope, keyName: 'other', serviceName: 'other' };
    const held = new ProviderTokenSource(other, Object.assign(new Numbered(), { endpoint: given.endpoint }));
    await expect(held.for().get()).rejects.toMatchObject({ code: 'FORGE_AUTH_BACKOFF' });
    const elsewhere = new ProviderTokenSource(other, Object.assign(new Numbered(), { endpoint: ['another'] }));
    expect(await textOf(elsewhere.for().get())).toBe('token-1');
    const untold = new ProviderTokenSource(other, new Numbered());
    expect(await textOf(untold.for().get())).toBe('token-1');
  });

  it('failures of a provider that names no endpoint hold back those of its service, class and identity', async () => {
    const { source, scope } = world({ fetchToken: down, identity: ['acme'] });
    for (let tries = 0; tries < 2; tries += 1)
      await source
        .for()
        .get()
        .catch(() => undefined);
    class Other extends Numbered {}
    const alike = Object.assign(new Numbered(), { identity: ['acme'] });
    await expect(new ProviderTokenSource(scope, alike).for().get()).rejects.toMatchObject({
      code: 'FORGE_AUTH_BACKOFF',
    });
    for (const [provider, keyName] of [
      [Object.assign(new Numbered(), { identity: ['globex'] }), 'orders'],
      [Object.assign(new Other(), { identity: ['acme'] }), 'orders'],
      [Object.assign(new Numbered(), { identity: ['acme'] }), 'users'],
    ] as const)
      expect(await textOf(new ProviderTokenSource({ ...scope, keyName }, provider).for().get())).toBe('token-1');
  });

  it.each([
    ['FORGE_AUTH_AUTHORIZATION_REQUIRED', 3],
    ['FORGE_AUTH_TOKEN_REFUSED', 2],
  ] as const)('failures of a provider that only a person can resolve hold back nothing: %s', async (code, expected) => {
    let asked = 0;
    const fetchToken = async (): Promise<Token> => {
      asked += 1;
      throw new AuthenticationError('x', { code });
    };
    const { source } = world({ fetchToken });
    for (let tries = 0; tries < 3; tries += 1)
      await source
        .for()
        .get()
        .catch(() => undefined);
    expect(asked).toBe(expected);
  });
});

describe('revocation and introspection', () => {
  it('revocation and introspection ask the provider, for the call’s parameters and within the deadline', async () => {
    const asked: unknown[] = [];
    const record = async (what: string, token: Token, { request, signal, deadline }: TokenRequestContext) => {
      asked.push([what, token.accessToken, request, signal.aborted, deadline]);
      return { active: true };
    };
    const { source, clock } = world({
      revokeToken: async (token: Token, context: TokenRequestContext) => void (await record('revoke', token, context)),
      introspectToken: (token: Token, context: TokenRequestContext) => record('introspect', token, context),
    });
    const handle = source.for({ scope: 'a' });
    expect(await handle.introspect()).toEqual({ active: true });
    await handle.revoke();
    const deadline = clock.now() + 10_000;
    expect(asked).toEqual([
      ['introspect', 'token-1', { scope: 'a' }, false, deadline],
      ['revoke', 'token-1', { scope: 'a' }, false, deadline],
    ]);
    expect(handle.peek()).toBeUndefined();
  });

  it('revocation and introspection of a provider that has none are refused by the method that it lacks', async () => {
    const { source } = world();
    await source.for().get();
    await expect(source.for().revoke()).rejects.toMatchObject({
      message: 'The token provider of "orders" has no revokeToken().',
      serviceName: 'orders',
    });
    await expect(source.for().introspect()).rejects.toThrow('The token provider of "orders" has no introspectToken().');
  });

  it('revocation that hangs is aborted at the deadline', async () => {
    const { source, clock } = world({
      revokeToken: (_token: Token, { signal }: TokenRequestContext) =>
        new Promise<void>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')));
        }),
    });
    await source.for().get();
    const revoking = source
      .for()
      .revoke()
      .catch(() => 'aborted');
    await clock.advance(9_999);
    expect(await Promise.race([revoking, 'waits'])).toBe('waits');
    await clock.advance(1);
    expect(await revoking).toBe('aborted');
  });
});

const identityOf = (more: object): Promise<string | undefined> | undefined => world(more).source.origins[0]?.identity();

describe('the identity of a provider', () => {
  it('the identity of a provider is that of its class, its parts and what it says itself', async () => {
    expect(await identityOf({})).toBeUndefined();
    expect(await identityOf({ identity: ['acme'] })).toBe(fingerprintOf(['Numbered', 'acme']));
    expect(await identityOf({ endpoint: ['e'], keyParts: async () => ['part'], identity: ['acme'] })).toBe(
      fingerprintOf(['part', 'acme']),
    );
  });

  it('the origin of a provider names its definition and its endpoint', () => {
    const { source, provider, scope } = world();
    expect(source.origins[0]).toMatchObject({ definition: provider, endpoint: undefined });
    expect(world({ identity: ['a'] }).source.origins[0]?.endpoint).toBe(JSON.stringify(['Numbered', 'a']));
    expect(world({ identity: ['a'], endpoint: ['e'] }).source.origins[0]?.endpoint).toBe(JSON.stringify(['e']));
    const definition = new Numbered();
    expect(new ProviderTokenSource(scope, provider, definition).origins[0]?.definition).toBe(definition);
    expect(source.provider).toBe(provider);
  });

  it('tokens of providers whose parts differ stand under keys of their own', async () => {
    const keys = new Set<string>();
    const storage = { get: async (key: string) => void keys.add(key), set: async () => undefined };
    const scope = standaloneScope({ name: 'orders', clock: new FakeClock(), storage }, 'owner', 'orders');
    for (const more of [{ keyParts: async () => ['a'] }, { keyParts: async () => ['b'] }, {}])
      await new ProviderTokenSource(scope, Object.assign(new Numbered(), { identity: ['acme'], ...more })).for().get();
    expect(keys.size).toBe(3);
  });

  it('tokens of providers that differ, and of parameters, stand under keys of their own', async () => {
    const keys: string[] = [];
    const storage = { get: async (key: string) => void keys.push(key), set: async () => undefined };
    for (const identity of [['a'], ['b']]) {
      const clock = new FakeClock();
      const scope = standaloneScope({ name: 'orders', clock, storage, keyPrefix: 'app' }, 'owner', 'orders');
      const source = new ProviderTokenSource(scope, Object.assign(new Numbered(), { identity }));
      for (const request of [undefined, { scope: 'a' }, { subject: 'ada' }]) await source.for(request).get();
      for (const request of [undefined, { scope: 'a' }]) await source.for(request).get();
    }
    expect(new Set(keys).size).toBe(6);
    expect(keys.every((key) => /^app:orders:[\w-]{43}$/.test(key))).toBe(true);
  });
});

it('a provider that takes over where its tokens are kept is given its source', () => {
  const attached: unknown[] = [];
  const { source } = world({ attach: (tokens: unknown) => void attached.push(tokens) });
  expect(attached).toEqual([source]);
});

it('a provider may present its tokens in its own way, over where the service wants them', () => {
  const placement = { present: () => undefined } as never;
  const own = { present: () => undefined } as never;
  expect(world().source.presenter(placement)).toBe(placement);
  expect(world({ presenter: () => own }).source.presenter(placement)).toBe(own);
  expect(world({ presenter: () => undefined }).source.presenter(placement)).toBe(placement);
});

describe('the end of a source', () => {
  it('the end of a source closes its slots, its provider, its connections and its storage, and refuses what follows', async () => {
    const closed: string[] = [];
    const more = { close: async () => void closed.push('provider') };
    const { source, provider } = world(more, { onClose: async () => void closed.push('scope') });
    await source.for().get();
    await source.for({ scope: 'a' }).get();
    const http = provider.asked[0]?.http as HttpRequester;
    const close = http.close.bind(http);
    http.close = async () => {
      closed.push('http');
      await close();
    };
    await source.close();
    expect(closed.toSorted()).toEqual(['http', 'provider', 'scope']);
    for (const request of [undefined, { scope: 'a' }, { scope: 'new' }])
      await expect(source.for(request).get()).rejects.toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
  });

  it('the end of a source revokes the tokens that end with it, where the app wishes it', async () => {
    const revoked: unknown[] = [];
    const revokeAtClose = async (token: Token, context: TokenRequestContext): Promise<void> =>
      void revoked.push([token.accessToken, context.request, context.signal.aborted]);
    const { source } = world({ revokeAtClose });
    await source.for().get();
    await source.for({ scope: 'a' }).get();
    source.for({ scope: 'unused' });
    await source.close();
    expect(revoked).toEqual([
      ['token-1', {}, false],
      ['token-2', {}, false],
    ]);
  });

  it('the end of a source waits no longer than 5 s for a revocation', async () => {
    const timers = jest.spyOn(globalThis, 'setTimeout');
    const { source } = world({ revokeAtClose: async () => undefined });
    await source.for().get();
    timers.mockClear();
    await source.close();
    expect(timers.mock.calls.map(([, delayMs]) => delayMs)).toContain(5_000);
    timers.mockRestore();
  });

  it('the end of a source waits for a revocation before it is closed', async () => {
    const log: string[] = [];
    const revokeAtClose = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      log.push('revoked');
    };
    const { source } = world({ revokeAtClose, close: async () => void log.push('closed') });
    await source.for().get();
    await source.close();
    expect(log).toEqual(['revoked', 'closed']);
  });

  it('the end of a source revokes nothing that others may use, unless its key is its own', async () => {
    const revoked: string[] = [];
    const storage = { get: async () => undefined, set: async () => undefined };
    const revokeAtClose = async (token: Token): Promise<void> => void revoked.push(token.accessToken);
    for (const ownKey of [false, true]) {
      const scope = standaloneScope({ storage, clock: new FakeClock() }, 'owner', 'orders');
      const source = new ProviderTokenSource(scope, Object.assign(new Numbered(), { revokeAtClose, ownKey }));
      await source.for().get();
      await source.close();
    }
    expect(revoked).toEqual(['token-1']);
  });

  it('the end of a source logs what could not be revoked, and keeps nothing from closing', async () => {
    const lines: string[] = [];
    const logger = { ...silentLogger, warn: (line: string) => void lines.push(line) };
    const errors = [new AuthenticationError('It is down.'), new Error('canary')];
    for (const error of errors) {
      const { source } = world({ revokeAtClose: () => Promise.reject(error) }, { logger });
      await source.for().get();
      await source.close();
    }
    expect(lines).toEqual([
      'A token of "orders" was not revoked at the end: It is down.',
      'A token of "orders" was not revoked at the end.',
    ]);
  });
});
