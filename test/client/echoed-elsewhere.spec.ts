import { inspect } from 'node:util';
import { ApiKeyAuth, BasicAuth, BearerAuth, CompositeAuth, createForgeClient, OAuth1Auth } from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';

const TOKEN = 'cnry-token-98765';
const PASSWORD = 'cnry-password-4321';
const PARAM = 'cnry-param-1234';

let own: RecordingServer;
let other: RecordingServer;
let location = '';

beforeEach(async () => {
  other = await startServer((_request, res) => void res.end('{}'));
  own = await startServer((_request, res) => void res.writeHead(302, { location }).end());
});
afterEach(async () => {
  await own.close();
  await other.close();
});

const twice = (text: string): string => encodeURIComponent(encodeURIComponent(text));
const base64 = (text: string): string => Buffer.from(text).toString('base64url');

describe('a redirect elsewhere that echoes', () => {
  it.each<[string, string]>([
    ['a token in Base64', `/?s=${base64(TOKEN)}`],
    ['a token in JSON in Base64', `/?state=${base64(JSON.stringify({ token: TOKEN }))}`],
    ['a token in upper case', `/?t=${TOKEN.toUpperCase()}`],
    ['a token in hexadecimal', `/?t=${Buffer.from(TOKEN).toString('hex')}`],
    ['a token in Base64 in its path', `/x/${base64(TOKEN)}/y`],
    ['a parameter in Base64', `/?p=${base64(PARAM)}`],
    ['a token in hexadecimal behind a name', `/p;key=${Buffer.from(TOKEN).toString('hex')}`],
    ['a parameter in hexadecimal in its path', `/${Buffer.from(PARAM).toString('hex')}`],
  ])('%s, carries none of it', async (_what, path) => {
    location = other.origin + path;
    const client = createForgeClient({
      name: 'orders',
      baseUrl: own.origin,
      auth: new BearerAuth(TOKEN),
      params: { own: PARAM },
    });
    await client.get('/', { validateStatus: null });
    expect(other.requests.map(({ url }) => url).filter((url) => url !== '/')).toEqual([]);
    await client.close();
  });

  it.each<[string, string | (() => string)]>([
    ['a token that is encoded twice', `/?s=${twice(`a/${TOKEN}`)}`],
    ['a token that is encoded twice in its path', `/${twice(`a/${TOKEN}`)}`],
    ['a token in upper-case hexadecimal', `/?t=${Buffer.from(TOKEN).toString('hex').toUpperCase()}`],
    ['a token in its fragment', `/#access_token=${TOKEN}`],
    ['a token as its user', () => other.origin.replace('//', `//${TOKEN}@`)],
    ['a token as its password', () => other.origin.replace('//', `//user:${TOKEN}@`)],
    ['a token in an address in a parameter', `/?next=${encodeURIComponent(`https://a.example/?t=${TOKEN}`)}`],
    ['a short key as a parameter', '/?any=k-7'],
    ['a short key as a segment of its path', '/x/sk-77/y'],
    ['a short key as a segment, encoded', '/x/s%6B%2D77'],
    ['a short parameter in an address in a parameter', `/?next=${encodeURIComponent('/a?b=1&tenant=ab')}`],
    ['a short parameter in an address that is encoded twice', `/?next=${twice('/a?tenant=ab#c')}`],
    ['a short parameter behind a semicolon', '/x;tenant=ab'],
  ])('%s, carries none of it, nor calls there with it', async (_what, path) => {
    location = typeof path === 'string' ? other.origin + path : path();
    const client = createForgeClient({
      name: 'orders',
      baseUrl: own.origin,
      auth: new CompositeAuth(
        [new BearerAuth(TOKEN), new ApiKeyAuth('k-7'), new ApiKeyAuth('sk-77', { headerName: 'x-second' })],
        { strategy: 'all' },
      ),
      params: { tenant: 'ab' },
    });
    await client.get('/', { validateStatus: null });
    for (const { url, headers } of other.requests) {
      expect(url).toMatch(/^\/(?:\?next=.*)?$/);
      expect(decodeURIComponent(decodeURIComponent(url))).not.toContain('tenant=ab');
      expect(Object.values(headers).join()).not.toMatch(/cnry|k-7|sk-77/);
    }
    await client.close();
  });

  it.each(['/v2/abc', '/?version=ab', '/tenants/ab', '/?next=%2Fa%3Ftenant%3Dabc', '/key/7'])(
    'nothing of ours goes as it is, though it has a short text of ours somewhere: %s',
    async (path) => {
      location = other.origin + path;
      const client = createForgeClient({
        name: 'orders',
        baseUrl: own.origin,
        auth: new BearerAuth(TOKEN),
        params: { tenant: 'abx', v: '2' },
      });
      await client.get('/', { validateStatus: null });
      expect(other.requests.map(({ url }) => url)).toEqual([path]);
      await client.close();
    },
  );

  it.each([TOKEN, base64(TOKEN)])('a token at home, in its path, prints none of it: %s', async (echo) => {
    const logged: unknown[] = [];
    const log = (...entry: unknown[]): void => void logged.push(entry);
    own.handler = (request, res) =>
      void (request.path === '/' ? res.writeHead(302, { location: `/x/${echo}` }).end() : res.end('{}'));
    const client = createForgeClient(
      { name: 'orders', baseUrl: own.origin, auth: new BearerAuth(TOKEN), logging: true },
      { logger: { log, warn: log, error: log } },
    );
    const response = await client.get('/');
    expect(response.url).toBe(`${own.origin}/x/${echo}`);
    const printed = [
      inspect(response),
      JSON.stringify(response),
      response.request.toCurl(),
      inspect(logged, { depth: 9 }),
    ];
    for (const text of printed) {
      expect(text).toContain(`${own.origin}/[redacted]`);
      expect(text).not.toContain(echo);
    }
    await client.close();
  });

  it('the password of Basic credentials carries none of it', async () => {
    location = `${other.origin}/?p=${PASSWORD}`;
    const client = createForgeClient({
      name: 'orders',
      baseUrl: own.origin,
      auth: new BasicAuth('me', PASSWORD),
    });
    await client.get('/', { validateStatus: null });
    expect(other.requests.map(({ url }) => url).filter((url) => url !== '/')).toEqual([]);
    await client.close();
  });

  it.each(['header', 'body'] as const)(
    'parameters of OAuth 1.0a in its %s carries neither token nor signature, and the others as they are',
    async (placement) => {
      own.handler = (request, res) => {
        const sent = new URLSearchParams(placement === 'body' ? request.text : undefined);
        const header = request.headers.authorization ?? '';
        for (const [, name = '', value = ''] of header.matchAll(/(\w+)="([^"]*)"/g))
          sent.set(name, decodeURIComponent(value));
        const echo = ['oauth_token', 'oauth_signature', 'oauth_nonce'].map((name) => [name[6], sent.get(name) ?? '']);
        res.writeHead(302, { location: `${other.origin}/?${new URLSearchParams(echo as [string, string][])}` }).end();
      };
      const auth = new OAuth1Auth({
        clientId: 'client-1',
        clientSecret: 'cnry-secret-1',
        token: TOKEN,
        tokenSecret: 'cnry-secret-2',
        placement,
      });
      const client = createForgeClient({ name: 'orders', baseUrl: own.origin, auth });
      await client.post('/', new URLSearchParams({ a: 'b' }), { validateStatus: null });
      expect(other.requests.map(({ url }) => url)).toEqual([expect.stringMatching(/^\/\?n=[^&]+$/)]);
      await client.close();
    },
  );
});
