import {
  ApiKeyAuth,
  AuthenticationError,
  type Authenticator,
  type AuthOption,
  BasicAuth,
  BearerAuth,
  ClientCredentialsTokenProvider,
  CompositeAuth,
  ConfigurationError,
  InvalidRequestError,
  OriginNotAllowedError,
  type Token,
  TokenAuth,
  type TokenAuthOptions,
  TokenManager,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import { renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { CLIENT } from '../support/token-endpoint.js';
import { startTokenEndpoint } from '../support/token-endpoint.js';
import { rejection } from '../support/async.js';
import { SERVICE } from './wire.js';
import { useCredentials } from './credentials.js';

const world = useCredentials();

const SECRET = 'canary-credential-value';

/** Returns what the API saw of the credentials of its last request. */
function seen(): { authorization: string | undefined; key: string | undefined; url: string | undefined } {
  const request = world.server.requests.at(-1);
  const key = request?.headers['x-api-key'];
  return { authorization: request?.headers.authorization, key: key as string | undefined, url: request?.url };
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('a service', () => {
  it.each<[string, () => AuthOption, object]>([
    ['a bearer token', () => new BearerAuth('t'), { authorization: 'Bearer t' }],
    ['a function for one', () => new BearerAuth(() => 't'), { authorization: 'Bearer t' }],
    ['an asynchronous one', () => new BearerAuth(async () => 't'), { authorization: 'Bearer t' }],
    ['an API key', () => new ApiKeyAuth('k'), { key: 'k' }],
    ['an API key of a function', () => new ApiKeyAuth(async () => 'k'), { key: 'k' }],
    [
      'an API key in the query',
      () => new ApiKeyAuth('k &', { in: 'query', headerName: 'key' }),
      { url: '/a?b=%FF&key=k+%26' },
    ],
    ['a password', () => new BasicAuth('alice', 'pä:ss'), { authorization: basic('alice:pä:ss') }],
    ['a password of a function', () => new BasicAuth('alice', () => 'pä'), { authorization: basic('alice:pä') }],
    ['a token', () => ({ provider: world.provider() }), { authorization: expect.stringMatching(/^Bearer .+/) }],
    [
      'a bare token',
      () => ({ provider: world.provider(), scheme: '' }),
      { authorization: expect.stringMatching(/^[^ ]+$/) },
    ],
    [
      'a token of a scheme of its own',
      () => ({ provider: world.provider(), scheme: 'Token' }),
      { authorization: expect.stringMatching(/^Token .+/) },
    ],
    [
      'a token in a header of its own',
      () => ({ provider: world.provider(), headerName: 'X-Api-Key', scheme: '' }),
      { key: expect.stringMatching(/^[^ ]+$/), authorization: undefined },
    ],
    [
      'a token in the query',
      () => ({ provider: world.provider(), placement: 'uri' }),
      { url: expect.stringMatching(/^\/a\?b=%FF&access_token=[^&]+$/), authorization: undefined },
    ],
    ['a function that makes an authenticator', () => () => new BearerAuth('t'), { authorization: 'Bearer t' }],
    [
      'an authenticator of its own',
      () => ({ authenticate: (request) => void (request.headers['x-api-key'] = 'own') }) as Authenticator,
      { key: 'own' },
    ],
  ])('a service is called with %s', async (_name, auth, expected) => {
    await world.wire.client(world.server, { auth: auth() }).get('/a?b=%FF');
    expect(seen()).toMatchObject(expected);
  });

  it('a service is called with a token in the form', async () => {
    const client = world.wire.client(world.server, { auth: { provider: world.provider(), placement: 'body' } });
    await client.post('/', new URLSearchParams({ a: 'b c' }));
    const form = world.server.requests[0]?.form();
    expect(form?.get('a')).toBe('b c');
    expect(world.endpoint.isValid(form?.get('access_token') ?? '')).toBe(true);
    expect(world.server.requests[0]?.headers['content-length']).toBe(String(world.server.requests[0]?.body.length));
    const error = await rejection(client.get('/'));
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(world.server.count()).toBe(1);
  });

  it('a service is asked for its credential by each call', async () => {
    let asked = 0;
    const client = world.wire.client(world.server, { auth: new BearerAuth(async () => `t${(asked += 1)}`) });
    for (let call = 0; call < 3; call += 1) await client.get('/');
    expect(world.server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer t1',
      'Bearer t2',
      'Bearer t3',
    ]);
  });

  it.each<[string, () => AuthOption]>([
    [
      'a function that throws',
      () =>
        new BearerAuth(() => {
          throw new Error(SECRET);
        }),
    ],
    [
      'a function that rejects',
      () =>
        new ApiKeyAuth(async () => {
          throw new Error(SECRET);
        }),
    ],
    ['a function that answers undefined', () => new BasicAuth('alice', async () => undefined as unknown as string)],
    ['a function that answers a line break', () => new BearerAuth(() => `${SECRET}\r\nx-injected: 1`)],
    [
      'an authenticator that throws',
      () => ({
        authenticate: () => {
          throw new TypeError(SECRET);
        },
      }),
    ],
    [
      'an authenticator that rejects',
      () => ({
        authenticate: async () => {
          throw new TypeError(SECRET);
        },
      }),
    ],
    [
      'a provider that throws',
      () => ({
        provider: {
          fetchToken: async () => {
            throw new TypeError(SECRET);
          },
        },
      }),
    ],
    [
      'a provider that answers no token',
      () => ({ provider: { fetchToken: async () => undefined as unknown as Token } }),
    ],
    [
      'a composite of which one fails',
      () =>
        new CompositeAuth(
          [
            new ApiKeyAuth('k'),
            new BearerAuth(() => {
              throw new Error(SECRET);
            }),
          ],
          { strategy: 'all' },
        ),
    ],
  ])('a service is not called at all with %s', async (_name, auth) => {
    const client = world.wire.client(world.server, { auth: auth() }, { revealCauses: false });
    const error = await rejection(client.get('/'));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ serviceName: SERVICE });
    expectNoSecrets(renderError(error), [SECRET]);
    expect(world.server.connections).toBe(0);
  });

  it.each<[string, () => unknown]>([
    ['undefined', () => undefined],
    ['a number', () => 5],
    ['nothing', () => ({})],
    ['a manager and a provider', () => ({ provider: world.provider(), tokenManager: 'other' })],
    ['a provider that is none', () => ({ provider: {} })],
    ['a function that makes nothing', () => () => undefined],
  ])('a service with %s for auth is refused', async (_name, auth) => {
    const client = world.wire.client(world.server, { auth: auth() as AuthOption });
    const error = await rejection(client.get('/'));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain(`"${SERVICE}"`);
    expect(world.server.connections).toBe(0);
  });
});

