import { BodyTokenFetcher, type BodyTokenFetcherOptions } from '../fetchers/body.fetcher.js';
import { HeaderTokenFetcher } from '../fetchers/header.fetcher.js';
import { Token } from '../../token/token.js';
import { fingerprintOf } from '../../token/token-key.js';
import { certificateIdentity, fetcherIdentity, opaqueOf, originOfFetcher } from './step-identity.js';
import type { TokenFetcher } from '../fetchers/token-fetcher.js';
import type { FetchContext } from '../fetchers/token-fetcher.js';

const SECRET = 'canary-client-secret';
const OPTIONS: BodyTokenFetcherOptions = {
  name: 'app',
  baseUrl: 'https://issuer.example',
  endpoint: '/token',
  requestHeaders: { 'x-tenant': 'acme' },
  requestData: { client_secret: SECRET, list: [1, { b: true, a: null }] },
};

const fetcher = (more: Partial<BodyTokenFetcherOptions> = {}): BodyTokenFetcher =>
  new BodyTokenFetcher({ ...OPTIONS, ...more });

async function alike(one: TokenFetcher, other: TokenFetcher, named = true): Promise<boolean> {
  const [a, b] = await Promise.all([fetcherIdentity(one, named), fetcherIdentity(other, named)]);
  return JSON.stringify(a) === JSON.stringify(b);
}

const dependent = (): BodyTokenFetcher =>
  fetcher({ dependsOn: ['device'], requestHeaders: (context) => ({ 'x-device': context.accessToken('device') }) });

const unbuildable = (): BodyTokenFetcher =>
  fetcher({
    requestData: () => {
      throw new Error('no token');
    },
  });

const plain = (): unknown => ({ b: [1, true, null, 'x'], a: { d: 1, c: 2 }, f: () => 1, m: new Map([[1, 2]]) });

it('steps that send the same are one, wherever they were written', async () => {
  for (const named of [true, false]) expect(await alike(fetcher(), fetcher(), named)).toBe(true);
  expect(await alike(dependent(), dependent())).toBe(true);
});

it('a step that asks whether there is another one has the request of where there is', async () => {
  const asking = fetcher({
    dependsOn: ['device'],
    requestHeaders: (context) => (context.has('device') ? { 'x-device': context.accessToken('device') } : {}),
  });
  expect(await alike(asking, dependent())).toBe(true);
});

it('steps that depend on a step of any name are one where they send the same', async () => {
  const step = (): BodyTokenFetcher =>
    fetcher({ dependsOn: ['gerät\n'], requestData: (context) => ({ a: context.token('gerät\n').accessToken }) });
  expect(await alike(step(), step())).toBe(true);
  const other = fetcher({ dependsOn: ['app'], requestData: (context) => ({ a: context.token('app').accessToken }) });
  expect(await alike(step(), other)).toBe(false);
});

it.each<[string, Partial<BodyTokenFetcherOptions>]>([
  ['base URL', { baseUrl: 'https://other.example' }],
  ['endpoint', { endpoint: '/other' }],
  ['method', { method: 'PUT' }],
  ['format', { bodyFormat: 'json' }],
  ['headers', { requestHeaders: { 'x-tenant': 'globex' } }],
  ['data', { requestData: { ...OPTIONS.requestData, client_secret: 'another' } }],
  ['name', { name: 'other' }],
  ['lifetime', { ttlMs: 60_000 }],
  ['field of the token', { tokenField: 'token' }],
  ['field of the type', { tokenTypeField: 'type' }],
  ['field of the lifetime', { expiresInField: 'lifetime' }],
  ['field of the refresh token', { refreshTokenField: 'refresh' }],
  ['type', { defaultTokenType: 'DPoP' }],
  ['proxy', { axios: { proxy: { host: 'proxy.example', port: 8080 } } }],
])('steps that differ in their %s share nothing', async (_what, more) => {
  expect(await alike(fetcher(), fetcher(more))).toBe(false);
});

it('steps that read their token from different headers, or by another type, share nothing', async () => {
  const { name, baseUrl } = OPTIONS;
  const of = (more: object): HeaderTokenFetcher => new HeaderTokenFetcher({ name, baseUrl, ...more });
  expect(await alike(of({}), of({}))).toBe(true);
  expect(await alike(of({}), of({ tokenHeader: 'x-token' }))).toBe(false);
  expect(await alike(of({}), of({ tokenType: 'DPoP' }))).toBe(false);
  expect(await alike(of({}), fetcher({ name, baseUrl }))).toBe(false);
});

it('no secret of a step enters its identity as it is', async () => {
  expect(JSON.stringify(await fetcherIdentity(fetcher(), true))).not.toContain(SECRET);
});

it('a step that says what it is, is that: alike to whoever says the same', async () => {
  const one = fetcher({ identity: ['acme', '1'] });
  expect(await fetcherIdentity(one, false)).toEqual(['given', 'acme', '1']);
  expect(await alike(one, fetcher({ identity: ['acme', '1'], endpoint: '/other' }), false)).toBe(true);
});

