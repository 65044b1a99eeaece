import { Readable } from 'node:stream';
import { HttpService } from '@nestjs/axios';
import { create } from 'axios';
import {
  ApiKeyAuth,
  attachForgeAuth,
  type Authenticator,
  type AuthOption,
  BearerAuth,
  ClientCredentialsTokenProvider,
  CompositeAuth,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  InvalidRequestError,
} from 'nestjs-forge-auth';
import { lastValueFrom } from 'rxjs';
import { give } from '../support/answer.js';
import type { RecordingServer } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { Wire } from './wire.js';

const wire = new Wire();
let server: RecordingServer;
let endpoint: TokenEndpoint;
/** Paths that answer 401 whatever the token. */
let refusing: Set<string>;
beforeEach(async () => {
  refusing = new Set(['/unsubscribed']);
  endpoint = wire.closeLater(await startTokenEndpoint());
  server = await wire.server(({ headers, path }, response) => {
    const token = headers.authorization?.replace('Bearer ', '') ?? '';
    if (!endpoint.isValid(token) || refusing.has(path)) return give(response, { status: 401 });
    give(response, { status: Number(/\d{3}/.exec(path)?.[0] ?? 200), json: { ok: true } });
  });
});
afterEach(() => wire.close());

function client(options: Partial<ForgeServiceOptions> = {}): ForgeHttpClient {
  const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
  return wire.client(server, { auth: { provider }, ...options });
}

const statusOf = async (call: Promise<{ status: number }>): Promise<number> =>
  call.then(
    ({ status }) => status,
    (error: { status: number }) => error.status,
  );

describe('a token that was accepted', () => {
  it('a token that was accepted is renewed at once when it is revoked, though a resource refused a fresh one a moment ago', async () => {
    const orders = client();
    expect(await statusOf(orders.get('/unsubscribed'))).toBe(401);
    expect(endpoint.tokenRequests).toBe(2);
    expect(await statusOf(orders.get('/ok'))).toBe(200);
    endpoint.revokeAll();
    expect(await statusOf(orders.get('/ok'))).toBe(200);
    endpoint.revokeAll();
    expect(await statusOf(orders.get('/other'))).toBe(200);
    expect(endpoint.tokenRequests).toBe(4);
  });

  it('a token that was accepted is renewed at once for a resource that accepted it, however many others refuse every token', async () => {
    const orders = client();
    expect(await statusOf(orders.get('/ok'))).toBe(200);
    for (let index = 0; index < 20; index += 1) {
      refusing.add(`/orders/${index}`);
      expect(await statusOf(orders.get(`/orders/${index}`))).toBe(401);
    }
    expect(await statusOf(orders.get('/ok'))).toBe(200);
    const before = endpoint.tokenRequests;
    for (let revoked = 1; revoked <= 3; revoked += 1) {
      endpoint.revokeAll();
      expect(await statusOf(orders.get('/orders/1'))).toBe(401);
      expect(await statusOf(orders.get('/ok'))).toBe(200);
      expect(endpoint.tokenRequests).toBe(before + revoked);
    }
  });

  it('a token that was accepted is renewed at once for a resource that accepted the one before, though only such as refuse every token saw it', async () => {
    const orders = client();
    for (let round = 0; round < 3; round += 1) {
      const paths = Array.from({ length: 12 }, (_, index) => (index % 3 === 0 ? '/unsubscribed' : '/ok'));
      const statuses = await Promise.all(paths.map((path) => statusOf(orders.get(path))));
      expect(statuses.filter((status) => status === 200)).toHaveLength(8);
      endpoint.revokeAll();
      expect(await statusOf(orders.get('/ok'))).toBe(200);
    }
    expect(endpoint.tokenRequests).toBeLessThanOrEqual(6);
  });

  it('costs one new one where all that accepted it refuse every one from now on', async () => {
    const orders = client();
    const paths = Array.from({ length: 30 }, (_, number) => `/orders/${number}`);
    for (const path of paths) expect(await statusOf(orders.get(path))).toBe(200);
    expect(await statusOf(orders.get('/unsubscribed'))).toBe(401);
    const before = endpoint.tokenRequests;
    refusing = new Set([...paths, '/unsubscribed']);
    for (const path of [...paths, ...paths]) expect(await statusOf(orders.get(path))).toBe(401);
    expect(endpoint.tokenRequests - before).toBeLessThanOrEqual(2);
  });

  it('costs no new one where the same resource refuses it again and again', async () => {
    const orders = client();
    for (let round = 0; round < 10; round += 1) {
      expect(await statusOf(orders.get(`/unsubscribed?page=${round}`))).toBe(401);
      expect(await statusOf(orders.get('/ok'))).toBe(200);
    }
    expect(endpoint.tokenRequests).toBe(2);
    expect(server.count('/unsubscribed')).toBe(11);
  });

  it('costs a new one a few times where ever more resources refuse it', async () => {
    const paths = Array.from({ length: 40 }, (_, number) => `/unsubscribed/${number}`);
    refusing = new Set(paths);
    const orders = client();
    for (const path of paths) {
      await statusOf(orders.get(path));
      await statusOf(orders.get('/ok'));
    }
    expect(endpoint.tokenRequests).toBeLessThanOrEqual(10);
  });

  it('costs no new one where a resource refuses bodies that cannot be sent again', async () => {
    const orders = client();
    for (let round = 0; round < 10; round += 1) {
      expect(await statusOf(orders.post('/unsubscribed', Readable.from(['once'])))).toBe(401);
      expect(await statusOf(orders.get('/ok'))).toBe(200);
    }
    expect(endpoint.tokenRequests).toBe(3);
  });

  it('a token that was accepted is renewed for a resource that refused it once, and has accepted it since', async () => {
    const orders = client();
    expect(await statusOf(orders.get('/unsubscribed'))).toBe(401);
    refusing.clear();
    expect(await statusOf(orders.get('/unsubscribed'))).toBe(200);
    endpoint.revokeAll();
    expect(await statusOf(orders.get('/unsubscribed'))).toBe(200);
    expect(endpoint.tokenRequests).toBe(3);
  });
});

