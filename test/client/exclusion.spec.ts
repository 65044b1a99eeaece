import {
  ApiKeyAuth,
  BasicAuth,
  createForgeClient,
  type ForgeHttpClient,
  type ForgeServiceOptions,
} from 'nestjs-forge-auth';
import type { RecordingServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';
import { Wire } from './wire.js';

const wire = new Wire();
let server: RecordingServer;
beforeEach(async () => {
  server = await wire.server();
});
afterEach(() => wire.close());

/** Calls `url` below `/api`, and answers what arrived: the target as it was sent, and whether no credential came. */
async function sent(url: string, service: Partial<ForgeServiceOptions>): Promise<[url: string, bare: boolean]> {
  const options = { auth: new ApiKeyAuth('a-key'), baseUrl: `${server.origin}/api`, ...service };
  await wire.client(server, options).get(url);
  expect(server.requests).toHaveLength(1);
  const [request] = server.requests;
  return [request?.url ?? '', request?.headers['x-api-key'] === undefined];
}

describe('a path', () => {
  it.each<[entry: string, called: string, arrived: string, bare: boolean]>([
    // Exact.
    ['/health', '/health', '/api/health', true],
    ['/health', 'health', '/api/health', true],
    ['health', '/health', '/api/health', true],
    ['/health', '/healthy', '/api/healthy', false],
    ['/health', '/health/live', '/api/health/live', false],
    ['/health', '/a/health', '/api/a/health', false],
    ['/', '/', '/api/', true],
    ['/', '', '/api', true],
    ['/', '/orders', '/api/orders', false],
    // Below the base URL, which is never part of it.
    ['/api/health', '/health', '/api/health', false],
    ['/api/health', '/api/health', '/api/api/health', true],
    // Query and fragment.
    ['/health', '/health?deep=1', '/api/health?deep=1', true],
    ['/health', '/health?', '/api/health', true],
    ['/health', '/health#part', '/api/health', true],
    ['/health', '/orders?next=/health', '/api/orders?next=/health', false],
    ['/health', '/orders#/health', '/api/orders', false],
    // One trailing slash.
    ['/health', '/health/', '/api/health/', true],
    ['/health/', '/health', '/api/health', true],
    ['/health', '/health//', '/api/health//', false],
    // Dot segments.
    ['/orders', '/public/../orders', '/api/orders', true],
    ['/orders', '/public/%2e%2E/orders', '/api/orders', true],
    ['/orders', '/./orders', '/api/orders', true],
    ['/public', '/public/../orders', '/api/orders', false],
    ['/health', '/../health', '/health', false],
    ['/health', '/../api/health', '/api/health', true],
    ['/../health', '/../health', '/health', false],
    // Percent-encoding.
    ['/café', '/café', '/api/caf%C3%A9', true],
    ['/caf%C3%A9', '/caf%c3%a9', '/api/caf%c3%a9', true],
    ['/health', '/%68ealth', '/api/%68ealth', true],
    ['/health', '/%2568ealth', '/api/%2568ealth', false],
    ['/a/b', '/a%2Fb', '/api/a%2Fb', false],
    ['/a%2Fb', '/a/b', '/api/a/b', false],
    ['/a%2fb', '/a%2Fb', '/api/a%2Fb', true],
    ['/a b', '/a%20b', '/api/a%20b', true],
    // Case.
    ['/health', '/Health', '/api/Health', false],
    ['/Health', '/health', '/api/health', false],
  ])('a path that excludes %s, called as %s, arrives as %s: bare %s', async (entry, called, arrived, bare) => {
    await expect(sent(called, { excludedPaths: [entry] })).resolves.toEqual([arrived, bare]);
  });
});

describe('a pattern', () => {
  it.each<[pattern: string, called: string, arrived: string, bare: boolean]>([
    ['/public/*', '/public/a', '/api/public/a', true],
    ['/public/*', '/public/a/b/c', '/api/public/a/b/c', true],
    ['/public/*', '/public/', '/api/public/', true],
    ['/public/*', '/public', '/api/public', false],
    ['/public/**', '/public', '/api/public', true],
    ['/public/*', '/public/a?b=/c', '/api/public/a?b=/c', true],
    ['/public/*', '/orders?next=/public/a', '/api/orders?next=/public/a', false],
    ['/public/*', '/public/../orders', '/api/orders', false],
    ['/public/*', '/public/%2e%2e/orders', '/api/orders', false],
    ['/public/*', '/public/%2E./orders', '/api/orders', false],
    ['/public/*', '/public/..%2Forders', '/api/public/..%2Forders', true],
    ['/public/*', '/public%2Forders', '/api/public%2Forders', false],
    ['/public/*', '/%70ublic/a', '/api/%70ublic/a', true],
    ['/public/*', '/../public/a', '/public/a', false],
    ['/public/*', '/PUBLIC/a', '/api/PUBLIC/a', false],
    ['*/health', '/a/b/health', '/api/a/b/health', true],
    ['*/health', '/health', '/api/health', true],
    ['*', '/', '/api/', true],
    ['/v?/status', '/v2/status', '/api/v2/status', true],
    ['/v[12]/status', '/v3/status', '/api/v3/status', false],
    ['{health,ready}', '/ready', '/api/ready', true],
    ['/.well-known/*', '/.well-known/jwks.json', '/api/.well-known/jwks.json', true],
  ])('a pattern that excludes %s, called as %s, arrives as %s: bare %s', async (pattern, called, arrived, bare) => {
    await expect(sent(called, { excludedPathPatterns: [pattern] })).resolves.toEqual([arrived, bare]);
  });
});

describe('exclusion', () => {
  it('judges an absolute URL of the service by its path below the base', async () => {
    await expect(sent(`${server.origin}/api/health`, { excludedPaths: ['/health'] })).resolves.toEqual([
      '/api/health',
      true,
    ]);
  });

  it('judges nothing that is beside the base', async () => {
    await expect(sent(`${server.origin}/apihealth`, { excludedPathPatterns: ['*'] })).resolves.toEqual([
      '/apihealth',
      false,
    ]);
  });

  it('judges the path with params as without', async () => {
    const options = { excludedPaths: ['/health'], params: { deep: '/orders' } };
    await expect(sent('/health', options)).resolves.toEqual(['/api/health?deep=%2Forders', true]);
  });

  it('judges a doubled slash as what it is: another path', async () => {
    await expect(sent(`${server.origin}/api//health`, { excludedPaths: ['/health'] })).resolves.toEqual([
      '/api//health',
      false,
    ]);
  });

  it('judges the whole path of a service without a base', async () => {
    const auth = new ApiKeyAuth('a-key');
    const service = { name: 'files', auth, allowedOrigins: [server.origin], excludedPaths: ['/api/health'] };
    const client = wire.closeLater(createForgeClient(service));
    for (const path of ['/api/health', '/health']) await client.get(server.origin + path);
    expect(arrivals(server)).toEqual(['/api/health bare', '/health a-key']);
  });

  it('excludes nothing on an allowed origin beside that of the base', async () => {
    const other = await wire.server();
    const auth = new ApiKeyAuth('a-key');
    const client = wire.client(server, { auth, allowedOrigins: [other.origin], excludedPathPatterns: ['*'] });
    await client.get(`${other.origin}/health`);
    expect(arrivals(other)).toEqual(['/health a-key']);
  });

  it('takes every kind of auth off: a header, a query parameter, a user and password', async () => {
    const excludedPaths = new Set(['/health']);
    for (const auth of [
      new ApiKeyAuth('a-key', { headerName: 'X-Key' }),
      new ApiKeyAuth('a-key', { in: 'query' }),
      new BasicAuth('alice', 'a-password'),
      (): ApiKeyAuth => new ApiKeyAuth('a-key'),
    ])
      await wire.client(server, { auth, excludedPaths }).get('/health');
    expect(server.requests.map(({ url }) => url)).toEqual(Array(4).fill('/health'));
    for (const { headers } of server.requests) {
      expect(headers).not.toHaveProperty('authorization');
      expect(headers).not.toHaveProperty('x-key');
      expect(headers).not.toHaveProperty('x-api-key');
    }
  });

  it('leaves the headers of the service and of the call as they are', async () => {
    const client = wire.client(server, { excludedPaths: ['/health'], headers: { 'x-tenant': 'a' } });
    await client.get('/health', { headers: { 'x-trace': 'b', authorization: 'Bearer mine' } });
    expect(server.requests[0]?.headers).toMatchObject({
      'x-tenant': 'a',
      'x-trace': 'b',
      authorization: 'Bearer mine',
    });
  });

  it('judges each hop of a redirect by itself', async () => {
    const client = wire.client(server, { auth: new ApiKeyAuth('a-key'), excludedPaths: ['/health'] });
    server.handler = ({ path }, response) => {
      const location = { '/health': '/orders', '/customers': '/health' }[path];
      if (location === undefined || server.count() > 1) response.end('{}');
      else response.writeHead(302, { location }).end();
    };
    await client.get('/health');
    expect(arrivals(server)).toEqual(['/health bare', '/orders a-key']);
    server.reset();
    await client.get('/customers');
    expect(arrivals(server)).toEqual(['/customers a-key', '/health bare']);
  });

  it('counts for every method and every face', async () => {
    const client = wire.client(server, { auth: new ApiKeyAuth('a-key'), excludedPaths: ['/health'] });
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])
      await client.request({ method, url: '/health' });
    await client.axiosRef.get('/health');
    await client.fetch('/health');
    await client.requestMany([{ url: '/health' }]);
    expect(server.requests).toHaveLength(10);
    expect(arrivals(server)).toEqual(Array(10).fill('/health bare'));
  });
});

