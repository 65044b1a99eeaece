import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  type ForgeServiceOptions,
  SimpleRetryStrategy,
  Token,
} from 'nestjs-forge-auth';
import { CLIENT } from '../support/token-endpoint.js';
import { type ProtectedApi, startProtectedApi } from './protected-api.js';

type Entry = [line: string, fields: Record<string, unknown>];

describe('logging', () => {
  let service: ProtectedApi;
  let entries: Entry[];

  beforeEach(async () => {
    service = await startProtectedApi();
    entries = [];
  });

  afterEach(async () => {
    await service.close();
  });

  it('writes one line for each attempt, with one request id and the fingerprint of each token', async () => {
    // A kept connection that breaks is no attempt of its own.
    const pool = { keepAlive: false };
    const retry = new SimpleRetryStrategy({ maxRetries: 1, delayMs: 100 });
    const client = logging({ logging: true, pool, retry });
    await client.get('/orders', { params: { q: 'hidden' } });
    service.tokens.revokeAll();
    service.api.answerNext('reset');
    await client.get('/orders');
    const lines = entries.map(([line]) => line.replace(/127\.0\.0\.1:\d+/, 'host').replace(/in \d+ ms/, 'in N ms'));
    const [first, second] = fingerprints();
    const ids = entries.map(([, { requestId }]) => requestId);
    expect(lines).toEqual([
      `GET http://host/orders 200 in N ms (attempt 1, request ${String(ids[0])}, token …${first})`,
      `GET http://host/orders failed (FORGE_AUTH_CONNECTION) in N ms (attempt 1, request ${String(ids[1])}, token …${first})`,
      `GET http://host/orders 401 in N ms (attempt 2, request ${String(ids[1])}, token …${first})`,
      `GET http://host/orders 200 in N ms (attempt 2, request ${String(ids[1])}, token …${second})`,
    ]);
    expect(ids[0]).toMatch(/^[\da-f]{8}$/);
    expect(new Set(ids).size).toBe(2);
    await client.close();
  });

  it('gives JSON loggers an object with the same', async () => {
    const client = logging({ logging: true });
    await client.post('/orders', { a: 1 }, { headers: { 'x-request-id': 'given-1' } });
    expect(entries[0]?.[1]).toEqual({
      service: 'orders',
      method: 'POST',
      url: `${service.api.origin}/orders`,
      status: 200,
      durationMs: expect.any(Number) as number,
      attempt: 1,
      requestId: 'given-1',
      tokenFingerprint: fingerprints()[0],
    });
    await client.close();
  });

  it('shows headers that are known to be harmless, and the values of no others', async () => {
    const client = logging({ logging: { headers: true, sensitiveKeys: ['User-Agent'] } });
    await client.get('/orders', { headers: { 'x-own': 'mine', 'user-agent': 'known' } });
    expect(entries[0]?.[1]).toMatchObject({
      requestHeaders: {
        accept: 'application/json, text/plain, */*',
        authorization: '[redacted]',
        'user-agent': '[redacted]',
        'x-own': '[redacted]',
      },
      responseHeaders: { 'content-type': 'application/json', 'x-echo': '[redacted]' },
    });
    await client.close();
  });

  it('shows keys, types and sizes of bodies, and texts and numbers of the keys that it is given', async () => {
    const client = logging({ logging: { body: ['note', 'id', 'password'], sensitiveKeys: ['salary'] } });
    service.api.answerNext({ json: { state: 'shipped', trackingUrl: 'https://x.example/?t=1', items: [{ n: 1 }] } });
    await client.post('/orders', {
      id: 7,
      placed: '2026-01-01T00:00:00Z',
      note: 'leave it at the door, please',
      remark: 'several words',
      password: 'x',
      accessToken: 'y',
      salary: 3,
    });
    expect(entries[0]?.[1]).toMatchObject({
      requestBody: {
        id: 7,
        placed: '[text of 20]',
        note: 'leave it at the door, please',
        remark: '[text of 13]',
        password: '[redacted]',
        accessToken: '[redacted]',
        salary: '[redacted]',
      },
      responseBody: { state: '[text of 7]', trackingUrl: '[text of 22]', items: [{ n: '[number]' }] },
    });
    await client.close();
  });

  it('logs type and size of bodies that are no JSON and no form, and caps those that are', async () => {
    const client = logging({ logging: { body: true } });
    service.api.answerNext({ body: 'words that say a lot', headers: { 'content-type': 'text/plain' } });
    await client.post(
      '/orders',
      Array.from({ length: 10 }, () => ({ ['key'.repeat(13)]: Array(20).fill(12_345_678) })),
    );
    const [, { requestBody, responseBody }] = entries[0] as Entry;
    expect(responseBody).toBe('[20 bytes of text/plain]');
    expect(String(requestBody).length).toBeLessThan(2_100);
    await client.close();
  });

  it('says nothing unless asked to', async () => {
    const client = logging({});
    await client.get('/orders');
    expect(entries).toEqual([]);
    await client.close();
  });

  it.each([['yes'], [{ header: true }], [{ sensitiveKeys: 'ssn' }]])('refuses logging: %j', async (option) => {
    await expect(logging({ logging: option as never }).get('/')).rejects.toThrow(/logging/);
  });

  function logging(options: Partial<ForgeServiceOptions>): ReturnType<typeof createForgeClient> {
    const lines = entries;
    const write = (line: string, ...details: unknown[]): void =>
      void lines.push([line, (details[0] ?? {}) as Record<string, unknown>]);
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: service.tokens.url, ...CLIENT });
    return createForgeClient(
      { name: 'orders', baseUrl: service.api.origin, auth: { provider }, ...options },
      { logger: { log: write, warn: write, error: write } },
    );
  }

  /** As `Token` shows them. */
  function fingerprints(): string[] {
    return service.tokens.issued.map(({ accessToken }) => new Token({ accessToken }).fingerprint.slice(0, 8));
  }
});
