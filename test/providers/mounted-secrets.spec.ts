import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ApiKeyAuth,
  type Authenticator,
  AuthorizationCodeTokenProvider,
  BackchannelTokenProvider,
  BasicAuth,
  BearerAuth,
  BodyTokenFetcher,
  type BodyTokenFetcherOptions,
  ClientCredentialsTokenProvider,
  type ClientCredentialsTokenProviderOptions,
  ConfigurationError,
  type CredentialSource,
  GrantTokenProvider,
  JwtBearerTokenProvider,
  type KeySource,
  OAuth1Auth,
  OAuth1Flow,
  StaticTokenProvider,
  TokenExchangeProvider,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { auth0, keycloak } from 'nestjs-forge-auth/presets';
import { json } from '../support/answer.js';
import { startServer } from '../support/recording-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { World } from '../tokens/world.js';

const world = new World();
const folder = mkdtempSync(join(tmpdir(), 'forge-auth-mounted-'));
beforeEach(() => world.start());
afterEach(() => world.close());
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = 'as-it-is-meant';
/** What editors and shells leave around a secret in a file. */
const LEFT: readonly (readonly [string, string])[] = [
  ['a line break', `${SECRET}\n`],
  ['a line break of Windows', `${SECRET}\r\n`],
  ['a carriage return', `${SECRET}\r`],
  ['a line separator', `${SECRET}\u2028`],
  ['a paragraph separator and a line break', `${SECRET}\u2029\r\n`],
  ['several line breaks', `${SECRET}\n\n`],
  ['a byte order mark', `\uFEFF${SECRET}`],
];

/** What the last call sent, by an authenticator. */
const sentBy = async (auth: Authenticator): Promise<string> => {
  const server = world.closeLater(await startServer((_request, res) => void res.end()));
  await world.client({ baseUrl: server.origin, auth }).get('/');
  const { headers, url } = server.requests.at(-1) as { headers: Record<string, unknown>; url: string };
  return `${String(headers['authorization'] ?? headers['x-api-key'])} ${url}`;
};

/** Credentials of calls: the secret stands at the end of what is sent. */
const CREDENTIALS: readonly (readonly [string, (source: CredentialSource) => Authenticator, string])[] = [
  ['ApiKeyAuth', (source) => new ApiKeyAuth(source), `${SECRET} /`],
  [
    'ApiKeyAuth in the query',
    (source) => new ApiKeyAuth(source, { in: 'query', headerName: 'k' }),
    `undefined /?k=${SECRET}`,
  ],
  ['BearerAuth', (source) => new BearerAuth(source), `Bearer ${SECRET} /`],
  ['BasicAuth', (source) => new BasicAuth('u', source), `Basic ${Buffer.from(`u:${SECRET}`).toString('base64')} /`],
];

describe.each(LEFT)('a secret with %s', (_what, text) => {
  it.each(CREDENTIALS)(
    'a secret that was read from a file as it is, is cut where a function of %s answers it',
    async (_name, auth, sent) => {
      await expect(sentBy(auth(async () => text))).resolves.toBe(sent);
    },
  );

  it.each(CREDENTIALS)('a secret that was read from a file as it is, is refused as a literal of %s', (_name, auth) => {
    expect(() => auth(text)).toThrow(/(key|token|password) (ends in a line break|begins with a byte order mark)/);
  });

  it('a secret that was read from a file as it is, is refused as a literal of OAuth1Auth, and as a client’s id', () => {
    const oauth1 = { clientId: 'k', clientSecret: 'x', token: 't', tokenSecret: text };
    expect(() => new OAuth1Auth(oauth1)).toThrow(/tokenSecret (ends|begins)/);
    expect(() => world.manager({ provider: world.provider({ clientId: text }) })).toThrow(/clientId (ends|begins)/);
  });

  it('a secret that was read from a file as it is, is cut where a function answers a caller’s token, or a file holds a client’s secret', async () => {
    const provider = new TokenExchangeProvider({ tokenUrl: world.endpoint.url, ...CLIENT, subjectToken: () => text });
    await world.manager({ provider }).getToken();
    expect(world.endpoint.server.requests.at(-1)?.form().get('subject_token')).toBe(SECRET);
    world.endpoint.configure({ clients: { [CLIENT.clientId]: SECRET } });
    const file = join(folder, 'secret');
    writeFileSync(file, text);
    await world.manager({ provider: world.provider({ clientSecret: { file } }) }).getToken();
  });
});