describe('a header of the call', () => {
  it('a credential of the call itself wins over that of the service: nothing is added, nothing is fetched, nothing renewed', async () => {
    world.server.handler = (_request, response) => give(response, { status: 401 });
    const client = world.wire.client(world.server, { auth: { provider: world.provider() } });
    await expect(client.get('/', { headers: { Authorization: 'Own' } })).rejects.toMatchObject({ status: 401 });
    expect(seen().authorization).toBe('Own');
    expect([world.server.count(), world.endpoint.tokenRequests]).toEqual([1, 0]);
  });

  it('a credential of the call itself wins over one of several credentials', async () => {
    const auth = new CompositeAuth([new ApiKeyAuth('k'), { provider: world.provider() }], { strategy: 'all' });
    await world.wire.client(world.server, { auth }).get('/', { headers: { 'x-api-key': 'own' } });
    expect(seen()).toMatchObject({ key: 'own', authorization: expect.stringContaining('Bearer') });
  });
});

describe('a composite', () => {
  it('a composite lets the first that applies authenticate', async () => {
    const internal: Authenticator = {
      authenticate: (request) => void (request.headers['x-api-key'] = 'internal'),
      appliesTo: (request) => new URL(request.url).pathname.startsWith('/internal'),
    };
    const client = world.wire.client(world.server, {
      auth: new CompositeAuth([internal, { provider: world.provider() }]),
    });
    await client.get('/internal/a');
    expect(seen()).toMatchObject({ key: 'internal', authorization: undefined });
    expect(world.endpoint.tokenRequests).toBe(0);
    await client.get('/a');
    expect(seen()).toMatchObject({ key: undefined, authorization: `Bearer ${world.endpoint.issued[0]?.accessToken}` });
  });

  it('a composite lets all authenticate, tokens of several providers included', async () => {
    const other = world.wire.closeLater(await startTokenEndpoint());
    const further: TokenAuthOptions = {
      provider: new ClientCredentialsTokenProvider({ tokenUrl: other.url, ...CLIENT }),
      headerName: 'X-User-Token',
      scheme: '',
    };
    const members = [new ApiKeyAuth('k'), { provider: world.provider() }, further];
    const client = world.wire.client(world.server, { auth: new CompositeAuth(members, { strategy: 'all' }) });
    for (let call = 0; call < 3; call += 1) await client.get('/');
    expect(seen()).toMatchObject({ key: 'k', authorization: `Bearer ${world.endpoint.issued[0]?.accessToken}` });
    expect(world.server.requests.at(-1)?.headers['x-user-token']).toBe(other.issued[0]?.accessToken);
    expect([world.endpoint.tokenRequests, other.tokenRequests]).toEqual([1, 1]);
  });

  it('renews the tokens of its members when a call is rejected', async () => {
    world.server.handler = ({ headers }, response) => {
      const token = headers.authorization?.replace('Bearer ', '') ?? '';
      give(response, world.endpoint.isValid(token) ? { json: {} } : { status: 401 });
    };
    const members = [new ApiKeyAuth('k'), { provider: world.provider() }];
    const client = world.wire.client(world.server, { auth: new CompositeAuth(members, { strategy: 'all' }) });
    await client.get('/');
    world.endpoint.revokeAll();
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect([world.server.count(), world.endpoint.tokenRequests]).toEqual([3, 2]);
  });

  it('a composite of token options is refused where it was given to a call', async () => {
    const client = world.wire.client(world.server, { auth: new BearerAuth('t') });
    const auth = new CompositeAuth([{ provider: world.provider() }]) as unknown as Authenticator;
    await expect(client.get('/', { auth })).rejects.toBeInstanceOf(ConfigurationError);
    expect(world.server.connections).toBe(0);
  });
});

