import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  CircuitBreakerRetryStrategy,
  type ForgeHttpClient,
  type ForgeRequest,
  HttpStatusError,
  InvalidRequestError,
  type RequestManyProgress,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import { type ProtectedApi, startProtectedApi } from './protected-api.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const numbered = (count: number): ForgeRequest[] =>
  Array.from({ length: count }, (_, index) => ({ url: `/n/${index}` }));

describe('requestMany', () => {
  let service: ProtectedApi;
  let client: ForgeHttpClient;

  beforeEach(async () => {
    service = await startProtectedApi((request, response) => {
      const number = Number(request.path.split('/').at(-1));
      const answer = (): void => give(response, { status: number % 10 === 3 ? 500 : 200, json: { number } });
      // The later ones are answered first.
      setTimeout(answer, Math.max(0, 20 - number));
    });
    client = service.client;
  });

  afterEach(async () => {
    await service.close();
  });

  it('answers every result in the order of the requests, failures among them', async () => {
    const results = await client.requestMany<{ number: number }>(numbered(20));
    const outcomes = results.map((result) =>
      result.status === 'fulfilled' ? result.value.data.number : (result.reason as HttpStatusError).status,
    );
    expect(outcomes).toEqual(Array.from({ length: 20 }, (_, index) => (index % 10 === 3 ? 500 : index)));
    expect(service.tokens.tokenRequests).toBe(1);
  });

  it.each([
    [undefined, 5],
    [2, 2],
    [50, 20],
  ])('requestMany has no more under way than a concurrency of %s allows', async (concurrency, most) => {
    await client.get('/n/0');
    await client.requestMany(numbered(20), concurrency === undefined ? {} : { concurrency });
    const underWay = service.api.server.maxConcurrent('/n');
    expect(underWay).toBeLessThanOrEqual(most);
    expect(underWay).toBeGreaterThan(most === 1 ? 0 : 1);
  });

  it('aborts the rest with the first failure where it is asked to, and throws that', async () => {
    service.api.configure({ respond: ({ path }) => (path === '/n/3' ? undefined : 'hang') });
    const bulk = client.requestMany(numbered(100), { failFast: true });
    await expect(bulk).rejects.toMatchObject({ code: 'FORGE_AUTH_HTTP_STATUS', status: 500 });
    await ended(() => service.api.server.requests.every(({ endedAt }) => endedAt !== undefined));
    expect(service.api.server.count('/n')).toBeLessThanOrEqual(6);
  });

  it('reports how far it has come', async () => {
    const reported: RequestManyProgress[] = [];
    await client.requestMany(numbered(5), { onProgress: (progress) => void reported.push(progress) });
    expect(reported.map(({ completed, failed, total }) => [completed, failed, total])).toEqual([
      [1, expect.any(Number), 5],
      [2, expect.any(Number), 5],
      [3, expect.any(Number), 5],
      [4, expect.any(Number), 5],
      [5, 1, 5],
    ]);
    expect(new Set(reported.map(({ index }) => index))).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(reported.filter(({ result }) => result.status === 'rejected').map(({ index }) => index)).toEqual([3]);
  });

  it.each([
    ['an iterable', () => generate],
    ['an async iterable', () => generateSlowly],
  ])('reads %s no faster than its requests are made, and closes it when it gives up', async (_name, make) => {
    const pulled = { count: 0, closed: false };
    let ahead = 0;
    const onProgress = ({ completed }: RequestManyProgress): void => {
      ahead = Math.max(ahead, pulled.count - completed);
    };
    const bulk = client.requestMany(make()(pulled), { concurrency: 3, failFast: true, onProgress });
    await expect(bulk).rejects.toBeInstanceOf(HttpStatusError);
    await ended(() => pulled.closed);
    expect(ahead).toBeLessThanOrEqual(3);
    expect(pulled.count).toBeLessThan(50);
  });

  it('reads an iterable to its end, and cannot know how long it is', async () => {
    const totals = new Set<unknown>();
    const results = await client.requestMany(few(3), { onProgress: ({ total }) => totals.add(total) });
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(totals).toEqual(new Set([undefined]));
  });

  it.each([
    ['its iterable', { requests: failing() }, 'the iterable broke'],
    ['its listener', { requests: numbered(3), onProgress: failingListener }, 'the listener broke'],
  ])('throws what %s throws', async (_name, { requests, ...options }, message) => {
    await expect(client.requestMany(requests, options)).rejects.toThrow(message);
  });

  it('waits for a listener that takes its time, and throws what it rejects with', async () => {
    const reported: number[] = [];
    const listen = async ({ index }: RequestManyProgress): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      reported.push(index);
      if (index === 4) throw new Error('the listener broke late');
    };
    const bulk = client.requestMany(numbered(9), { concurrency: 1, onProgress: listen });
    await expect(bulk).rejects.toThrow('the listener broke late');
    expect(reported).toEqual([0, 1, 2, 3, 4]);
    expect(service.api.server.count('/n')).toBe(5);
  });

  it('throws the failure, not what its iterable throws when it is closed', async () => {
    service.api.configure({ respond: ({ path }) => (path === '/n/3' ? undefined : 'hang') });
    await expect(client.requestMany(closingBadly(), { failFast: true })).rejects.toMatchObject({ status: 500 });
    await ended(() => service.api.server.requests.every(({ endedAt }) => endedAt !== undefined));
  });

  it('waits for no iterable that is stuck when it gives up', async () => {
    await expect(client.requestMany(stuck(), { failFast: true })).rejects.toMatchObject({ status: 500 });
  });

  it('settles a request that cannot be made as a failure of its own', async () => {
    const results = await client.requestMany([{ url: '//x' }, { url: '/n/1' }, null as never]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
  });

  it('requestMany is aborted by its signal', async () => {
    service.api.configure({ respond: () => 'hang' });
    const controller = new AbortController();
    const bulk = client.requestMany(numbered(10), { signal: controller.signal });
    await service.api.server.received(5, '/n');
    controller.abort(new Error('no longer wanted'));
    await expect(bulk).rejects.toThrow('no longer wanted');
    expect(service.api.server.count('/n')).toBe(5);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses a concurrency of %d', async (concurrency) => {
    await expect(client.requestMany([], { concurrency })).rejects.toBeInstanceOf(InvalidRequestError);
  });

  it('refuses what is no list of requests', async () => {
    await expect(client.requestMany(7 as never)).rejects.toBeInstanceOf(InvalidRequestError);
    await expect(client.requestMany([])).resolves.toEqual([]);
  });

  it.each([
    ['an iterable', many],
    ['an async iterable', manySlowly],
  ])(
    'holds nothing of 100,000 requests of %s that nobody keeps',
    async (_name, make) => {
      const lean = service.createClient({
        auth: () => ({ authenticate: () => undefined }),
        transport: {
          send: async ({ url }) => ({ status: 200, headers: {}, body: Buffer.from(`${url} `.repeat(20)), url }),
        },
      });
      const held: number[] = [];
      const watch = ({ completed }: RequestManyProgress): void => {
        if (completed % 20_000 === 0) held.push(heldBytes());
      };
      const bulk = lean.requestMany(make(100_000), { keepResults: false, onProgress: watch });
      await expect(bulk).resolves.toEqual([]);
      expect(held).toHaveLength(5);
      // Of 80,000 results that were kept it would be a hundred megabytes.
      expect(Math.max(...held) - (held[0] ?? 0)).toBeLessThan(20_000_000);
    },
    120_000,
  );
});