describe('a 401 of an excluded path', () => {
  const world = new World();
  let client: ForgeHttpClient;
  beforeEach(async () => {
    await world.start();
    client = world.client({ excludedPaths: ['/closed'], excludedPathPatterns: ['/closed/*'] });
  });
  afterEach(() => world.close());

  it('causes no token request, and reaches the caller at once', async () => {
    const error = await rejection(client.get('/closed'));
    expect(error).toMatchObject({ name: 'HttpStatusError', status: 401, attempts: 1 });
    expect([world.endpoint.tokenRequests, world.api.server.count()]).toEqual([0, 1]);
  });

  it('causes no renewal of a token that is held', async () => {
    await client.get('/orders');
    for (let call = 0; call < 5; call += 1) await rejection(client.get(`/closed/${call}`));
    await client.get('/orders');
    expect(world.endpoint.tokenRequests).toBe(1);
    expect(new Set(world.api.tokens).size).toBe(1);
    expect(world.api.server.count('/closed')).toBe(5);
  });

  it('leaves the renewal to the paths that are not excluded', async () => {
    await client.get('/orders');
    world.endpoint.revokeAll();
    await rejection(client.get('/closed'));
    expect(world.endpoint.tokenRequests).toBe(1);
    await expect(client.get('/orders')).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('a 401 of an excluded path is the same for lists in the token options, which add to those of the service', async () => {
    const auth = { provider: world.provider(), excludedPaths: ['/a'], excludedPathPatterns: ['/b/*'] };
    const both = world.client({ auth, excludedPaths: ['/c'] });
    for (const path of ['/a', '/b/x', '/c'])
      await expect(both.get(path)).rejects.toMatchObject({ name: 'HttpStatusError', status: 401 });
    expect(world.endpoint.tokenRequests).toBe(0);
    await both.get('/d');
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('needs no token endpoint: an excluded path is called while no token can be obtained', async () => {
    await world.endpoint.close();
    await expect(client.get('/orders')).rejects.toMatchObject({ name: 'AuthenticationError' });
    const open = world.client({ excludedPaths: ['/health'] });
    await expect(open.get('/health')).resolves.toMatchObject({ status: 200 });
  });
});

function arrivals({ requests }: RecordingServer): string[] {
  return requests.map(({ path, headers }) => `${path} ${String(headers['x-api-key'] ?? 'bare')}`);
}