describe('a call', () => {
  it('a call goes out bare with auth: false, and its 401 renews nothing', async () => {
    const client = world.wire.client(world.server, { auth: { provider: world.provider() } });
    await client.get('/');
    world.server.handler = (_request, response) => give(response, { status: 401 });
    await expect(client.get('/bare', { auth: false })).rejects.toMatchObject({ status: 401 });
    expect(seen().authorization).toBeUndefined();
    expect([world.server.count(), world.endpoint.tokenRequests]).toEqual([2, 1]);
  });

  it('a call may go elsewhere with auth: false only', async () => {
    const other = await world.wire.server();
    const client = world.wire.client(world.server, {
      auth: new BearerAuth(SECRET),
      headers: { 'x-tenant-key': SECRET },
    });
    await expect(client.get(`${other.origin}/a`)).rejects.toBeInstanceOf(OriginNotAllowedError);
    expect(other.connections).toBe(0);
    await client.get(`${other.origin}/a`, { auth: false });
    expect(JSON.stringify(other.requests[0]?.rawHeaders)).not.toContain(SECRET);
  });

  it('a call may bring an authenticator of its own', async () => {
    const client = world.wire.client(world.server, { auth: { provider: world.provider() } });
    await client.get('/', { auth: new BasicAuth('alice', 'p') });
    expect(seen().authorization).toBe(basic('alice:p'));
    expect(world.endpoint.tokenRequests).toBe(0);
  });

  it('a call may bring a token of another manager', async () => {
    const manager = world.wire.closeLater(new TokenManager({ provider: world.provider() }));
    const client = world.wire.client(world.server, { auth: new BearerAuth('t') });
    await client.get('/', { auth: new TokenAuth(manager, { scheme: 'Token' }) });
    expect(seen().authorization).toBe(`Token ${world.endpoint.issued[0]?.accessToken}`);
  });

  it('a call may ask for a token of other parameters: one request for each, and never another one’s token', async () => {
    const client = world.wire.client(world.server, { auth: { provider: world.provider() } });
    const kinds = [
      undefined,
      { scope: 'read' },
      { scope: 'write' },
      { scope: ['read', 'write'] },
      { audience: 'read' },
      { resource: 'read' },
      { scope: 'read', audience: 'a' },
    ];
    const calls = [...kinds, ...kinds, ...kinds].map(async (auth, index) => {
      await client.get(`/${index % kinds.length}`, auth === undefined ? {} : { auth });
    });
    await Promise.all(calls);
    for (const [index, auth] of kinds.entries()) await client.get(`/${index}`, auth === undefined ? {} : { auth });
    expect(world.endpoint.tokenRequests).toBe(kinds.length);
    const tokens = kinds.map((_auth, index) => {
      const used = world.server.requests
        .filter(({ path }) => path === `/${index}`)
        .map(({ headers }) => headers.authorization);
      expect(used).toHaveLength(4);
      expect(new Set(used).size).toBe(1);
      return used[0];
    });
    expect(new Set(tokens).size).toBe(kinds.length);
    const asked = world.endpoint.server.requests.map((request) => request.form());
    expect(asked.map((form) => form.get('scope'))).toEqual([null, 'read', 'write', 'read write', null, null, 'read']);
    expect(asked.map((form) => form.get('audience'))).toEqual([null, null, null, null, 'read', null, 'a']);
    expect(asked.map((form) => form.get('resource'))).toEqual([null, null, null, null, null, 'read', null]);
  });

  it('a call that is rejected renews the token of its own parameters only', async () => {
    world.server.handler = ({ headers }, response) => {
      const token = headers.authorization?.replace('Bearer ', '') ?? '';
      give(response, world.endpoint.isValid(token) ? { json: {} } : { status: 401 });
    };
    const client = world.wire.client(world.server, { auth: { provider: world.provider() } });
    await client.get('/', { auth: { scope: 'a' } });
    await client.get('/', { auth: { scope: 'b' } });
    world.endpoint.revoke(world.endpoint.issued[0]?.accessToken ?? '');
    await client.get('/', { auth: { scope: 'a' } });
    await client.get('/', { auth: { scope: 'b' } });
    expect(world.endpoint.server.requests.map((request) => request.form().get('scope'))).toEqual(['a', 'b', 'a']);
  });

  it('a call cannot ask for a token where the service has none', async () => {
    const client = world.wire.client(world.server, { auth: new BearerAuth('t') });
    await expect(client.get('/', { auth: { scope: 'a' } })).rejects.toBeInstanceOf(InvalidRequestError);
    expect(world.server.connections).toBe(0);
  });
});

