import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { create } from 'axios';
import {
  ApiKeyAuth,
  attachForgeAuth,
  type AuthenticatedRequest,
  CompositeAuth,
  ConfigurationError,
  createForgeClient,
  ExponentialBackoffRetryStrategy,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  HttpClientConfigBuilder,
  InvalidRequestError,
  OAuth1Auth,
  type OAuth1AuthOptions,
} from 'nestjs-forge-auth';
import { firstValueFrom } from 'rxjs';
import { KNOWN, type SignedApi, startSignedApi } from './signed-api.js';

let api: SignedApi;
let other: SignedApi;
const clients: ForgeHttpClient[] = [];

beforeEach(async () => {
  [api, other] = await Promise.all([startSignedApi(), startSignedApi()]);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all([api.close(), other.close()]);
});

function clientWith(auth: ForgeServiceOptions['auth'], more: Partial<ForgeServiceOptions> = {}): ForgeHttpClient {
  const client = createForgeClient({ name: 'photos', baseUrl: api.origin, ...(auth && { auth }), ...more });
  clients.push(client);
  return client;
}

const oauth1 = (options: Partial<OAuth1AuthOptions> = {}): OAuth1Auth => new OAuth1Auth({ ...KNOWN, ...options });

const AWKWARD = { 'a b': "c&d=e!'()*", 'naïve✓': '日本 語', empty: '', list: ['2', '1', 'a+b'], 'x[y]': 'z' };

const form = (): URLSearchParams => new URLSearchParams([...Object.entries({ ...AWKWARD, list: '2' }), ['list', '1']]);
const stream = (): Readable => Readable.from([Buffer.from('bytes')]);