const at = (): { tokenUrl: string; clientId: string; clientSecret: string } => ({
  tokenUrl: world.endpoint.url,
  ...CLIENT,
});
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signed = (assertion: object): TokenProvider =>
  new JwtBearerTokenProvider({ ...at(), assertion: { iss: 'i', key: privateKey, ...assertion } });
const credentials = (options: Partial<ClientCredentialsTokenProviderOptions>): TokenProvider =>
  new ClientCredentialsTokenProvider({ ...at(), ...options });
const asking = (options: Partial<BodyTokenFetcherOptions>): unknown =>
  new BodyTokenFetcher({ name: 's', baseUrl: world.api.origin, ...options });
const boundTo = (provider: TokenProvider): unknown => world.manager({ provider });

const FLOW_URL = 'https://api.example/';
const FLOW = {
  clientId: 'c',
  clientSecret: 's',
  requestTokenUrl: FLOW_URL,
  authorizationUrl: FLOW_URL,
  accessTokenUrl: FLOW_URL,
  callbackUrl: FLOW_URL,
  token: 't',
  tokenSecret: 's',
};

/** Options that are a text as it is: whoever makes something of one that was read from a file. */
const LITERALS: readonly (readonly [string, (text: string) => unknown])[] = [
  ['scope', (text) => boundTo(credentials({ scope: text }))],
  ['scope', (text) => boundTo(credentials({ scope: ['read', text] }))],
  ['audience', (text) => boundTo(credentials({ audience: text }))],
  ['resource', (text) => boundTo(credentials({ resource: [text] }))],
  ['grantType', (text) => boundTo(credentials({ grantType: text }))],
  ['tokenUrl', (text) => boundTo(credentials({ tokenUrl: text.replace(SECRET, world.endpoint.url) }))],
  ['extraParams.key', (text) => boundTo(credentials({ extraParams: { key: text } }))],
  ['clientAssertion.kid', (text) => boundTo(credentials({ clientKey: privateKey, clientAssertion: { kid: text } }))],
  [
    'clientAssertion.audience',
    (text) => boundTo(credentials({ clientKey: privateKey, clientAssertion: { audience: text } })),
  ],
  ...['iss', 'sub', 'aud', 'kid'].map(
    (name) => [`assertion.${name}`, (text: string) => boundTo(signed({ [name]: text }))] as const,
  ),
  ['params.key', (text) => boundTo(new GrantTokenProvider({ ...at(), grantType: 'x', params: { key: text } }))],
  [
    'params.keys[1]',
    (text) => boundTo(new GrantTokenProvider({ ...at(), grantType: 'x', params: { keys: ['a', text] } })),
  ],
  ['loginHint', (text) => boundTo(new BackchannelTokenProvider({ ...at(), loginHint: text }))],
  [
    'bindingMessage',
    (text) => boundTo(new BackchannelTokenProvider({ ...at(), loginHint: 'alice', bindingMessage: text })),
  ],
  [
    'authorizationParams.key',
    (text) =>
      boundTo(
        new AuthorizationCodeTokenProvider({
          ...at(),
          redirectUri: 'http://localhost/',
          authorizationParams: { key: text },
        }),
      ),
  ],
  ['the token', (text) => new StaticTokenProvider(text)],
  ...['requestTokenUrl', 'authorizationUrl', 'accessTokenUrl', 'callbackUrl', 'token', 'tokenSecret'].map(
    (name) => [name, (text: string) => new OAuth1Flow({ ...FLOW, [name]: text.replace(SECRET, FLOW_URL) })] as const,
  ),
  ['realm', (text) => keycloak({ url: 'https://sso.example', realm: text })],
  ['domain', (text) => auth0({ domain: text })],
  ['the user name', (text) => new BasicAuth(text, 'p')],
  ['requestHeaders.x-key', (text) => asking({ requestHeaders: { 'x-key': text } })],
  ['requestData.secret', (text) => asking({ requestData: { secret: text } })],
  ['requestData.of.all[0]', (text) => asking({ requestData: { of: { all: [text] } }, bodyFormat: 'json' })],
];

