import {
  type AuthenticationError,
  createForgeClient,
  type ForgeHttpClient,
  InMemoryTokenStorage,
  type TokenFetchPipelineOptions,
  TokenFetchPipeline,
} from 'nestjs-forge-auth';
import { OneStore } from '../fleet/one-store.js';
import { type Api, startApi } from '../support/api.js';
import { rejection, times, until } from '../support/async.js';
import { CheckingIssuer } from './checking-issuer.js';

let issuer: CheckingIssuer;
let api: Api;
const clients: ForgeHttpClient[] = [];

beforeEach(async () => {
  issuer = await CheckingIssuer.start();
  api = await startApi((token) => issuer.isValid('user', token));
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((one) => one.close()));
  await api.close();
  await issuer.close();
});

/** device → app → user. */
function chain(options: Partial<TokenFetchPipelineOptions> = {}): TokenFetchPipelineOptions {
  const steps = [issuer.fetcher('device'), issuer.fetcher('app', ['device']), issuer.fetcher('user', ['app'])];
  return { steps, cacheKeyPrefix: 'chain', ...options };
}

function client(refreshFromStep?: string, options: Partial<TokenFetchPipelineOptions> = {}): ForgeHttpClient {
  const auth = { pipeline: { ...chain(options), ...(refreshFromStep === undefined ? {} : { refreshFromStep }) } };
  const made = createForgeClient({ name: 'orders', baseUrl: api.origin, auth: { ...auth, nearCacheTtlMs: 0 } });
  clients.push(made);
  return made;
}

describe('invalidation', () => {
  it('invalidation of a step reaches the tokens that another process has made of it since', async () => {
    const storage = new InMemoryTokenStorage();
    const [here, there] = [new TokenFetchPipeline(chain({ storage })), new TokenFetchPipeline(chain({ storage }))];
    await here.execute();
    await there.execute();
    await there.invalidateStep('user');
    await there.execute();
    expect(issuer.counts).toEqual({ device: 1, app: 1, user: 2 });
    // Here the user token in hand is the older one; storage has a newer one of the same app token.
    await here.invalidateStep('app');
    const token = await here.execute();
    expect(issuer.counts).toEqual({ device: 1, app: 2, user: 3 });
    expect(issuer.isValid('user', token.accessToken)).toBe(true);
  });

  it('invalidation of a token by its manager is seen in storage by another process', async () => {
    const storage = new InMemoryTokenStorage();
    const [here, there] = [client('user', { storage }), client('user', { storage })];
    await here.get('/');
    const rejected = here.tokens?.peek();
    await here.tokens?.invalidate(rejected);
    await there.get('/');
    expect(issuer.counts).toEqual({ device: 1, app: 1, user: 2 });
  });

  it('all at once of a process that holds nothing writes a tombstone over what is stored', async () => {
    const storage = new InMemoryTokenStorage();
    await new TokenFetchPipeline(chain({ storage })).execute();
    const other = new TokenFetchPipeline(chain({ storage }));
    await other.invalidateAll();
    await other.execute();
    expect(issuer.counts).toEqual({ device: 2, app: 2, user: 2 });
  });

  it('invalidation while a step is being fetched with the invalidated token makes it fetched again', async () => {
    const pipeline = new TokenFetchPipeline(chain());
    issuer.hold('user');
    const executed = pipeline.execute();
    await issuer.server.received(1, '/user');
    await pipeline.invalidateStep('app');
    issuer.release('user');
    const token = await executed;
    expect(issuer.counts).toEqual({ device: 1, app: 2, user: 2 });
    expect(token.accessToken).toBe((await pipeline.execute()).accessToken);
  });
});

