import {
  ApiKeyAuth,
  type AuthOption,
  BasicAuth,
  BearerAuth,
  ClientCredentialsTokenProvider,
  CompositeAuth,
  createForgeClient,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  OriginNotAllowedError,
  StaticTokenProvider,
  Token,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { expectNothingToldTo, redirectTo, welcome } from './strangers.js';

const TOKEN = 'canary-access-token-7Qx2';
const KEY = 'canary-api-key-9Zr4';
const PASSWORD = 'canary-basic-password-3Lm8';
const HEADER = 'canary-custom-header-5Pk1';
const COOKIE = 'canary-cookie-6Wd0';
const QUERY = 'canary-query-value-2Hb5';
const SECRETS = [TOKEN, KEY, PASSWORD, HEADER, COOKIE, QUERY];

/** Every way to authenticate, each with a secret of its own. */
const WAYS: Readonly<Record<string, () => AuthOption>> = {
  'a bearer token': () => new BearerAuth(TOKEN),
  'a bearer token that a function reads': () => new BearerAuth(async () => TOKEN),
  'an API key in a header': () => new ApiKeyAuth(KEY),
  'an API key in the query': () => new ApiKeyAuth(KEY, { in: 'query', headerName: 'api_key' }),
  'basic authentication': () => new BasicAuth('alice', PASSWORD),
  'a token': () => ({ provider: new StaticTokenProvider(TOKEN) }),
  'a token in a header of its own': () => ({
    provider: new StaticTokenProvider(TOKEN),
    headerName: 'X-Token',
    scheme: '',
  }),
  'a token in the query': () => ({ provider: new StaticTokenProvider(TOKEN), placement: 'uri' }),
  'an API key and a token': () =>
    new CompositeAuth([new ApiKeyAuth(KEY), { provider: new StaticTokenProvider(TOKEN) }], { strategy: 'all' }),
};

let own: RecordingServer;
let other: RecordingServer;
const clients: ForgeHttpClient[] = [];

beforeEach(async () => {
  own = await startServer(welcome);
  other = await startServer(welcome);
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await own.close();
  await other.close();
});

function clientOf(service: Partial<ForgeServiceOptions> = {}): ForgeHttpClient {
  const client = createForgeClient({ name: 'orders', baseUrl: own.origin, auth: new BearerAuth(TOKEN), ...service });
  clients.push(client);
  return client;
}

/** A provider that counts how often it was asked. */
function countingProvider(): TokenProvider & { asked: number } {
  return {
    asked: 0,
    async fetchToken() {
      this.asked += 1;
      return new Token({ accessToken: `${TOKEN}-${this.asked}` });
    },
  };
}

describe('a URL that leads elsewhere', () => {
  const hostile: [string, () => string][] = [
    ['an absolute one', () => `${other.origin}/orders`],
    ['an absolute one in another case', () => `HTTP://127.0.0.1:${other.port}/orders`],
    ['one without a scheme', () => `//127.0.0.1:${other.port}/orders`],
    ['one with three slashes', () => `///127.0.0.1:${other.port}/orders`],
    ['one with backslashes', () => `\\\\127.0.0.1:${other.port}/orders`],
    ['one with a slash and a backslash', () => `/\\127.0.0.1:${other.port}/orders`],
    ['one with a backslash and a slash', () => `\\/127.0.0.1:${other.port}/orders`],
    ['one with a scheme and backslashes', () => `http:\\\\127.0.0.1:${other.port}/orders`],
    ['one with a scheme and one slash', () => `http:/127.0.0.1:${other.port}/orders`],
    ['one with a scheme and no slash', () => `http:127.0.0.1:${other.port}/orders`],
    ['one with the own host as user', () => `http://127.0.0.1:${own.port}@127.0.0.1:${other.port}/orders`],
    ['one with the own origin as user info', () => `http://user:pass@127.0.0.1:${other.port}/orders`],
    ['one with a backslash before the at sign', () => `http://127.0.0.1:${other.port}\\@127.0.0.1:${own.port}/`],
    ['one with a tab in its scheme', () => `ht\ttp://127.0.0.1:${other.port}/orders`],
    ['one with a newline in its scheme', () => `http:\n//127.0.0.1:${other.port}/orders`],
    ['one with a tab between its slashes', () => `/\t/127.0.0.1:${other.port}/orders`],
    ['one with a carriage return between its slashes', () => `/\r/127.0.0.1:${other.port}/orders`],
    ['one with a space before it', () => ` http://127.0.0.1:${other.port}/orders`],
    ['one with a null before it', () => `\0http://127.0.0.1:${other.port}/orders`],
    ['one with a fragment of the own origin', () => `${other.origin}/#${own.origin}`],
    ['one with a query of the own origin', () => `${other.origin}?${own.origin}/`],
    ['one with another scheme', () => `ftp://127.0.0.1:${other.port}/orders`],
    ['one to the own host over another port', () => `http://127.0.0.1:${other.port}/orders`],
    ['one to the own port over https', () => `https://127.0.0.1:${own.port}/orders`],
    ['one to another name of the own host', () => `http://localhost:${own.port}/orders`],
    ['one without a host', () => 'http:///orders'],
  ];

  it.each(hostile)('a URL that leads elsewhere is refused, nothing is sent: %s', async (_name, url) => {
    const client = clientOf();
    for (const call of [client.get(url()), client.post(url(), { a: 1 }), client.request({ url: url() })]) {
      expect(await rejection(call)).toMatchObject({
        code: expect.stringMatching(/^FORGE_AUTH_(ORIGIN_NOT_ALLOWED|INVALID_REQUEST)$/) as string,
        serviceName: 'orders',
      });
    }
    expect(own.requests).toHaveLength(0);
    expect(other.requests).toHaveLength(0);
    expect(other.connections).toBe(0);
  });

  const disguised: [string, () => string, string][] = [
    ['an at sign', () => `@127.0.0.1:${other.port}/x`, '/@127'],
    ['a port and an at sign', () => `/:80@127.0.0.1:${other.port}/x`, '/:80@127'],
    ['a domain suffix', () => '.evil.example/x', '/.evil.example/x'],
    ['dot segments before a host', () => `/..//127.0.0.1:${other.port}/x`, '//127'],
    ['encoded slashes', () => `/%2F%2F127.0.0.1:${other.port}/x`, '/%2F%2F127'],
    ['an encoded backslash', () => `/%5C127.0.0.1:${other.port}/x`, '/%5C127'],
    ['an absolute URL as a path', () => `/http://127.0.0.1:${other.port}/x`, '/http://127'],
  ];

  it.each(disguised)(
    'a URL that leads elsewhere is a path of the own origin when it is written with %s',
    async (_name, url, path) => {
      await clientOf().get(url());
      expect(own.requests).toHaveLength(1);
      expect(own.requests[0]?.url.startsWith(path)).toBe(true);
      expect(own.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
      expect(other.connections).toBe(0);
    },
  );

  it('a URL that leads elsewhere is called without a credential, and without the headers and parameters of the service, with auth: false', async () => {
    const client = clientOf({ headers: { 'X-Tenant': HEADER, cookie: COOKIE }, params: { secret: QUERY } });
    await client.get(`${other.origin}/orders`, { auth: false });
    expectNothingToldTo(other, 1, SECRETS);
  });

  it('a URL that leads elsewhere is shown nothing with auth: false by a service without a base URL, either', async () => {
    const client = createForgeClient({
      name: 'orders',
      auth: new BearerAuth(TOKEN),
      headers: { 'X-Tenant': HEADER, cookie: COOKIE },
      params: { secret: QUERY },
      allowedOrigins: [own.origin],
    });
    clients.push(client);
    await client.get(`${other.origin}/orders`, { auth: false });
    expectNothingToldTo(other, 1, SECRETS);
    await client.get(`${own.origin}/orders`, { auth: false });
    expect(own.requests[0]?.headers).toMatchObject({ 'x-tenant': HEADER, cookie: COOKIE });
  });

  it('a URL that leads elsewhere is shown the headers of a service that has neither a base URL nor a credential: they are for all', async () => {
    const client = createForgeClient({ name: 'orders', headers: { 'X-Tenant': 'a' }, params: { page: 1 } });
    clients.push(client);
    await client.get(`${other.origin}/orders`);
    expect(other.requests[0]).toMatchObject({ url: '/orders?page=1', headers: { 'x-tenant': 'a' } });
  });

  it('a URL that leads elsewhere is called with the credential when its origin is allowed, and with no other port of that host', async () => {
    const client = clientOf({ allowedOrigins: [other.origin] });
    await client.get(`${other.origin}/files`);
    expect(other.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    await expect(client.get(`http://127.0.0.1:${other.port + 1}/files`)).rejects.toBeInstanceOf(OriginNotAllowedError);
  });

  it('a URL that leads elsewhere is refused for an authenticator of the call, too', async () => {
    const call = clientOf().get(`${other.origin}/orders`, { auth: new ApiKeyAuth(KEY) });
    await expect(call).rejects.toBeInstanceOf(OriginNotAllowedError);
    expect(other.connections).toBe(0);
  });

  it('names a URL that leads elsewhere in an error without its query and user info', async () => {
    const error = await rejection(clientOf().get(`${other.origin}/orders?key=${QUERY}`));
    expect(error.message).toContain(`${other.origin}/orders is not of service "orders"`);
    expect(error.message).toContain('allowedOrigins');
    expect(error.message).not.toContain(QUERY);
  });
});

describe('a redirect to another origin', () => {
  const statuses = [301, 302, 303, 307, 308];

  it.each(Object.keys(WAYS).flatMap((way) => statuses.map((status): [string, number] => [way, status])))(
    'shows it nothing of %s (%i)',
    async (way, status) => {
      own.handler = redirectTo(`${other.origin}/elsewhere`, status);
      const client = clientOf({
        auth: WAYS[way]?.() as AuthOption,
        headers: { 'X-Tenant': HEADER, cookie: COOKIE },
        params: { secret: QUERY },
      });
      const response = await client.get('/orders', {
        headers: { 'X-Session': HEADER, 'Proxy-Authorization': `Basic ${PASSWORD}` },
      });
      expect(response.url).toBe(`${other.origin}/elsewhere`);
      expectNothingToldTo(other, 1, SECRETS);
      expect(own.requests).toHaveLength(1);
    },
  );

  it.each(statuses)('shows it nothing of a Cookie or Authorization that the call brought (%i)', async (status) => {
    own.handler = redirectTo(`${other.origin}/elsewhere`, status);
    await clientOf().post('/orders', { a: 1 }, { headers: { cookie: COOKIE, Authorization: `Bearer ${HEADER}` } });
    expect(own.requests[0]?.headers).toMatchObject({ cookie: COOKIE, authorization: `Bearer ${HEADER}` });
    expectNothingToldTo(other, 1, SECRETS);
  });

  it.each(['an API key in the query', 'a token in the query'])(
    'shows it nothing of %s that Location echoes',
    async (way) => {
      own.handler = redirectTo((url) => `${other.origin}${url}&page=2`);
      await clientOf({ auth: WAYS[way]?.() as AuthOption }).get('/orders?page=1');
      expectNothingToldTo(other, 1, SECRETS);
      expect(other.requests[0]?.url).toBe('/orders?page=1&page=2');
    },
  );

  it('shows it nothing of an API key that Location echoes under another name', async () => {
    own.handler = redirectTo(() => `${other.origin}/login?k=${KEY}&page=2`);
    await clientOf({ auth: new ApiKeyAuth(KEY, { in: 'query' }) }).get('/orders');
    expectNothingToldTo(other, 1, SECRETS);
    expect(other.requests[0]?.url).toBe('/login?page=2');
  });

  it("shows it nothing of the service's own headers that Location echoes", async () => {
    own.handler = redirectTo(() => `${other.origin}/login?tenant=tenant-4711&agent=our-agent%2F1&page=2`);
    await clientOf({ headers: { 'x-tenant': 'tenant-4711', 'user-agent': 'our-agent/1' } }).get('/orders');
    expect(other.requests.map(({ url }) => url)).toEqual(['/login?agent=our-agent%2F1&page=2']);
  });

  it.each([
    ['inside another parameter', (url: string) => `/login?next=${encodeURIComponent(`${own.origin}${url}`)}`],
    ['in the path', () => `/login/${KEY}`],
    ['in the encoded path', () => `/login/${KEY.replaceAll('-', '%2D')}`],
  ])('shows it nothing of an API key that Location echoes %s', async (_place, location) => {
    own.handler = redirectTo((url) => other.origin + location(url));
    await clientOf({ auth: new ApiKeyAuth(KEY, { in: 'query' }) })
      .get('/orders')
      .catch(() => undefined);
    expectNothingToldTo(other, other.requests.length, SECRETS);
  });

  it.each(Object.keys(WAYS))(
    'shows it nothing when %s is echoed, header or query, whatever its name there',
    async (way) => {
      own.handler = ({ headers, query }, response) => {
        const echo = new URLSearchParams([...query, ['token', headers.authorization?.split(' ')[1] ?? '']]);
        for (const name of ['x-api-key', 'x-token']) echo.append(name, String(headers[name] ?? ''));
        response
          .writeHead(302, { location: `${other.origin}/login?next=${encodeURIComponent(`/a?${echo}`)}&${echo}` })
          .end();
      };
      await clientOf({ auth: WAYS[way]?.() as AuthOption }).get('/orders');
      expectNothingToldTo(other, 1, SECRETS);
    },
  );

  it('shows it nothing of an API key that was echoed by a redirect to the own origin before', async () => {
    own.handler = ({ url, path }, response) => {
      const location = path === '/orders' ? url.replace('/orders', '/moved') : other.origin + url;
      response.writeHead(302, { location }).end();
    };
    const response = await clientOf({ auth: new ApiKeyAuth(KEY, { in: 'query' }) }).get('/orders?page=1');
    expect(own.requests.map(({ query }) => query.getAll('X-API-Key'))).toEqual([[KEY], [KEY]]);
    expectNothingToldTo(other, 1, SECRETS);
    expect(response.url).toBe(`${other.origin}/moved?page=1`);
  });

  it('shows it nothing of user info in Location', async () => {
    own.handler = redirectTo(`http://alice:${PASSWORD}@127.0.0.1:${other.port}/elsewhere`);
    await clientOf().get('/orders');
    expectNothingToldTo(other, 1, [...SECRETS, Buffer.from(`alice:${PASSWORD}`).toString('base64')]);
    expect(other.requests[0]?.headers.authorization).toBeUndefined();
  });

  it.each([
    ['without a scheme', () => `//127.0.0.1:${other.port}/x`],
    ['with backslashes', () => `\\\\127.0.0.1:${other.port}/x`],
    ['with the own host as user', () => `http://127.0.0.1:${own.port}@127.0.0.1:${other.port}/x`],
    ['with a tab in it', () => `/\t/127.0.0.1:${other.port}/x`],
    ['with spaces around it', () => `  ${other.origin}/x  `],
  ])('shows it nothing when Location is written %s', async (_name, location) => {
    own.handler = redirectTo(() => location());
    await clientOf().get('/orders');
    expectNothingToldTo(other, 1, SECRETS);
  });

  it.each(['ftp://127.0.0.1/x', 'file:///etc/passwd', 'javascript:alert(1)', 'http://', 'http://[::1'])(
    'a redirect to another origin is not followed to %s',
    async (location) => {
      own.handler = redirectTo(location);
      await expect(clientOf().get('/orders')).rejects.toMatchObject({ code: 'FORGE_AUTH_HTTP_STATUS', status: 302 });
      expect(own.requests).toHaveLength(1);
    },
  );

  it('shows it nothing on its way back, and authenticates again at home', async () => {
    own.handler = ({ path }, response) => {
      if (path === '/orders') response.writeHead(302, { location: `${other.origin}/bounce` }).end();
      else welcome({} as never, response);
    };
    other.handler = redirectTo(`${own.origin}/back`);
    await clientOf().get('/orders', { headers: { cookie: COOKIE } });
    expectNothingToldTo(other, 1, SECRETS);
    expect(own.requests.map(({ path, headers }) => [path, headers.authorization, headers.cookie])).toEqual([
      ['/orders', `Bearer ${TOKEN}`, COOKIE],
      ['/back', `Bearer ${TOKEN}`, undefined],
    ]);
  });

  it('a redirect to another origin is followed through a chain of strangers, none of whom is shown anything', async () => {
    const third = await startServer(welcome);
    other.handler = redirectTo(`${third.origin}/third`, 307);
    own.handler = redirectTo(`${other.origin}/second`, 308);
    await clientOf().post('/orders', { order: 7 }, { headers: { cookie: COOKIE } });
    expectNothingToldTo(other, 1, SECRETS);
    expectNothingToldTo(third, 1, SECRETS);
    expect(third.requests[0]?.json()).toEqual({ order: 7 });
    await third.close();
  });

  it('carries the credential where the origin is allowed, and drops what the call brought', async () => {
    own.handler = redirectTo(`${other.origin}/files`);
    await clientOf({ allowedOrigins: [other.origin] }).get('/orders', { headers: { cookie: COOKIE } });
    expect(other.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(other.requests[0]?.headers.cookie).toBeUndefined();
  });

  it('a redirect to another origin is followed with nothing of TLS left when it leads from https to http', async () => {
    const secure = await startServer(redirectTo(`http://127.0.0.1:${other.port}/plain`), { tls: true });
    for (const way of Object.keys(WAYS)) {
      const client = clientOf({
        baseUrl: secure.origin,
        auth: WAYS[way]?.() as AuthOption,
        tls: { ca: secure.ca as string },
      });
      await client.get('/orders', { headers: { cookie: COOKIE } });
    }
    expectNothingToldTo(other, Object.keys(WAYS).length, SECRETS);
    await secure.close();
  });

  it('a redirect to another origin that leads to plain http on the own host and port is another origin', async () => {
    own.handler = redirectTo(() => `http://localhost:${own.port}/same-machine`);
    const seen: (string | undefined)[] = [];
    own.handler = ({ path, headers }, response) => {
      seen.push(headers.authorization);
      if (path === '/orders') response.writeHead(302, { location: `http://localhost:${own.port}/named` }).end();
      else welcome({} as never, response);
    };
    await clientOf().get('/orders');
    expect(seen).toEqual([`Bearer ${TOKEN}`, undefined]);
  });

  it('a redirect to another origin is given up after maxRedirects, and the error names the first URL without its query', async () => {
    own.handler = redirectTo(({ length }) => `/loop/${length}?key=${KEY}`);
    const error = await rejection(clientOf({ maxRedirects: 3 }).get(`/orders?secret=${QUERY}`));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_TOO_MANY_REDIRECTS', serviceName: 'orders' });
    expect(error.message).toBe(`GET ${own.origin}/orders was redirected more than 3 times.`);
    expect(own.requests).toHaveLength(4);
  });

  it('a redirect to another origin is answered as it is with maxRedirects: 0', async () => {
    own.handler = redirectTo(`${other.origin}/elsewhere`);
    await expect(clientOf().get('/orders', { maxRedirects: 0 })).rejects.toMatchObject({ status: 302 });
    expect(other.connections).toBe(0);
  });
});

describe('a credential that the call brings', () => {
  it('wins: nothing is added, and a rejection renews nothing', async () => {
    const provider = countingProvider();
    own.handler = (_request, response) => void response.writeHead(401).end();
    const call = clientOf({ auth: { provider } }).get('/orders', { headers: { authorization: 'Bearer mine' } });
    await expect(call).rejects.toMatchObject({ status: 401 });
    expect(own.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer mine']);
    expect(provider.asked).toBe(0);
  });

  it('a credential that the call brings is dropped by a redirect elsewhere, and not replaced by the one of the service on the way back', async () => {
    const provider = countingProvider();
    own.handler = ({ path }, response) => {
      if (path === '/orders') response.writeHead(302, { location: `${other.origin}/bounce` }).end();
      else welcome({} as never, response);
    };
    other.handler = redirectTo(`${own.origin}/back`);
    await clientOf({ auth: { provider } }).get('/orders', { headers: { Authorization: `Bearer ${HEADER}` } });
    expectNothingToldTo(other, 1, SECRETS);
    expect(own.requests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${HEADER}`, undefined]);
    expect(provider.asked).toBe(0);
  });

  it('a credential that the call brings is kept by a redirect at home', async () => {
    own.handler = ({ path }, response) => {
      if (path === '/orders') response.writeHead(302, { location: '/moved' }).end();
      else welcome({} as never, response);
    };
    await clientOf().get('/orders', { headers: { Authorization: 'Bearer mine' } });
    expect(own.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer mine', 'Bearer mine']);
  });

  it('wins in a composite, too: no member writes or renews it', async () => {
    const provider = countingProvider();
    own.handler = (_request, response) => void response.writeHead(401).end();
    const client = clientOf({ auth: new CompositeAuth([{ provider }, new BearerAuth(TOKEN)]) });
    await expect(client.get('/orders', { headers: { authorization: 'Bearer mine' } })).rejects.toMatchObject({
      status: 401,
    });
    expect(own.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer mine']);
    expect(provider.asked).toBe(0);
  });

  it('a credential that the call brings as an authenticator takes the place of the one of the service', async () => {
    const provider = countingProvider();
    await clientOf({ auth: { provider } }).get('/orders', { auth: new BasicAuth('alice', PASSWORD) });
    expect(own.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from(`alice:${PASSWORD}`).toString('base64')}`);
    expect(provider.asked).toBe(0);
  });

  it('a credential that the call brings as an authenticator goes to no stranger by redirect', async () => {
    own.handler = redirectTo(`${other.origin}/elsewhere`);
    await clientOf().get('/orders', { auth: new ApiKeyAuth(KEY) });
    expect(own.requests[0]?.headers).toMatchObject({ 'x-api-key': KEY });
    expectNothingToldTo(other, 1, SECRETS);
  });

  it('a credential that the call brings is none with auth: false: the call goes out bare, and its 401 renews nothing', async () => {
    const provider = countingProvider();
    own.handler = (_request, response) => void response.writeHead(401).end();
    await expect(clientOf({ auth: { provider } }).get('/orders', { auth: false })).rejects.toMatchObject({
      status: 401,
    });
    expect(own.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(provider.asked).toBe(0);
  });
});

/** Resolves every name to this machine. */
const lookup = (_host: string, _options: object, done: (error: null, address: string, family: number) => void): void =>
  done(null, '127.0.0.1', 4);

describe('a token endpoint', () => {
  const secret = { clientId: 'client', clientSecret: PASSWORD };

  function callWith(
    options: Partial<ConstructorParameters<typeof ClientCredentialsTokenProvider>[0]>,
  ): Promise<unknown> {
    const provider = new ClientCredentialsTokenProvider({ ...secret, ...options });
    return clientOf({ auth: { provider } }).get('/orders');
  }

  it.each([
    'http://issuer.example/token',
    'http://localhost.evil.example/token',
    'http://127.0.0.1.evil.example/token',
    'http://128.0.0.1/token',
    'http://0.0.0.0/token',
    'HTTP://ISSUER.EXAMPLE/token',
  ])('a token endpoint in the clear is refused, and the error prints the line to add: %s', async (tokenUrl) => {
    const error = await rejection(callWith({ tokenUrl }));
    const { origin, pathname } = new URL(tokenUrl);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toBe(
      `Service "orders": ClientCredentialsTokenProvider: tokenUrl ${origin}${pathname} is plain http: secrets would travel in the clear. Use https, or add\n  allowInsecure: true,\nto the provider's options.`,
    );
  });

  it('a token endpoint in the clear is refused as an issuer, too', async () => {
    const error = await rejection(callWith({ issuer: 'http://issuer.example' }));
    expect(error.message).toContain('issuer http://issuer.example/ is plain http');
    expect(error.message).toContain('\n  allowInsecure: true,\n');
  });

  it('a token endpoint in the clear is asked with allowInsecure', async () => {
    other.handler = (_request, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(`{"access_token":"${TOKEN}"}`);
    const tokenUrl = `http://issuer.example:${other.port}/token`;
    await callWith({ tokenUrl, allowInsecure: true, http: { axios: { lookup } as never } });
    expect(other.requests[0]?.headers.host).toBe(`issuer.example:${other.port}`);
    expect(own.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it.each(['127.0.0.1', 'localhost'])('a token endpoint on this machine may be in the clear: %s', async (host) => {
    other.handler = (_request, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(`{"access_token":"${TOKEN}"}`);
    await callWith({ tokenUrl: `http://${host}:${other.port}/token` });
    expect(own.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it.each([301, 302, 303, 307, 308])(
    'a token endpoint that redirects is not followed: the secret goes nowhere else (%i)',
    async (status) => {
      const endpoint = await startServer(redirectTo(`${other.origin}/token`, status));
      const error = await rejection(callWith({ tokenUrl: `${endpoint.origin}/token` }));
      expect(error).toMatchObject({ code: 'FORGE_AUTH_TOKEN_REFUSED', serviceName: 'orders', status });
      expect(other.connections).toBe(0);
      expect(own.requests).toHaveLength(0);
      await endpoint.close();
    },
  );

  it.each([
    ['plain http', 'http://issuer.example/token', 'is plain http'],
    ['another scheme', 'ftp://issuer.example/token', 'must be an https URL'],
    ['user info', `https://user:${PASSWORD}@issuer.example/token`, 'must not hold a user name or password'],
  ])('a token endpoint that is discovered is refused when its URL has %s', async (_name, endpoint, problem) => {
    const issuer = await startServer((_request, response) => {
      const document = { issuer: issuer.origin, token_endpoint: endpoint };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    });
    const error = await rejection(callWith({ issuer: issuer.origin }));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toContain(`token_endpoint`);
    expect(error.message).toContain(problem);
    expect(error.message).not.toContain(PASSWORD);
    expect(own.requests).toHaveLength(0);
    await issuer.close();
  });

  it('a token endpoint of a document that speaks for another issuer is not asked', async () => {
    const issuer = await startServer((_request, response) => {
      const document = { issuer: 'https://another.example', token_endpoint: `${other.origin}/token` };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    });
    const error = await rejection(callWith({ issuer: issuer.origin }));
    expect(error.message).toContain(`discovery of ${issuer.origin}/ failed`);
    expect(other.connections).toBe(0);
    await issuer.close();
  });

  it('a token endpoint of a discovery that redirects is not asked', async () => {
    const issuer = await startServer(redirectTo(`${other.origin}/.well-known/openid-configuration`));
    await expect(callWith({ issuer: issuer.origin })).rejects.toMatchObject({ serviceName: 'orders' });
    expect(other.connections).toBe(0);
    await issuer.close();
  });
});
