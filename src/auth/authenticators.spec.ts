import { inspect } from 'node:util';
import { AuthenticationError, ConfigurationError } from '../errors.js';
import { ApiKeyAuth } from './api-key.authenticator.js';
import { authenticatedRequest } from './authenticated-request.fixture.js';
import type { AuthenticatedRequest, Authenticator, CredentialSource } from './authenticator.js';
import { BasicAuth } from './basic.authenticator.js';
import { BearerAuth } from './bearer.authenticator.js';
import { maskSecrets } from '../redaction/known-secrets.js';

const SECRET = 'canary-credential';

function requestTo(url = 'https://api.example/a', headers: AuthenticatedRequest['headers'] = {}): AuthenticatedRequest {
  return authenticatedRequest({ url, headers });
}

async function authenticated(authenticator: Authenticator, url?: string): Promise<AuthenticatedRequest> {
  const request = requestTo(url);
  await authenticator.authenticate(request);
  return request;
}

const failureOf = async (authenticator: Authenticator): Promise<AuthenticationError> =>
  Promise.resolve(authenticator.authenticate(requestTo())).then(
    () => undefined as never,
    (error: unknown) => error as AuthenticationError,
  );

const quoted = (word: string): string => maskSecrets(`they say ${word} there`);

/** Each authenticator, made of one credential. */
const KINDS: [name: string, make: (credential: CredentialSource) => Authenticator][] = [
  ['BearerAuth', (credential) => new BearerAuth(credential)],
  ['ApiKeyAuth', (credential) => new ApiKeyAuth(credential)],
  ['ApiKeyAuth in the query', (credential) => new ApiKeyAuth(credential, { in: 'query', headerName: 'key' })],
  ['BasicAuth', (credential) => new BasicAuth('alice', credential)],
];

