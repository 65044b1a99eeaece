import { createHmac, generateKeyPairSync } from 'node:crypto';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { AuthenticationError, ConfigurationError, InvalidRequestError } from '../errors.js';
import type { PrivateJwk } from '../providers/keys/key-material.js';
import { authenticatedRequest } from './authenticated-request.fixture.js';
import type { AuthenticatedRequest } from './authenticator.js';
import { OAuth1Auth, type OAuth1AuthOptions } from './oauth1.authenticator.js';

function requestTo(url: string, parts: Partial<AuthenticatedRequest> = {}): AuthenticatedRequest {
  return authenticatedRequest({ url, serviceName: 'photos', ...parts });
}

/** The RSA key of the test cases that the OAuth community published for OAuth Core 1.0. It protects nothing. */
const PUBLISHED_PRIVATE_KEY = `-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALRiMLAh9iimur8V
A7qVvdqxevEuUkW4K+2KdMXmnQbG9Aa7k7eBjK1S+0LYmVjPKlJGNXHDGuy5Fw/d
7rjVJ0BLB+ubPK8iA/Tw3hLQgXMRRGRXXCn8ikfuQfjUS1uZSatdLB81mydBETlJ
hI6GH4twrbDJCR2Bwy/XWXgqgGRzAgMBAAECgYBYWVtleUzavkbrPjy0T5FMou8H
X9u2AC2ry8vD/l7cqedtwMPp9k7TubgNFo+NGvKsl2ynyprOZR1xjQ7WgrgVB+mm
uScOM/5HVceFuGRDhYTCObE+y1kxRloNYXnx3ei1zbeYLPCHdhxRYW7T0qcynNmw
rn05/KO2RLjgQNalsQJBANeA3Q4Nugqy4QBUCEC09SqylT2K9FrrItqL2QKc9v0Z
zO2uwllCbg0dwpVuYPYXYvikNHHg+aCWF+VXsb9rpPsCQQDWR9TT4ORdzoj+Nccn
qkMsDmzt0EfNaAOwHOmVJ2RVBspPcxt5iN4HI7HNeG6U5YsFBb+/GZbgfBT3kpNG
WPTpAkBI+gFhjfJvRw38n3g/+UeAkwMI2TJQS4n8+hid0uus3/zOjDySH3XHCUno
cn1xOJAyZODBo47E+67R4jV1/gzbAkEAklJaspRPXP877NssM5nAZMU0/O/NGCZ+
3jPgDUno6WbJn5cqm8MqWhW1xGkImgRk+fkDBquiq4gPiT898jusgQJAd5Zrr6Q8
AO/0isr/3aa6O6NLQxISLKcPDk2NOccAfS/xOtfOz4sJYM3+Bs4Io9+dZGSDCA54
Lw03eHTNQghS0A==
-----END PRIVATE KEY-----
`;

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** The protocol parameters that a header carries, decoded. */
function parametersIn({ headers }: AuthenticatedRequest): Record<string, string> {
  const header = String(headers['authorization']);
  const pairs = [...header.matchAll(/(\w+)="([^"]*)"/g)];
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, decodeURIComponent(value)]));
}

async function signed(options: OAuth1AuthOptions, request: AuthenticatedRequest): Promise<Record<string, string>> {
  await new OAuth1Auth(options).authenticate(request);
  return parametersIn(request);
}

const PRINTER = { clientId: 'dpf43f3p2l4k3l03', clientSecret: 'kd94hf93k423kf44' };