describe.each(LEFT)('a text with %s', (_what, text) => {
  it.each(LITERALS)('a text that was read from a file as it is, is refused as %s', (name, make) => {
    const fault = `${name} ${text.startsWith('\uFEFF') ? 'begins with a byte order mark' : 'ends in a line break'}`;
    expect(() => make(text)).toThrow(fault);
    expect(() => make(text)).toThrow(ConfigurationError);
  });

  it('a text that was read from a file as it is, is refused as a parameter of every call', async () => {
    for (const params of [{ key: text }, new URLSearchParams({ key: text })]) {
      await expect(world.client({ params }).get('/')).rejects.toThrow(/params\.key (ends|begins)/);
    }
  });

  it('a text that was read from a file as it is, is cut where a function answers the parameters of a grant', async () => {
    const grant = { grantType: 'x', params: () => ({ key: text, keys: [text, 'b'] }) };
    await world.manager({ provider: new GrantTokenProvider({ ...at(), ...grant }) }).getToken();
    const form = world.endpoint.server.requests.at(-1)?.form();
    expect([form?.get('key'), form?.getAll('keys')]).toEqual([SECRET, [SECRET, 'b']]);
  });

  it('a text that was read from a file as it is, is cut where functions answer what a fetcher sends', async () => {
    const server = world.closeLater(await startServer((_request, res) => json(res, 200, { access_token: 'a' })));
    const step = { name: 's', baseUrl: server.origin, requestHeaders: () => ({ 'x-key': text }) };
    await new BodyTokenFetcher({ ...step, requestData: () => ({ secret: text }) }).fetch();
    await new BodyTokenFetcher({ ...step, requestData: () => ({ of: [text] }), bodyFormat: 'json' }).fetch();
    expect(server.requests.map(({ headers }) => headers['x-key'])).toEqual([SECRET, SECRET]);
    expect(server.requests[0]?.form().get('secret')).toBe(SECRET);
    expect(server.requests[1]?.json()).toEqual({ of: [SECRET] });
  });
});

it('a text of several lines is sent as it is', async () => {
  const pem = '-----BEGIN X-----\nabc\n-----END X-----\n';
  const params = { key: pem };
  await world.manager({ provider: new GrantTokenProvider({ ...at(), grantType: 'x', params }) }).getToken();
  await world
    .manager({ provider: new GrantTokenProvider({ ...at(), grantType: 'x', params: () => params }) })
    .getToken();
  expect(world.endpoint.server.requests.map((request) => request.form().get('key'))).toEqual([pem, pem]);
});

/** A token by a client's key. */
const managed = (clientKey: KeySource) => {
  const provider = new ClientCredentialsTokenProvider({ tokenUrl: world.endpoint.url, clientId: 'c', clientKey });
  return world.manager({ provider }).getToken();
};

describe('a passphrase that ends in a line break', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const pem = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: SECRET }) as string;
  it('a passphrase that ends in a line break is cut where a function answers it', async () => {
    world.endpoint.configure({ respond: () => ({ json: { access_token: 'a' } }) });
    await expect(managed(() => ({ key: pem, passphrase: `${SECRET}\n` }))).resolves.toMatchObject({ accessToken: 'a' });
  });

  it('a passphrase that ends in a line break is refused as a literal', async () => {
    const managing = async () => managed({ key: pem, passphrase: `${SECRET}\n` });
    await expect(managing()).rejects.toThrow(/clientKey: the passphrase ends in a line break/);
    const tls = { key: pem, cert: 'x', passphrase: `${SECRET}\n` };
    await expect(world.client({ tls }).get('/')).rejects.toThrow(/tls\.passphrase ends in a line break/);
  });
});