describe('OAuth 1.0a over the faces', () => {
  it.each<[string, (client: ForgeHttpClient) => Promise<unknown>]>([
    ['get', (client) => client.get('/photos?x=%20y&x&q=a+b', { params: AWKWARD })],
    ['post of JSON', (client) => client.post('/photos?b=2&a=1', { name: 'a' })],
    ['post of a form', (client) => client.post('/photos?b=2', form())],
    [
      'post of a text that is a form',
      (client) =>
        client.post('/photos', 'b=%zz&a=ü+ö&&c', { headers: { 'Content-Type': 'Application/X-WWW-Form-UrlEncoded' } }),
    ],
    ['delete', (client) => client.delete('/ph%C3%B6tos/%7E/a%2Fb/c%20d;x=1')],
    ['httpService', (client) => firstValueFrom(client.httpService.get('/photos?q=1', { params: { ids: [2, 1] } }))],
    ['httpService with a form', (client) => firstValueFrom(client.httpService.post('/photos', form()))],
    ['axiosRef', (client) => client.axiosRef.get('/photos', { params: AWKWARD })],
    [
      'axiosRef with an object as a form',
      (client) =>
        client.axiosRef.post(
          '/photos',
          { a: ['1', '2'], b: 'c d' },
          { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
        ),
    ],
    ['axiosRef with multipart', (client) => client.axiosRef.postForm('/photos', { a: 'b' })],
    ['fetch', (client) => client.fetch('/photos?q=%2B&q=*')],
    ['fetch with a form', (client) => client.fetch('/photos', { method: 'POST', body: form() })],
    [
      'fetch of a Request',
      (client) => client.fetch(new Request(`${api.origin}/photos`, { method: 'PUT', body: form() })),
    ],
  ])('%s', async (_name, call) => {
    for (const options of [
      {},
      { bodyHash: true, signatureMethod: 'HMAC-SHA256' as const },
      { placement: 'query' as const },
    ])
      await call(clientWith(oauth1(options)));
    expect(api.verified.map(({ placement }) => placement)).toEqual(['header', 'header', 'query']);
  });

  it.each<[string, (client: ForgeHttpClient) => Promise<unknown>]>([
    ['post', (client) => client.post('/photos?c=3', form())],
    ['httpService', (client) => firstValueFrom(client.httpService.post('/photos', form()))],
    ['fetch', (client) => client.fetch('/photos', { method: 'POST', body: form() })],
  ])('puts the parameters into the form of %s', async (_name, call) => {
    await call(clientWith(oauth1({ placement: 'body' })));
    expect(api.verified).toMatchObject([{ placement: 'body' }]);
    expect(api.requests[0]?.form().get('naïve✓')).toBe('日本 語');
    expect(api.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('signs one call', async () => {
    await clientWith(undefined).get('/photos', { auth: oauth1() });
    expect(api.verified).toHaveLength(1);
  });

  it('refuses body placement of what is no form, and sends nothing', async () => {
    const client = clientWith(oauth1({ placement: 'body' }));
    await expect(client.get('/photos')).rejects.toThrow(ConfigurationError);
    await expect(client.post('/photos', { a: 1 })).rejects.toThrow(ConfigurationError);
    expect(api.requests).toHaveLength(0);
  });

  it('refuses a stream whose hash it should sign, and sends one whose hash it need not', async () => {
    await expect(clientWith(oauth1({ bodyHash: true })).post('/photos', stream())).rejects.toThrow(InvalidRequestError);
    expect(api.requests).toHaveLength(0);
    await clientWith(oauth1()).post('/photos', stream());
    expect(api.requests[0]?.text).toBe('bytes');
  });

  it('leaves a call alone that brings its own Authorization', async () => {
    const call = clientWith(oauth1()).get('/photos', {
      headers: { authorization: 'OAuth own="1"' },
      validateStatus: null,
    });
    expect((await call).status).toBe(401);
    expect(api.requests.map(({ headers }) => headers.authorization)).toEqual(['OAuth own="1"']);
  });
});

describe('OAuth 1.0a among other layers', () => {
  it('signs each attempt anew', async () => {
    let failures = 2;
    api.before = (_request, response) => {
      if ((failures -= 1) < 0) return false;
      response.writeHead(503).end();
      return true;
    };
    const retry = new ExponentialBackoffRetryStrategy({ baseDelayMs: 1, maxDelayMs: 2 });
    await clientWith(oauth1({ placement: 'query' }), { retry }).get('/photos?a=b');
    const nonces = api.requests.map(({ query }) => query.getAll('oauth_nonce'));
    expect(nonces.flat()).toHaveLength(3);
    expect(new Set(nonces.flat()).size).toBe(3);
  });

  it.each(['header', 'query'] as const)('signs each hop to its own origin anew, in the %s', async (placement) => {
    api.before = (request, response) => {
      if (request.path !== '/old') return false;
      response
        .writeHead(307, {
          location: `/new?moved=1&back=${encodeURIComponent(request.url)}&${request.url.split('?')[1]}`,
        })
        .end();
      return true;
    };
    await clientWith(oauth1({ placement })).post('/old?a=b', new URLSearchParams('c=d'));
    expect(api.requests.map(({ path }) => path)).toEqual(['/old', '/new']);
    expect(api.verified).toHaveLength(1);
    expect(api.requests[1]?.query.get('a')).toBe('b');
    expect(api.requests[1]?.query.getAll('oauth_nonce').length).toBe(placement === 'query' ? 1 : 0);
  });

  it.each(['header', 'query', 'body'] as const)(
    'signs a hop that has lost its form, with the %s',
    async (placement) => {
      api.before = (request, response) => {
        if (request.path !== '/old') return false;
        response.writeHead(303, { location: '/new' }).end();
        return true;
      };
      await clientWith(oauth1({ placement })).post('/old', new URLSearchParams('c=d'));
      expect(api.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /old', 'GET /new']);
      expect(api.verified).toMatchObject([{ placement: placement === 'query' ? 'query' : 'header' }]);
    },
  );

  it('signs the Host that the call brings', async () => {
    await clientWith(oauth1()).get('/photos?a=b', { headers: { host: 'Tenant.example' } });
    expect(api.requests[0]?.headers.host).toBe('Tenant.example');
    expect(api.verified).toHaveLength(1);
  });

  it('OAuth 1.0a among other layers is signed where an instance of axios is attached, and where a builder made the service', async () => {
    const instance = create({ baseURL: api.origin });
    const detach = attachForgeAuth(instance, clientWith(oauth1({ placement: 'query' })));
    await instance.post('/photos', new URLSearchParams('a=b'), { params: { c: 'd e' } });
    detach();
    const built = createForgeClient(
      new HttpClientConfigBuilder('photos')
        .withBaseUrl(api.origin)
        .withAuth(oauth1({ realm: 'Photos' }))
        .build(),
    );
    clients.push(built);
    await built.get('/photos');
    expect(api.verified).toMatchObject([{ placement: 'query' }, { placement: 'header', realm: 'Photos' }]);
  });

  it('shows no parameter of the query in the URL of an answer', async () => {
    const client = clientWith(oauth1({ placement: 'query' }));
    const viaAxios = await client.axiosRef.get<unknown>('/photos?a=b');
    const urls = [
      (await client.get('/photos?a=b')).url,
      (await client.fetch('/photos?a=b')).url,
      String(viaAxios.config.url),
      inspect(viaAxios.request, { depth: 4 }),
    ];
    expect(urls.join(' ')).not.toContain('oauth_');
    expect(urls[0]).toBe(`${api.origin}/photos?a=b`);
  });

  it.each(['header', 'query', 'body'] as const)('takes nothing of the %s to another origin', async (placement) => {
    api.before = (request, response) => {
      const token = encodeURIComponent(KNOWN.token);
      const own = request.query.get('oauth_signature') ?? request.form().get('oauth_signature') ?? 'none-at-all';
      response.writeHead(307, { location: `${other.origin}/new?token=${token}&sig=${encodeURIComponent(own)}` }).end();
      return true;
    };
    other.before = (_request, response) => {
      response.writeHead(200).end();
      return true;
    };
    await clientWith(oauth1({ placement }))
      .post('/old', new URLSearchParams('c=d'))
      .catch(() => undefined);
    for (const { url, text, headers } of other.requests) {
      expect(`${url} ${text} ${JSON.stringify(headers)}`).not.toMatch(/token%2F1|oauth_|sig=(?!none)/);
    }
  });

  it('signs last among the members of a composite, whatever their order', async () => {
    const stamp = {
      authenticate: (request: AuthenticatedRequest): void => {
        request.url += `${request.url.includes('?') ? '&' : '?'}stamp=a%20b`;
      },
    };
    const key = new ApiKeyAuth('key &', { in: 'query', headerName: 'key' });
    for (const members of [
      [oauth1(), key, stamp],
      [key, oauth1(), stamp],
      [stamp, key, oauth1()],
    ])
      await clientWith(new CompositeAuth(members, { strategy: 'all' })).get('/photos?a=b');
    expect(api.verified).toHaveLength(3);
    expect(api.requests.map(({ query }) => query.get('stamp'))).toEqual(['a b', 'a b', 'a b']);
    expect(api.requests.map(({ query }) => query.get('key'))).toEqual(['key &', 'key &', 'key &']);
  });

  it('uses no nonce twice in 1,000 concurrent calls', async () => {
    const client = clientWith(oauth1());
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => client.get(`/photos/${i}`)));
    expect(new Set(api.verified.map(({ oauth }) => oauth['oauth_nonce'])).size).toBe(1_000);
  });
});