describe('OAuth1Auth', () => {
  it('signs the protected resource of RFC 5849 §1.2', async () => {
    const request = requestTo('http://photos.example.net/photos?file=vacation.jpg&size=original');
    await new OAuth1Auth({
      ...PRINTER,
      token: 'nnch734d00sl2jdk',
      tokenSecret: 'pfkkdhi9sl3r4s00',
      realm: 'Photos',
      timestamp: () => 137131202,
      nonce: () => 'chapoH',
    }).authenticate(request);
    expect(request.url).toBe('http://photos.example.net/photos?file=vacation.jpg&size=original');
    expect(request.headers['authorization']).toBe(
      'OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", ' +
        'oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH", ' +
        'oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"',
    );
  });

  it('signs the request of RFC 5849 §3.4.1: repeated, empty and encoded names, in query and form', async () => {
    let baseString = '';
    const { oauth_signature } = await signed(
      {
        clientId: '9djdj82h48djs9d2',
        clientSecret: 'j49sk3j29djd',
        token: 'kkk9d7dh3k39sjv7',
        tokenSecret: 'dh893hdasih9',
        realm: 'Example',
        timestamp: () => 137131201,
        nonce: () => '7d8f3e4a',
        signatureMethod: {
          name: 'HMAC-SHA1',
          sign: (text, key) => {
            baseString = text;
            return createHmac('sha1', key).update(text).digest('base64');
          },
        },
      },
      requestTo('http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b', {
        method: 'POST',
        headers: FORM,
        body: 'c2&a3=2+q',
      }),
    );
    expect(baseString).toBe(
      'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D' +
        '%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1' +
        '%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7',
    );
    // As the erratum has it: the RFC's own was made with other secrets.
    expect(oauth_signature).toBe('r6/TJjbCOr97/+UU0NsvSne7s5g=');
  });

  it('signs OAuth Core 1.0 A.5.1', async () => {
    const { oauth_signature } = await signed(
      {
        ...PRINTER,
        token: 'nnch734d00sl2jdk',
        tokenSecret: 'pfkkdhi9sl3r4s00',
        timestamp: () => 1191242096,
        nonce: () => 'kllo9940pd9333jh',
        version: '1.0',
      },
      requestTo('http://photos.example.net/photos?file=vacation.jpg&size=original'),
    );
    expect(oauth_signature).toBe('tR3+Ty81lMeYAr/Fid0kMTYa/WM=');
  });

  it("signs the example of X's documentation", async () => {
    const { oauth_signature } = await signed(
      {
        clientId: 'xvz1evFS4wEEPTGEFPHBog',
        clientSecret: 'kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw',
        token: '370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb',
        tokenSecret: 'LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE',
        timestamp: () => 1318622958,
        nonce: () => 'kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg',
        version: '1.0',
      },
      requestTo('https://api.twitter.com/1.1/statuses/update.json?include_entities=true', {
        method: 'POST',
        headers: { ...FORM },
        body: 'status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21',
      }),
    );
    expect(oauth_signature).toBe('hCtSmYh+iHYCEqBWrE7C7hYmtUk=');
  });

  it.each([
    ['a PEM', PUBLISHED_PRIVATE_KEY],
    ['a function', async () => Buffer.from(PUBLISHED_PRIVATE_KEY)],
  ])('signs the RSA-SHA1 test case of the community, by %s', async (_name, clientKey) => {
    const { oauth_signature } = await signed(
      {
        clientId: 'dpf43f3p2l4k3l03',
        clientKey,
        signatureMethod: 'RSA-SHA1',
        timestamp: () => 1196666512,
        nonce: () => '13917289812797014437',
        version: '1.0',
      },
      requestTo('http://photos.example.net/photos?file=vacaction.jpg&size=original'),
    );
    expect(oauth_signature).toBe(
      'jvTp/wX1TYtByB1m+Pbyo0lnCOLIsyGCH7wke8AUs3BpnwZJtAuEJkvQL2/9n4s5wUmUl4aCI4BwpraNx4RtEXMe5qg5T1LVTGliMRpKasKsW//e' +
        '+RinhejgCuzoH26dyF8iY2ZZ/5D1ilgeijhV/vBka5twt399mXwaYdCwFYE=',
    );
  });

  it('sends client secret and token secret under PLAINTEXT', async () => {
    const { oauth_signature } = await signed(
      { clientId: 'c', clientSecret: 'djr9rjt0jd78jf88', token: 't', tokenSecret: 'a&b', signatureMethod: 'PLAINTEXT' },
      requestTo('https://api.example/'),
    );
    expect(oauth_signature).toBe('djr9rjt0jd78jf88&a%26b');
  });

  it.each([
    ['http://EXAMPLE.com:80/a', 'http%3A%2F%2Fexample.com%2Fa'],
    ['https://example.com:443/a', 'https%3A%2F%2Fexample.com%2Fa'],
    ['https://example.com:8443/a', 'https%3A%2F%2Fexample.com%3A8443%2Fa'],
    ['http://example.com:443', 'http%3A%2F%2Fexample.com%3A443%2F'],
    ['http://example.com/r%20v/X?id=123', 'http%3A%2F%2Fexample.com%2Fr%2520v%2FX'],
    ['http://[::1]:3000/ü', 'http%3A%2F%2F%5B%3A%3A1%5D%3A3000%2F%25C3%25BC'],
  ])('signs %s as the address %s', async (url, address) => {
    let baseString = '';
    const sign = (text: string): string => (baseString = text);
    await signed({ clientId: 'c', signatureMethod: { name: 'X', sign } }, requestTo(url));
    expect(baseString.split('&')[1]).toBe(address);
  });

  it.each([
    ['Tenant.example:80', 'tenant.example'],
    ['Tenant.example', 'tenant.example'],
    ['tenant.example:8080', 'tenant.example:8080'],
  ])('signs the Host header %s as %s', async (host, expected) => {
    let baseString = '';
    const sign = (text: string): string => (baseString = text);
    const request = requestTo('http://127.0.0.1:3000/a', { headers: { host } });
    await signed({ clientId: 'c', signatureMethod: { name: 'X', sign } }, request);
    expect(baseString).toContain(`&http%3A%2F%2F${encodeURIComponent(expected)}%2Fa&`);
  });

  it.each([
    ['a=%FF', 'a%3D%25FF'],
    ['a=%zz%', 'a%3D%2525zz%2525'],
    ['&&a', 'a%3D'],
    ['a+b=c%2Bd', 'a%2520b%3Dc%252Bd'],
    ['=v', '%3Dv'],
    ['ü=✓', '%25C3%25BC%3D%25E2%259C%2593'],
    ["a=!'()*~", 'a%3D%2521%2527%2528%2529%252A~'],
  ])('signs the parameters of the form %s', async (body, parameters) => {
    let baseString = '';
    const sign = (text: string): string => (baseString = text);
    for (const given of [body, Buffer.from(body)]) {
      const request = requestTo('http://api.example/', { method: 'POST', headers: { ...FORM }, body: given });
      await signed({ clientId: 'c', signatureMethod: { name: 'X', sign } }, request);
      expect(baseString.split('&')[2]).toMatch(new RegExp(`(?:^|%26)${quote(parameters)}(?:%26|$)`));
      expect(request.body).toBe(given);
    }
  });

  it('puts the parameters into the query, behind what is there', async () => {
    const request = requestTo('https://api.example/a?q=%FF&flag&oauth_nonce=theirs&oauth_signature=theirs');
    await new OAuth1Auth({ ...PRINTER, placement: 'query', nonce: () => 'n &', timestamp: () => 1 }).authenticate(
      request,
    );
    expect(request.url).toMatch(
      /^https:\/\/api\.example\/a\?q=%FF&flag&oauth_consumer_key=dpf43f3p2l4k3l03&oauth_signature_method=HMAC-SHA1&oauth_timestamp=1&oauth_nonce=n%20%26&oauth_signature=[\w%]+$/,
    );
    expect(request.headers).toEqual({});
  });

  it.each(['a=%FF&b', '', 'oauth_token=theirs'])('puts the parameters into the form %j', async (body) => {
    for (const given of [body, Buffer.from(body)]) {
      const request = requestTo('https://api.example/a', { method: 'POST', headers: { ...FORM }, body: given });
      const auth = new OAuth1Auth({ ...PRINTER, token: 't', tokenSecret: 's', placement: 'body' });
      await auth.authenticate(request);
      expect(Buffer.isBuffer(request.body)).toBe(Buffer.isBuffer(given));
      const own = body === 'a=%FF&b' ? 'a=%FF&b&' : '';
      expect(String(request.body)).toMatch(
        new RegExp(`^${own}oauth_consumer_key=\\w+&oauth_token=t&.*oauth_signature=[\\w%]+$`),
      );
      expect(request.headers).toEqual(FORM);
    }
  });

  it.each<[string, Partial<AuthenticatedRequest>]>([
    ['no body', {}],
    ['JSON', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }],
    ['a text', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'a=b' }],
    ['a stream', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: Readable.from('a=b') }],
  ])('refuses to put the parameters into %s', async (_name, parts) => {
    const auth = new OAuth1Auth({ ...PRINTER, placement: 'body' });
    await expect(auth.authenticate(requestTo('https://api.example/', parts))).rejects.toThrow(ConfigurationError);
  });

  it.each<[string, Partial<AuthenticatedRequest>, string]>([
    [
      'JSON',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: 'Hello World!' },
      'Lve95gjOVATpfV8EL5X4nxwjKHE=',
    ],
    ['bytes', { method: 'PUT', headers: {}, body: Buffer.from('Hello World!') }, 'Lve95gjOVATpfV8EL5X4nxwjKHE='],
    ['no body', {}, '2jmj7l5rSw0yVb/vlWAYkK/YBwk='],
  ])('signs the hash of %s', async (_name, parts, hash) => {
    const request = requestTo('https://api.example/', parts);
    expect(await signed({ ...PRINTER, bodyHash: true }, request)).toMatchObject({ oauth_body_hash: hash });
  });

  it('hashes a body as its signature method hashes', async () => {
    const request = requestTo('https://api.example/', { body: '', method: 'POST' });
    expect(await signed({ ...PRINTER, bodyHash: true, signatureMethod: 'HMAC-SHA256' }, request)).toMatchObject({
      oauth_body_hash: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    });
  });

  it('signs no hash of a form', async () => {
    const request = requestTo('https://api.example/', { method: 'POST', headers: { ...FORM }, body: 'a=b' });
    expect(await signed({ ...PRINTER, bodyHash: true }, request)).not.toHaveProperty('oauth_body_hash');
  });

  it.each<[string, OAuth1AuthOptions, Partial<AuthenticatedRequest>]>([
    ['whose hash is to be signed', { ...PRINTER, bodyHash: true }, { headers: {} }],
    ['that is a form', PRINTER, { headers: FORM }],
    ['that is a form, for its body', { ...PRINTER, placement: 'body' }, { headers: FORM }],
  ])('refuses a stream %s', async (_name, options, parts) => {
    const request = requestTo('https://api.example/', { method: 'POST', body: Readable.from('a=b'), ...parts });
    await expect(new OAuth1Auth(options).authenticate(request)).rejects.toThrow(InvalidRequestError);
  });

  it('sends a stream whose body is not signed', async () => {
    const body = Readable.from('bytes');
    const request = requestTo('https://api.example/', { method: 'POST', body });
    await new OAuth1Auth(PRINTER).authenticate(request);
    expect(request.body).toBe(body);
  });

  it('asks its functions for each request', async () => {
    let asked = 0;
    const text = (name: string) => (): string => `${name}-${(asked += 1)}`;
    const auth = new OAuth1Auth({
      clientId: text('client'),
      clientSecret: async () => text('secret')(),
      token: text('token'),
      tokenSecret: text('tokenSecret'),
      signatureMethod: 'PLAINTEXT',
    });
    for (const first of [0, 4]) {
      const request = requestTo('https://api.example/');
      await auth.authenticate(request);
      expect(parametersIn(request)).toMatchObject({
        oauth_signature: `secret-${first + 1}&tokenSecret-${first + 2}`,
        oauth_consumer_key: `client-${first + 3}`,
        oauth_token: `token-${first + 4}`,
      });
    }
  });

  it('OAuth1Auth never uses a nonce twice', async () => {
    const auth = new OAuth1Auth(PRINTER);
    const requests = Array.from({ length: 1_000 }, () => requestTo('https://api.example/'));
    await Promise.all(requests.map((request) => auth.authenticate(request)));
    expect(new Set(requests.map((request) => parametersIn(request)['oauth_nonce'])).size).toBe(1_000);
  });

  it('escapes the realm, and reads no parameter out of it', async () => {
    const request = requestTo('https://api.example/');
    await new OAuth1Auth({ ...PRINTER, realm: 'a "b\\", oauth_token="x' }).authenticate(request);
    expect(request.headers['authorization']).toMatch(
      /^OAuth realm="a \\"b\\\\\\", oauth_token=\\"x", oauth_consumer_key=/,
    );
  });

  it.each<[string, Partial<OAuth1AuthOptions>]>([
    [
      'a secret that throws',
      {
        clientSecret: () => {
          throw new Error('canary-secret');
        },
      },
    ],
    ['a secret that is none', { clientSecret: () => undefined as unknown as string }],
    ['a nonce that is none', { nonce: () => 5 as unknown as string }],
    ['a timestamp that is none', { timestamp: () => Number.NaN }],
    ['a timestamp before 1970', { timestamp: () => -1 }],
    ['a signature that is none', { signatureMethod: { name: 'X', sign: () => undefined as unknown as string } }],
  ])('fails closed on %s', async (_name, options) => {
    const request = requestTo('https://api.example/?a=b');
    const error: unknown = await new OAuth1Auth({ ...PRINTER, ...options })
      .authenticate(request)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CREDENTIAL_FAILED' });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary-secret');
    expect(request).toMatchObject({ url: 'https://api.example/?a=b', headers: {} });
  });

  const { privateKey: ecKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });

  it.each<[string, Partial<OAuth1AuthOptions>, RegExp]>([
    ['no client id', { clientId: undefined as unknown as string }, /clientId is undefined/],
    ['an empty client id', { clientId: '' }, /clientId must not be empty/],
    ['no secret', { clientSecret: undefined as unknown as string }, /clientSecret is undefined/],
    ['a null secret', { clientSecret: null as unknown as string }, /clientSecret is null/],
    ['no key', { signatureMethod: 'RSA-SHA256' }, /clientKey is missing/],
    ['a key that is none', { signatureMethod: 'RSA-SHA1', clientKey: 'canary-key' }, /clientKey is no PEM/],
    [
      'a key of another kind',
      { signatureMethod: 'RSA-SHA1', clientKey: ecKey },
      /clientKey is a key of kind ec. Give an RSA key/,
    ],
    ['a public key', { signatureMethod: 'RSA-SHA1', clientKey: publicKey }, /clientKey is a public key/],
    ['a method that is none', { signatureMethod: 'HMAC-MD5' as 'PLAINTEXT' }, /signatureMethod must be one of/],
    ['a place that is none', { placement: 'cookie' as 'body' }, /placement must be/],
    ['a realm that is none', { realm: 'a\nb' }, /realm must be/],
    ['a token without its secret', { token: 't' }, /without tokenSecret/],
    ["a token's secret without its token", { tokenSecret: 's' }, /without token/],
    ['an empty token', { token: '', tokenSecret: 's' }, /token must not be empty/],
    ['a hash that protects nothing', { bodyHash: true, signatureMethod: 'PLAINTEXT' }, /bodyHash protects nothing/],
    ['a nonce that is no function', { nonce: 'n' as unknown as () => string }, /nonce must be a function/],
  ])('refuses %s', (_name, options, message) => {
    const make = (): OAuth1Auth => new OAuth1Auth({ ...PRINTER, ...options });
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
    expect(make).not.toThrow(/canary/);
  });

  it('takes a key as PEM, JWK, KeyObject, or with its passphrase', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const locked = privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'p',
    }) as string;
    const keys = [
      privateKey,
      privateKey.export({ type: 'pkcs1', format: 'pem' }) as string,
      privateKey.export({ format: 'jwk' }) as PrivateJwk,
      { key: locked, passphrase: 'p' },
    ];
    const signatures = keys.map(async (clientKey) => {
      const fixed = { nonce: () => 'n', timestamp: () => 1 };
      const options = { clientId: 'c', clientKey, signatureMethod: 'RSA-SHA256', ...fixed } as const;
      return (await signed(options, requestTo('https://api.example/')))['oauth_signature'];
    });
    expect(new Set(await Promise.all(signatures)).size).toBe(1);
  });

  it('sends no secrets in the clear over plain http under PLAINTEXT, unless to this machine', async () => {
    const options = { ...PRINTER, signatureMethod: 'PLAINTEXT' } as const;
    const sentTo = (url: string, more = {}): Promise<void> =>
      new OAuth1Auth({ ...options, ...more }).authenticate(requestTo(url));
    await expect(sentTo('http://api.example/')).rejects.toThrow(/allowInsecure: true/);
    await expect(sentTo('http://localhost.example/')).rejects.toThrow(ConfigurationError);
    await sentTo('http://api.example/', { allowInsecure: true });
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:1']) await sentTo(`http://${host}/`);
  });

  it.each([
    [undefined, 'the call names no user. Give auth: { subject }.'],
    ['alice', 'the user has not consented.'],
  ])('signs nothing in the name of %p without a token: by its service, for good', async (subject, why) => {
    const tokens = { forSubject: () => ({ getToken: async () => undefined }) };
    const asked = new OAuth1Auth({ ...PRINTER, tokens }).authenticate(
      requestTo('https://api.example/', { tokenRequest: subject === undefined ? undefined : { subject } }),
    );
    await expect(asked).rejects.toMatchObject({
      message: `No credential for "photos": ${why}`,
      code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
      serviceName: 'photos',
      transient: false,
    });
  });

  it('prints nothing of its secrets', () => {
    const auth = new OAuth1Auth({
      clientId: 'c',
      clientSecret: 'canary-1',
      token: 'canary-2',
      tokenSecret: 'canary-3',
    });
    expect(inspect(auth, { depth: 10, showHidden: true }) + JSON.stringify(auth)).not.toContain('canary');
  });
});

function quote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