describe('a refusal', () => {
  it('heals again and again, back to the root', async () => {
    const orders = client('user');
    await orders.get('/');
    for (let round = 1; round <= 3; round += 1) {
      issuer.revoke('device', 'app', 'user');
      expect((await orders.get('/')).status).toBe(200);
      expect(issuer.counts).toEqual({ device: 1 + round, app: 1 + 2 * round, user: 1 + 2 * round });
    }
  });

  it('costs one renewal of the step that two others are made of, however late the second refusal comes', async () => {
    const steps = [issuer.fetcher('app'), issuer.fetcher('orders', ['app']), issuer.fetcher('reports', ['app'])];
    const pipeline = new TokenFetchPipeline({ steps });
    await pipeline.execute();
    await pipeline.invalidateStep('orders');
    await pipeline.invalidateStep('reports');
    issuer.revoke('app');
    await new Promise((resolve) => setTimeout(resolve, 5));
    issuer.hold('reports');
    const executed = pipeline.execute();
    await issuer.server.received(3, '/orders');
    await until(() => pipeline.describe().find(({ name }) => name === 'orders')?.cached === true, 'orders is cached');
    issuer.release('reports');
    await executed;
    expect(issuer.counts).toEqual({ app: 2, orders: 3, reports: 3 });
    await pipeline.execute();
    expect(issuer.counts).toEqual({ app: 2, orders: 3, reports: 3 });
  });

  it('takes what else was made of the refused token away before that is replaced, in other processes, too', async () => {
    const { announcing: storage } = new OneStore();
    const steps = [issuer.fetcher('app'), issuer.fetcher('orders', ['app']), issuer.fetcher('reports', ['app'])];
    const [here, there] = [1, 2].map(() => new TokenFetchPipeline({ steps, storage, cacheKeyPrefix: 'fan' }));
    await here?.execute();
    await there?.execute();
    await here?.invalidateStep('reports');
    issuer.revoke('app', 'orders');
    issuer.hold('app');
    const executed = here?.execute();
    const orders = (pipeline = here): boolean | undefined =>
      pipeline?.describe().find(({ name }) => name === 'orders')?.cached;
    await until(() => issuer.counts['app'] === 2, 'the refused app token is being replaced');
    expect(orders()).toBe(false);
    await until(() => orders(there) === false, 'it is taken away there, too');
    issuer.release('app');
    await executed;
    await Promise.all([here?.execute(), there?.execute()]);
    expect(issuer.counts).toEqual({ app: 2, orders: 2, reports: 3 });
  });

  it('a refusal that stays one names the step and the chain that was tried, after one renewal of each', async () => {
    const orders = client('user');
    await orders.get('/');
    issuer.revoke('user');
    const refusal = { status: 403, json: { error: 'access_denied' } };
    issuer.answerNext('user', refusal, refusal, refusal);
    const error = await rejection<AuthenticationError>(orders.get('/'));
    expect(error).toMatchObject({ step: 'user', status: 403, serviceName: 'orders', chain: ['user', 'app'] });
    expect(error.message).toContain('user → app');
    expect(issuer.counts).toEqual({ device: 1, app: 2, user: 3 });
  });

  it('a refusal at the root of a chain names the root, and the whole chain', async () => {
    const orders = client('user');
    await orders.get('/');
    issuer.revoke('device', 'app', 'user');
    issuer.answerNext('device', { status: 401, json: { error: 'invalid_client' } });
    const error = await rejection<AuthenticationError>(orders.get('/'));
    expect(error).toMatchObject({
      step: 'device',
      status: 401,
      serviceName: 'orders',
      chain: ['user', 'app', 'device'],
    });
    expect(issuer.counts).toEqual({ device: 2, app: 2, user: 2 });
  });

  it('a refusal of a fresh parent renews nothing', async () => {
    issuer.answerNext('app', { status: 401, json: { error: 'invalid_token' } });
    await expect(new TokenFetchPipeline(chain()).execute()).rejects.toMatchObject({ step: 'app', status: 401 });
    expect(issuer.counts).toEqual({ device: 1, app: 1 });
  });
});

describe('a rejection by the service', () => {
  it.each([
    ['user', { device: 1, app: 1, user: 2 }],
    ['app', { device: 1, app: 2, user: 2 }],
    ['device', { device: 2, app: 2, user: 2 }],
    [undefined, { device: 2, app: 2, user: 2 }],
  ] as const)(
    'a rejection by the service from step %s on renews it and its dependents, once for a hundred calls',
    async (from, counts) => {
      const orders = client(from);
      await orders.get('/');
      issuer.revoke('user');
      const responses = await Promise.all(times(100, () => orders.get('/')));
      expect(responses.every(({ status }) => status === 200)).toBe(true);
      expect(issuer.counts).toEqual(counts);
    },
  );

  it('a rejection by the service of calls that cannot be sent again leaves nothing of the rejected lineage to the next call', async () => {
    const orders = client();
    await orders.get('/');
    issuer.revoke('user');
    const stream = new Response('body').body as unknown as ReadableStream;
    await expect(orders.post('/', stream)).rejects.toMatchObject({ status: 401 });
    expect((await orders.get('/')).status).toBe(200);
    expect(issuer.counts).toEqual({ device: 2, app: 2, user: 2 });
  });

  it('a rejection by the service that another process has dealt with already costs nothing', async () => {
    const storage = new InMemoryTokenStorage();
    const [here, there] = [client(undefined, { storage }), client(undefined, { storage })];
    await here.get('/');
    await there.get('/');
    issuer.revoke('user');
    await here.get('/');
    await there.get('/');
    expect(issuer.counts).toEqual({ device: 2, app: 2, user: 2 });
  });

  it('a rejection by the service of every token, new ones too, pauses renewal instead of minting on', async () => {
    const orders = client('user');
    await orders.get('/');
    api.configure({ respond: () => ({ status: 401 }) });
    for (let call = 0; call < 20; call += 1) await expect(orders.get('/')).rejects.toMatchObject({ status: 401 });
    expect(issuer.counts).toEqual({ device: 1, app: 1, user: 2 });
  });

  it('a rejection by the service while renewal pauses leaves what the rejected token was made from as it is', async () => {
    const orders = client();
    await orders.get('/');
    api.configure({ respond: () => ({ status: 401 }) });
    for (const path of ['/', '/1', '/2']) await expect(orders.get(path)).rejects.toMatchObject({ status: 401 });
    expect(issuer.counts).toEqual({ device: 2, app: 2, user: 2 });
    expect(orders.pipeline?.describe().map(({ name, cached }) => [name, cached])).toEqual([
      ['device', true],
      ['app', true],
      ['user', true],
    ]);
  });
});
