import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  ExponentialBackoffRetryStrategy,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  type GrantOptions,
} from 'nestjs-forge-auth';
import { createClient } from '@redis/client';
import { Redis } from 'ioredis';
import { useRedis } from '../support/redis-of-spec.js';
import { times } from '../support/async.js';
import { World } from '../tokens/world.js';

/** The page of alf, example by example: each test quotes the code that it ports. */
const world = new World();
const redis = useRedis();
beforeEach(async () => {
  await redis.flushAll();
  await world.start({ clients: { 'client-id': 'secret' } });
});
afterEach(() => world.close());

/** `alf = Client(token_endpoint='…/token', client_id='client-id', client_secret='secret')` */
function alf(more: Partial<GrantOptions> = {}, service: Partial<ForgeServiceOptions> = {}): ForgeHttpClient {
  const provider = new ClientCredentialsTokenProvider({
    tokenUrl: world.endpoint.url,
    clientId: 'client-id',
    clientSecret: 'secret',
    ...more,
  });
  return world.closeLater(
    createForgeClient({ name: 'alf', allowedOrigins: [world.api.origin], auth: { provider }, ...service }),
  );
}
const resource = (): string => `${world.api.origin}/resource`;

describe('alf: "Usage"', () => {
  it('alf.put(resource_uri, data=…, headers=…); alf.get(resource_uri); alf.delete(resource_uri)', async () => {
    const client = alf();
    await client.put(resource(), '{"name": "alf"}', { headers: { 'Content-Type': 'application/json' } });
    await client.get(resource());
    await client.delete(resource());
    const sent = world.api.server.requests.map(({ method, text, headers }) => [method, text, headers['content-type']]);
    expect(sent[0]).toEqual(['PUT', '{"name": "alf"}', 'application/json']);
    expect(sent.map(([method]) => method)).toEqual(['PUT', 'GET', 'DELETE']);
    expect(world.endpoint.tokenRequests).toBe(1);
    const [request] = world.endpoint.server.requests;
    expect(Object.fromEntries(request?.form() ?? [])).toEqual({ grant_type: 'client_credentials' });
    expect(request?.headers.authorization).toBe(`Basic ${Buffer.from('client-id:secret').toString('base64')}`);
  });
});

describe('alf: "Using your custom token storage": any object with get and set', () => {
  it('token_storage=redis: StrictRedis(host="localhost", port=6379, db=0), of two kinds', async () => {
    const ioredis = new Redis(redis.url);
    const nodeRedis = createClient({ url: redis.url });
    await nodeRedis.connect();
    world.closeLater({ close: () => ioredis.disconnect() });
    world.closeLater({ close: () => nodeRedis.destroy() });
    for (const storage of [ioredis, nodeRedis, ioredis]) await alf({}, { storage }).get(resource());
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('token_storage=… your custom object: bytes come back, or a promise, or nothing', async () => {
    const kept = new Map<string, string>();
    const custom = {
      get: async (key: string) => (kept.has(key) ? Buffer.from(kept.get(key) as string) : null),
      set: (key: string, value: string) => void kept.set(key, value),
    };
    await alf({}, { storage: custom }).get(resource());
    await alf({}, { storage: custom }).get(resource());
    expect(world.endpoint.tokenRequests).toBe(1);
    const forgetful = { get: () => undefined, set: () => undefined };
    await alf({}, { storage: forgetful }).get(resource());
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

describe('alf: "How does it work?"', () => {
  it('a token is requested before the request, and used on a Bearer authorization header', async () => {
    await alf().get(`${resource()}/1`);
    const [token] = world.endpoint.issued;
    const [request] = world.api.server.requests;
    expect(request?.headers.authorization).toBe(`Bearer ${token?.accessToken}`);
    expect(`${request?.method} ${request?.path}`).toBe('GET /resource/1');
  });

  it('the token will be reused for every following request until it is expired', async () => {
    world.endpoint.configure({ expiresIn: 1 });
    const client = alf();
    for (let call = 0; call < 5; call += 1) await client.get(resource());
    const before = world.endpoint.tokenRequests;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await client.get(resource());
    expect(world.endpoint.tokenRequests).toBeGreaterThan(before);
    expect(world.api.unauthorized).toBe(0);
  });

  it('alf: "How does it work?" on 401 a new token is retrieved and the request is retried, only once', async () => {
    const client = alf();
    await client.get(resource());
    world.endpoint.revokeAll();
    await client.post(resource(), { kept: 'body' });
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.server.requests.slice(-2).map(({ text }) => text)).toEqual(['{"kept":"body"}', '{"kept":"body"}']);
    world.api.answerNext(...times(3, () => ({ status: 401, json: {} })));
    await expect(client.get(`${resource()}/2`)).rejects.toMatchObject({ status: 401 });
    expect(world.api.server.count('/resource/2')).toBe(2);
  });
});

describe('alf: "Token Retrying"', () => {
  it('token_retry=Retry(total=5, status_forcelist=[500], backoff_factor=0.3): the POST is really sent again', async () => {
    const retry = new ExponentialBackoffRetryStrategy({ maxRetries: 5, baseDelayMs: 3, statuses: [500] });
    world.endpoint.answerNext(...times(5, () => ({ status: 500 })));
    await alf({ retry }).get(resource());
    expect(world.endpoint.grantTypes).toEqual(times(6, () => 'client_credentials'));
    expect(world.api.server.requests).toHaveLength(1);
  });

  it('a status that is not named is not retried', async () => {
    const retry = new ExponentialBackoffRetryStrategy({ maxRetries: 5, baseDelayMs: 3, statuses: [500] });
    world.endpoint.answerNext({ status: 503 });
    await expect(alf({ retry }).get(resource())).rejects.toMatchObject({ status: 503 });
    expect(world.endpoint.tokenRequests).toBe(1);
  });
});

describe('alf: "Troubleshooting"', () => {
  it('alf: "Troubleshooting" in case of an error retrieving a token, the real request won’t happen, and the error tells of the response', async () => {
    world.endpoint.configure({ clients: {} });
    const failure = alf().get(resource());
    await expect(failure).rejects.toMatchObject({ name: 'AuthenticationError', error: 'invalid_client', status: 401 });
    expect(world.api.server.requests).toHaveLength(0);
  });
});