describe.each(KINDS)('%s', (_name, make) => {
  it('writes the same for a value, a function and an asynchronous function', async () => {
    const { url, headers } = await authenticated(make(SECRET));
    expect(url + JSON.stringify(headers)).not.toBe('https://api.example/a{}');
    expect(await authenticated(make(() => SECRET))).toMatchObject({ url, headers });
    expect(await authenticated(make(async () => SECRET))).toMatchObject({ url, headers });
  });

  it('asks its function for each request', async () => {
    let asked = 0;
    const authenticator = make(() => `credential-${(asked += 1)}`);
    const [first, second] = [await authenticated(authenticator), await authenticated(authenticator)];
    expect(asked).toBe(2);
    expect([first.url, first.headers]).not.toEqual([second.url, second.headers]);
  });

  it.each<[string, () => string | Promise<string>]>([
    [
      'throws',
      () => {
        throw new Error(`no ${SECRET}`);
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error(`no ${SECRET}`);
      },
    ],
    ['answers undefined', () => undefined as unknown as string],
    ['answers undefined later', async () => undefined as unknown as string],
    ['answers a number', () => 5 as unknown as string],
  ])('fails closed when its function %s, and shows nothing of it', async (_what, credential) => {
    const request = requestTo();
    const error = await Promise.resolve(make(credential).authenticate(request)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CREDENTIAL_FAILED', serviceName: 'orders' });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
    expect(request).toMatchObject({ url: 'https://api.example/a', headers: {} });
  });

  it('hands on an error of its function that is one of ours', async () => {
    const own = new AuthenticationError('The vault is sealed.');
    const asked = Promise.resolve(
      make(() => {
        throw own;
      }).authenticate(requestTo()),
    );
    await expect(asked).rejects.toBe(own);
  });

  it.each([undefined, null, 5, {}])('refuses %p at once', (credential) => {
    expect(() => make(credential as unknown as string)).toThrow(ConfigurationError);
  });

  it('says why its credential could not be read, and keeps what was thrown', async () => {
    const thrown = await failureOf(
      make(() => {
        throw new RangeError(SECRET);
      }),
    );
    expect(thrown.message).toMatch(
      /^No credential for "orders": the .* could not be read, its function threw RangeError/,
    );
    expect(thrown.cause).toMatchObject({ name: 'RangeError' });
    const none = await failureOf(make(() => 5 as never));
    expect(none.message).toMatch(/, its function returned no text but number\.$/);
    expect('cause' in none).toBe(false);
  });

  it('a secret has its credential masked wherever the words of the app quote it, given or read', async () => {
    const [given, read] = [`words given to ${_name}`, `words read by ${_name}`];
    make(given);
    expect(quoted(given)).not.toContain(given);
    await authenticated(make(() => read));
    expect(quoted(read)).not.toContain(read);
  });

  it('prints nothing of its credential', () => {
    expect(inspect(make(SECRET), { depth: 10, showHidden: true })).not.toContain(SECRET);
    expect(JSON.stringify(make(SECRET))).not.toContain(SECRET);
  });
});

describe.each(KINDS.filter(([name]) => name !== 'BasicAuth'))('%s', (_name, make) => {
  it.each(['', 'two\nlines', 'é', 'a\r\nx: y'])('refuses %j, which no header can carry', async (credential) => {
    expect(() => make(credential)).toThrow(ConfigurationError);
    const asked = Promise.resolve(make(() => credential).authenticate(requestTo()));
    await expect(asked).rejects.toMatchObject({ code: 'FORGE_AUTH_CREDENTIAL_FAILED' });
  });
});

describe('BearerAuth', () => {
  it('writes a bearer header', async () => {
    expect((await authenticated(new BearerAuth('t'))).headers).toEqual({ authorization: 'Bearer t' });
    expect(new BearerAuth('t').credentialHeaders).toEqual(['authorization']);
  });
});

describe('BasicAuth', () => {
  it.each(['p:w', '', 'pässword', 'two\nlines', 'a\ttab\t'])('encodes %j, given or read', async (password) => {
    const authorization = `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;
    expect((await authenticated(new BasicAuth('alice', password))).headers).toEqual({ authorization });
    expect((await authenticated(new BasicAuth('alice', () => password))).headers).toEqual({ authorization });
  });

  it('names its header, and refuses a password that ends in a line break', () => {
    expect(new BasicAuth('alice', 'p').credentialHeaders).toEqual(['authorization']);
    expect(() => new BasicAuth('alice', 'p\n')).toThrow(/BasicAuth: the password .*Trim it/);
  });

  it.each(['', 'a:b', undefined as unknown as string])('refuses the user name %p', (username) => {
    expect(() => new BasicAuth(username, 'p')).toThrow(ConfigurationError);
  });
});

describe('ApiKeyAuth', () => {
  it('writes X-API-Key, or another header when one is named', async () => {
    expect((await authenticated(new ApiKeyAuth('k'))).headers).toEqual({ 'x-api-key': 'k' });
    const named = new ApiKeyAuth('k', { headerName: 'Ocp-Apim-Subscription-Key' });
    expect((await authenticated(named)).headers).toEqual({ 'ocp-apim-subscription-key': 'k' });
    expect(named.credentialHeaders).toEqual(['ocp-apim-subscription-key']);
    expect((await authenticated(named)).spelling).toEqual({ 'ocp-apim-subscription-key': 'Ocp-Apim-Subscription-Key' });
    expect((await authenticated(new ApiKeyAuth('k'))).spelling).toEqual({ 'x-api-key': 'X-API-Key' });
    expect((await authenticated(new ApiKeyAuth('k', { in: 'query' }))).url).toBe('https://api.example/a?X-API-Key=k');
  });

  it('refuses a name that is empty, also for the query, and says which option it is', () => {
    for (const place of ['header', 'query'] as const)
      expect(() => new ApiKeyAuth('k', { in: place, headerName: '' })).toThrow(/ApiKeyAuth.*headerName/);
    expect(() => new ApiKeyAuth('k', { headerName: 'a b' })).toThrow(
      "ApiKeyAuth: headerName must be a header name such as 'X-API-Key'.",
    );
  });

  it('says what is wrong with a key', () => {
    expect(() => new ApiKeyAuth(undefined as never)).toThrow(
      'ApiKeyAuth: the key is undefined. Is the variable that it is read from set?',
    );
    expect(() => new ApiKeyAuth('')).toThrow('ApiKeyAuth: the key must be a text that is not empty, or a function.');
    expect(() => new ApiKeyAuth('k\n')).toThrow(/ApiKeyAuth: the key .*Was it read from a file\? Trim it\./);
    expect(() => new ApiKeyAuth('ké')).toThrow('ApiKeyAuth: the key has characters that no header can carry.');
  });

  it.each([
    ['https://api.example/a', 'https://api.example/a?key=k+%26'],
    ['https://api.example/a?q=%FF&flag&p=a%20b', 'https://api.example/a?q=%FF&flag&p=a%20b&key=k+%26'],
    ['https://api.example/a?key=theirs&q=1&k%65y=theirs', 'https://api.example/a?q=1&key=k+%26'],
    ['https://api.example/a?', 'https://api.example/a?key=k+%26'],
  ])('puts the key into the query of %s, and leaves the rest as it is', async (url, expected) => {
    const authenticator = new ApiKeyAuth('k &', { in: 'query', headerName: 'key' });
    expect((await authenticated(authenticator, url)).url).toBe(expected);
    expect(authenticator.credentialHeaders).toBeUndefined();
    expect(authenticator.credentialParameters).toEqual({ query: ['key'] });
    expect(new ApiKeyAuth('k').credentialParameters).toBeUndefined();
  });

  it('refuses a place or a header name that is none', () => {
    expect(() => new ApiKeyAuth('k', { in: 'cookie' as 'header' })).toThrow(ConfigurationError);
    expect(() => new ApiKeyAuth('k', { headerName: 'a b' })).toThrow(ConfigurationError);
  });
});