describe('a token in place of a rejected one', () => {
  it.each([
    [200, 'has been accepted', 200],
    [404, 'has been accepted', 200],
    [429, 'may be no better', 401],
    [503, 'may be no better', 401],
  ])(
    'a token in place of a rejected one that meets a %i %s: its own rejection ends in %i',
    async (status, _what, then) => {
      const orders = client();
      await orders.get('/ok');
      endpoint.revokeAll();
      expect(await statusOf(orders.get(`/answers/${status}`))).toBe(status);
      endpoint.revokeAll();
      expect(await statusOf(orders.get('/other'))).toBe(then);
      expect(endpoint.tokenRequests).toBe(then === 200 ? 3 : 2);
      // A resource that accepted the one before knows a revocation from a refusal.
      expect(await statusOf(orders.get('/ok'))).toBe(200);
      expect(endpoint.tokenRequests).toBe(3);
    },
  );
});

describe('a call whose credential never went out', () => {
  const ways: [string, (orders: ForgeHttpClient) => Promise<{ status: number }>][] = [
    ['axiosRef, false', (orders) => orders.axiosRef.get('/ok', { headers: { Authorization: false } })],
    ['axiosRef, null', (orders) => orders.axiosRef.get('/ok', { headers: { authorization: null } })],
    [
      'httpService, false',
      (orders) => lastValueFrom(orders.httpService.get('/ok', { headers: { AUTHORIZATION: false } })),
    ],
    [
      'defaults of an attached instance',
      (orders) => {
        const instance = create({ baseURL: server.origin, headers: { common: { Authorization: false } } } as never);
        attachForgeAuth(new HttpService(instance), orders);
        return instance.get('/ok');
      },
    ],
  ];

  it.each(ways)('a call whose credential never went out is as one without authentication: %s', async (_name, call) => {
    const orders = client();
    expect(await statusOf(orders.get('/ok'))).toBe(200);
    expect(await statusOf(call(orders))).toBe(401);
    expect(server.requests.at(-1)?.headers.authorization).toBeUndefined();
    expect(server.count()).toBe(2);
    expect(await statusOf(orders.get('/ok'))).toBe(200);
    expect(endpoint.tokenRequests).toBe(1);
  });

  it('a call whose credential never went out is so for a header of any name', async () => {
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
    const orders = client({ auth: { provider, headerName: 'X-Auth', scheme: '' } });
    expect(await statusOf(orders.axiosRef.get('/ok', { headers: { 'X-AUTH': false } }))).toBe(401);
    expect(server.requests.map(({ headers }) => headers['x-auth'])).toEqual([undefined]);
    expect(endpoint.tokenRequests).toBe(0);
  });

  it.each<[string, Authenticator]>([
    ['a member of a composite', new CompositeAuth([new BearerAuth('service')])],
    [
      'an authenticator that names no header',
      { authenticate: ({ headers }) => void (headers['authorization'] = 'service') },
    ],
  ])('a call whose credential never went out is so for %s', async (_name, auth) => {
    const orders = client({ auth });
    expect(await statusOf(orders.axiosRef.get('/ok', { headers: { Authorization: false } }))).toBe(401);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it.each<[string, unknown]>([
    ['empty', ''],
    ['blank', ' '],
    ['tabs', '\t \t'],
    ['a list of none', []],
    ['a list of empty ones', ['', ' ']],
  ])(
    'a call whose credential never went out is refused where the call gives one that is %s',
    async (_name, authorization) => {
      const orders = client();
      await expect(orders.get('/ok', { headers: { authorization } as never })).rejects.toThrow(InvalidRequestError);
      await expect(orders.axiosRef.get('/ok', { headers: { authorization } as never })).rejects.toMatchObject({
        cause: expect.any(InvalidRequestError) as unknown,
      });
      await expect(orders.fetch('/ok', { headers: { authorization } as never })).rejects.toMatchObject({
        cause: expect.any(InvalidRequestError) as unknown,
      });
      expect(server.count()).toBe(0);
      await orders.get('/ok', { auth: false, headers: { authorization } as never, validateStatus: null });
      expect(server.count()).toBe(1);
    },
  );
});

describe('a credential of the call that a redirect elsewhere and back has dropped', () => {
  it.each<[string, AuthOption, Record<string, string>]>([
    ['a composite', new CompositeAuth([new BearerAuth('service')]), { Authorization: 'Bearer own' }],
    [
      'a composite, all',
      new CompositeAuth([new ApiKeyAuth('service'), new BearerAuth('service')], { strategy: 'all' }),
      { 'X-API-Key': 'own' },
    ],
    ['an API key', new ApiKeyAuth('service'), { 'X-API-Key': 'own' }],
    [
      'an authenticator that names no header',
      { authenticate: ({ headers }) => void (headers['x-own-key'] = 'service') } satisfies Authenticator,
      { 'X-Own-Key': 'own' },
    ],
  ])(
    'a credential of the call that a redirect elsewhere and back has dropped is replaced by none of the service: %s',
    async (_name, auth, headers) => {
      const elsewhere = await wire.server(
        (_request, response) => void response.writeHead(302, { location: `${server.origin}/back` }).end(),
      );
      server.handler = ({ path }, response) => {
        if (path === '/away') response.writeHead(302, { location: `${elsewhere.origin}/` }).end();
        else give(response, { json: {} });
      };
      await wire.client(server, { auth }).get('/away', { headers });
      expect(server.requests.map(({ path }) => path)).toEqual(['/away', '/back']);
      expect(elsewhere.count()).toBe(1);
      const back = JSON.stringify(server.requests[1]?.headers);
      expect(back).not.toContain('service');
      expect(back).not.toContain('own');
    },
  );
});
