import { Readable } from 'node:stream';
import { ApiKeyAuth, BearerAuth, type ForgeResponse } from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import type { RecordingServer } from '../support/recording-server.js';
import { rejection, until } from '../support/async.js';
import { Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

const SECRET = 'canary-credential-value';

/** Redirects `/from` with `status` to `location`, and answers the rest. */
function redirecting(status: number, location = '/to'): Promise<RecordingServer> {
  return wire.server(({ path }, response) =>
    give(response, path === '/from' ? { status, headers: { location }, body: 'moved' } : { json: { path } }),
  );
}

/** One whose `/from` redirects to the other. */
async function twoServers(status: number): Promise<{ own: RecordingServer; other: RecordingServer }> {
  const other = await wire.server();
  return { own: await redirecting(status, `${other.origin}/to?own=1`), other };
}

describe('a redirect', () => {
  it.each<[number, string, string, boolean]>([
    [301, 'GET', 'GET', false],
    [302, 'GET', 'GET', false],
    [303, 'GET', 'GET', false],
    [307, 'GET', 'GET', false],
    [308, 'GET', 'GET', false],
    [301, 'HEAD', 'HEAD', false],
    [303, 'HEAD', 'HEAD', false],
    [308, 'HEAD', 'HEAD', false],
    [301, 'POST', 'GET', false],
    [302, 'POST', 'GET', false],
    [303, 'POST', 'GET', false],
    [307, 'POST', 'POST', true],
    [308, 'POST', 'POST', true],
    [301, 'PUT', 'PUT', true],
    [302, 'PATCH', 'PATCH', true],
    [303, 'PUT', 'GET', false],
    [303, 'DELETE', 'GET', false],
    [307, 'DELETE', 'DELETE', true],
  ])('a redirect of %d turns %s into %s; the body goes along: %s', async (status, method, after, keepsBody) => {
    const server = await redirecting(status);
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const response = await wire.client(server).request({
      method,
      url: '/from',
      headers: { 'content-language': 'en' },
      ...(hasBody ? { data: { a: 1 } } : {}),
    });
    expect(response).toMatchObject({ status: 200, url: `${server.origin}/to`, attempts: 1 });
    expect(server.requests.map((request) => `${request.method} ${request.path}`)).toEqual([
      `${method} /from`,
      `${after} /to`,
    ]);
    const last = server.requests[1];
    expect(last?.text).toBe(keepsBody ? '{"a":1}' : '');
    expect(last?.headers['content-type']).toBe(keepsBody ? 'application/json' : undefined);
    expect(last?.headers['content-language']).toBe(method === after ? 'en' : undefined);
  });

  it.each([300, 304, 305, 306])('a redirect of %d is followed by nobody', async (status) => {
    const server = await redirecting(status);
    await expect(wire.client(server).get('/from')).rejects.toMatchObject({ status });
    expect(server.count()).toBe(1);
  });

  it.each([
    ['/to', '/to'],
    ['to', '/dir/to'],
    ['../to', '/to'],
    ['?x=1', '/dir/from?x=1'],
    ['./to?x=1#fragment', '/dir/to?x=1'],
    ['/t%C3%B6?q=%FF', '/t%C3%B6?q=%FF'],
  ])('a redirect to %s is resolved against the URL that it came from', async (location, expected) => {
    const server = await wire.server(({ url }, response) =>
      give(response, url === '/dir/from' ? { status: 302, headers: { location } } : { json: {} }),
    );
    const response = await wire.client(server).get('/dir/from');
    expect(response.url).toBe(server.origin + expected);
    expect(server.requests[1]?.url).toBe(expected);
  });

  it('a redirect is resolved against each hop anew', async () => {
    const server = await wire.server(({ path }, response) => {
      const next = { '/a/1': 'b/2', '/a/b/2': '../3' }[path];
      give(response, next === undefined ? { json: {} } : { status: 307, headers: { location: next } });
    });
    await expect(wire.client(server).get('/a/1')).resolves.toMatchObject({ url: `${server.origin}/a/3` });
  });

  it.each(['http://', 'ftp://files.example/', 'javascript:alert(1)', 'mailto:a@b', 'file:///etc/passwd'])(
    'a redirect to %s is answered as it is',
    async (location) => {
      const server = await redirecting(302, location);
      await expect(wire.client(server).get('/from')).rejects.toMatchObject({ status: 302 });
      expect(server.count()).toBe(1);
    },
  );

  it.each([
    ['followed', '/to', 1, 'fulfilled'],
    ['one too many', '/from', 3, 'rejected'],
  ])('a redirect that is %s on the way to a stream is not read to its end', async (_what, location, hops, outcome) => {
    let closed = 0;
    const server = await wire.server(({ path }, response) => {
      if (path === '/to') return give(response, { json: {} });
      response.on('close', () => (closed += 1)).writeHead(302, { location });
      response.write('a page without an end');
    });
    const call = wire.client(server, { maxRedirects: 2 }).get('/from', { responseType: 'stream' });
    const [settled] = await Promise.allSettled([call]);
    expect(settled?.status).toBe(outcome);
    await until(() => closed === hops, 'its connections are let go');
  });

  it('a redirect without a Location is answered as it is', async () => {
    const server = await wire.server((_request, response) => give(response, { status: 302 }));
    await expect(wire.client(server).get('/')).rejects.toMatchObject({ status: 302 });
  });

  it.each<[string, object, object]>([
    ['the service', { maxRedirects: 0 }, {}],
    ['the call', {}, { maxRedirects: 0 }],
  ])('a redirect is answered as it is where %s follows none', async (_who, service, config) => {
    const server = await redirecting(302);
    const response = await wire.client(server, service).get('/from', { ...config, validateStatus: null });
    expect(response).toMatchObject({ status: 302, data: 'moved', headers: { location: '/to' } });
    expect(server.count()).toBe(1);
  });

  it.each([1, 3])('a redirect is followed %d times, and no more', async (maxRedirects) => {
    const server = await wire.server(({ path }, response) => {
      const hop = Number(path.slice(1));
      give(response, hop < maxRedirects ? { status: 302, headers: { location: `/${hop + 1}` } } : { json: hop });
    });
    const client = wire.client(server, { maxRedirects });
    await expect(client.get('/0')).resolves.toMatchObject({ data: maxRedirects });
    server.handler = (_request, response) => give(response, { status: 302, headers: { location: '/again?secret=1' } });
    server.reset();
    const error = await rejection(client.get('/loop?secret=1'));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_TOO_MANY_REDIRECTS', serviceName: 'orders' });
    expect(error.message).toContain(`/loop was redirected more than ${maxRedirects} times`);
    expect(server.count()).toBe(maxRedirects + 1);
  });

  it.each([307, 308])('a redirect of %d does not send a stream again: it is answered as it is', async (status) => {
    const server = await redirecting(status);
    const validateStatus = null;
    const response = await wire.client(server).post('/from', Readable.from(['once']), { validateStatus });
    expect(response).toMatchObject({ status, data: 'moved' });
    expect(server.requests.map(({ text }) => text)).toEqual(['once']);
  });

  it('a redirect of 307 asks a function for the body again', async () => {
    const server = await redirecting(307);
    let asked = 0;
    await wire.client(server).post('/from', () => Readable.from([`body ${(asked += 1)}`]));
    expect(server.requests.map(({ text }) => text)).toEqual(['body 1', 'body 2']);
  });

  it('a redirect of 303 leaves a stream behind', async () => {
    const server = await redirecting(303);
    const response: ForgeResponse = await wire.client(server).post('/from', Readable.from(['once']));
    expect(response.status).toBe(200);
    expect(server.requests.map(({ text }) => text)).toEqual(['once', '']);
  });

  it('keeps its connection, and frees those of streams', async () => {
    const server = await redirecting(302);
    const client = wire.client(server);
    for (let call = 0; call < 5; call += 1) await client.get('/from');
    expect(server.connections).toBe(1);
    for (let call = 0; call < 5; call += 1) {
      const { data } = await client.get<Readable>('/from', { responseType: 'stream' });
      await data.toArray();
    }
    await client.close();
    await until(() => server.openConnections === 0, 'connections are closed');
  });
});

describe('a redirect to another origin', () => {
  it.each([301, 302, 303, 307, 308])(
    'a redirect to another origin of %d carries no credential, cookie or header of unknown meaning',
    async (status) => {
      const { own, other } = await twoServers(status);
      const client = wire.client(own, { auth: new BearerAuth(SECRET), headers: { 'x-tenant-key': SECRET } });
      const headers = {
        cookie: `sid=${SECRET}`,
        'x-own': SECRET,
        'accept-language': 'de',
        'proxy-authorization': SECRET,
      };
      await client.post('/from', { a: 1 }, { headers });
      expect(own.requests[0]?.headers).toMatchObject({ authorization: `Bearer ${SECRET}`, 'x-own': SECRET });
      expect(other.count()).toBe(1);
      const [request] = other.requests;
      expect(JSON.stringify(request?.rawHeaders) + request?.url).not.toContain(SECRET);
      expect(request?.headers).toMatchObject({ 'accept-language': 'de', host: new URL(other.origin).host });
    },
  );

  it('carries no API key that was in the query, even if the service quotes it', async () => {
    const other = await wire.server();
    const own = await wire.server(({ query }, response) =>
      give(response, { status: 302, headers: { location: `${other.origin}/to?${query.toString()}&back=${SECRET}` } }),
    );
    const auth = new ApiKeyAuth(SECRET, { in: 'query', headerName: 'key' });
    await wire.client(own, { auth }).get('/from?page=2');
    expect(other.requests[0]?.url).toBe('/to?page=2');
  });

  it('a redirect to another origin that leads back carries the credential again', async () => {
    const own = await wire.server();
    const other = await wire.server((_request, response) =>
      give(response, { status: 302, headers: { location: `${own.origin}/home` } }),
    );
    own.handler = ({ path }, response) =>
      give(response, path === '/home' ? { json: {} } : { status: 302, headers: { location: `${other.origin}/` } });
    await wire.client(own, { auth: new BearerAuth(SECRET) }).get('/from');
    expect(own.requests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${SECRET}`, `Bearer ${SECRET}`]);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it('carries the credential where the origin is allowed', async () => {
    const { own, other } = await twoServers(302);
    await wire.client(own, { auth: new BearerAuth(SECRET), allowedOrigins: [other.origin] }).get('/from');
    expect(other.requests[0]?.headers.authorization).toBe(`Bearer ${SECRET}`);
  });

  it('a redirect to another origin does not take user info along', async () => {
    const other = await wire.server();
    const own = await redirecting(302, `${other.origin.replace('//', '//user:pass@')}/to`);
    const response = await wire.client(own).get('/from');
    expect(response.url).toBe(`${other.origin}/to`);
    expect(other.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it('a redirect to another origin that answers 401 causes no renewal: it says nothing about the token', async () => {
    const { own, other } = await twoServers(302);
    other.handler = (_request, response) => give(response, { status: 401 });
    let fetched = 0;
    const provider = {
      async fetchToken() {
        const { Token } = await import('nestjs-forge-auth');
        return new Token({ accessToken: `token-${(fetched += 1)}` });
      },
    };
    const client = wire.client(own, { auth: { provider } });
    await expect(client.get('/from')).rejects.toMatchObject({ status: 401 });
    await expect(client.get('/from')).rejects.toMatchObject({ status: 401 });
    expect([fetched, other.count()]).toEqual([1, 2]);
  });
});