describe('a manager', () => {
  it('a manager shared by several services gets one token for all', async () => {
    const manager = world.wire.closeLater(new TokenManager({ name: 'shared', provider: world.provider() }));
    const second = await world.wire.server();
    const clients = [
      world.wire.client(world.server, { auth: { tokenManager: manager } }),
      world.wire.client(second, { name: 'invoices', auth: { tokenManager: manager, scheme: '' } }),
      world.wire.client(second, { name: 'files', auth: new TokenAuth(manager) }),
    ];
    await Promise.all(clients.flatMap((client) => [client.get('/'), client.get('/')]));
    expect(world.endpoint.tokenRequests).toBe(1);
    const token = world.endpoint.issued[0]?.accessToken;
    expect(new Set(world.server.requests.map(({ headers }) => headers.authorization))).toEqual(
      new Set([`Bearer ${token}`]),
    );
    expect(new Set(second.requests.map(({ headers }) => headers.authorization))).toEqual(
      new Set([`Bearer ${token}`, token]),
    );
  });

  it('a manager shared by several services renews once for all', async () => {
    const manager = world.wire.closeLater(new TokenManager({ name: 'shared', provider: world.provider() }));
    world.server.handler = ({ headers }, response) => {
      const token = headers.authorization?.replace('Bearer ', '') ?? '';
      give(response, world.endpoint.isValid(token) ? { json: {} } : { status: 401 });
    };
    const names = ['a', 'b', 'c', 'd'];
    const clients = names.map((name) => world.wire.client(world.server, { name, auth: { tokenManager: manager } }));
    await Promise.all(clients.map((client) => client.get('/')));
    world.endpoint.revokeAll();
    await Promise.all(clients.map((client) => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});