class Own implements TokenFetcher {
  readonly name = 'own';
  readonly dependsOn = [];
  readonly settings: unknown;

  constructor(settings?: unknown) {
    this.settings = settings;
  }

  async fetch(): Promise<Token> {
    return new Token({ accessToken: 'a' });
  }
}

it('a step of the app’s own class is known by its class and its plain properties, under a name', async () => {
  expect(await alike(new Own(plain()), new Own(plain()))).toBe(true);
  expect(await alike(new Own({ a: 1, b: 2 }), new Own({ b: 2, a: 1 }))).toBe(true);
  expect(await alike(new Own(Object.assign(Object.create(null), { a: 1 })), new Own({ a: 1 }))).toBe(true);
  for (const other of [{ a: 2 }, { b: 1 }, [1], 'a', null])
    expect(await alike(new Own({ a: 1 }), new Own(other))).toBe(false);
  expect(await alike(new Own(new Map([[1, 2]])), new Own(new Date(7)))).toBe(true);
});

it('a step of the app’s own class without a name is alike to none', async () => {
  expect(await alike(new Own(), new Own(), false)).toBe(false);
  class Changed extends BodyTokenFetcher {
    override fetch(context?: FetchContext): Promise<Token> {
      return super.fetch(context);
    }
  }
  expect(await alike(new Changed(OPTIONS), new Changed(OPTIONS), false)).toBe(false);
  expect(await alike(new Changed(OPTIONS), new Changed(OPTIONS), true)).toBe(true);
});

it('a step whose request cannot be built without the tokens is alike to none', async () => {
  expect(await alike(unbuildable(), unbuildable())).toBe(false);
});

it('a step whose transport may change the request is alike to none, unless it says what it is', async () => {
  const transport = { send: () => Promise.reject(new Error('unused')) };
  expect(opaqueOf(fetcher({ transport }))).toEqual(['transport']);
  expect(await alike(fetcher({ transport }), fetcher({ transport }))).toBe(false);
  const named = (): BodyTokenFetcher => fetcher({ transport, identity: 'acme' });
  expect(opaqueOf(named())).toEqual([]);
  expect(await alike(named(), named())).toBe(true);
  expect(opaqueOf(new Own())).toEqual([]);
});

it('a client certificate of a step enters its identity, read anew each time', async () => {
  expect(await certificateIdentity(new Own())).toEqual([]);
  expect(await certificateIdentity(fetcher())).toEqual([]);
  let cert = 'one';
  const step = fetcher({ tls: () => ({ cert, key: 'k' }) });
  const first = await certificateIdentity(step);
  expect([first.length, await certificateIdentity(step)]).toEqual([1, first]);
  cert = 'two';
  expect(await certificateIdentity(step)).not.toEqual(first);
});

const settingsIn = (order: readonly string[]): object => Object.fromEntries(order.map((name) => [name, name]));

it('the properties of a step are the same in whatever order they were set', async () => {
  const names = ['d', 'a', 'c', 'b', 'e'];
  const first = await fetcherIdentity(new Own(settingsIn(names)), true);
  for (const order of [names.toSorted(), names.toReversed()]) {
    expect(await fetcherIdentity(new Own(settingsIn(order)), true)).toEqual(first);
  }
});

const originWith = (cert: string): Promise<string | undefined> =>
  originOfFetcher(fetcher({ tls: { cert, key: 'k' } })).identity();

describe('the origin of a step’s tokens', () => {
  it('the origin of a step’s tokens is known where its request shows all, or it says what it is', async () => {
    const [one, same, other] = [fetcher(), fetcher(), fetcher({ endpoint: '/other' })].map(originOfFetcher);
    expect(await one?.identity()).toBe(await same?.identity());
    expect(await one?.identity()).not.toBe(await other?.identity());
    expect(one?.endpoint).toBe(fingerprintOf(['BodyTokenFetcher']));
    const given = originOfFetcher({
      ...new Own(),
      identity: ['acme'],
      fetch: async () => new Token({ accessToken: 'a' }),
    });
    expect(given.endpoint).toBe(fingerprintOf(['Object', 'acme']));
    expect(await given.identity()).toBe(fingerprintOf([JSON.stringify(['Object', ['acme']])]));
  });

  it('the origin of a step’s tokens is its client’s certificate’s, too', async () => {
    expect(await originWith('one')).toBe(await originWith('one'));
    expect(await originWith('one')).not.toBe(await originWith('two'));
  });

  it('the origin of a step’s tokens is not known where its request does not show all', async () => {
    const transport = { send: () => Promise.reject(new Error('unused')) };
    for (const step of [new Own(), fetcher({ transport })]) {
      const origin = originOfFetcher(step);
      expect([origin.definition, origin.endpoint, await origin.identity()]).toEqual([step, undefined, undefined]);
    }
  });
});