describe('client.circuit', () => {
  it('reports its state: closed, open, half-open, and closed again', async () => {
    const service = await startProtectedApi();
    const retry = new CircuitBreakerRetryStrategy({ maxRetries: 0, failureThreshold: 2, recoveryTimeoutMs: 60 });
    const client = service.createClient({ retry });
    await client.get('/orders');
    expect(client.circuit?.state).toBe('closed');
    service.api.answerNext({ status: 503 }, { status: 503 });
    await client.axiosRef.get('/orders').catch(() => undefined);
    await client.fetch('/orders');
    expect(client.circuit?.state).toBe('open');
    await expect(client.get('/orders')).rejects.toMatchObject({ code: 'FORGE_AUTH_CIRCUIT_OPEN' });
    await expect(client.fetch('/orders')).rejects.toMatchObject({ code: 'FORGE_AUTH_CIRCUIT_OPEN' });
    await expect(client.axiosRef.get('/orders')).rejects.toMatchObject({ code: 'FORGE_AUTH_CIRCUIT_OPEN' });
    expect(service.api.server.count('/orders')).toBe(3);
    await ended(() => client.circuit?.state === 'half-open');
    await client.get('/orders');
    expect(client.circuit?.state).toBe('closed');
    expect(service.client.circuit).toBeUndefined();
    await service.close();
  });
});

function* generate(pulled: { count: number; closed: boolean }): Generator<ForgeRequest> {
  try {
    for (const request of numbered(100)) {
      pulled.count += 1;
      yield request;
    }
  } finally {
    pulled.closed = true;
  }
}

async function* generateSlowly(pulled: { count: number; closed: boolean }): AsyncGenerator<ForgeRequest> {
  try {
    for (const request of numbered(100)) {
      pulled.count += 1;
      await Promise.resolve();
      yield request;
    }
  } finally {
    pulled.closed = true;
  }
}

async function* few(count: number): AsyncGenerator<ForgeRequest> {
  yield* numbered(count);
}

function* many(count: number): Generator<ForgeRequest> {
  for (let index = 0; index < count; index += 1) yield { url: `/n/${index}`, responseType: 'arraybuffer' };
}

async function* manySlowly(count: number): AsyncGenerator<ForgeRequest> {
  yield* many(count);
}

function* closingBadly(): Generator<ForgeRequest> {
  try {
    yield* numbered(100);
  } finally {
    // oxlint-disable-next-line no-unsafe-finally -- what this is about
    throw new Error('the iterable broke on its way out');
  }
}

async function* stuck(): AsyncGenerator<ForgeRequest> {
  yield { url: '/n/3' };
  await new Promise(() => undefined);
}

/** Returns the bytes left on the heap, and in buffers beside it, when everything is gone that may go. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function* failing(): Generator<ForgeRequest> {
  yield { url: '/n/0' };
  throw new Error('the iterable broke');
}

function failingListener(): never {
  throw new Error('the listener broke');
}

async function ended(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 300) throw new Error('It did not come to that.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
