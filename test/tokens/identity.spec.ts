import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as http from 'node:http';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BodyTokenFetcher,
  type ClientCredentialsTokenProviderOptions,
  GrantTokenProvider,
  JwtBearerTokenProvider,
  NoRetryStrategy,
  TokenExchangeProvider,
  TokenManager,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { createCertificate } from '../support/certificate.js';
import { CLIENT } from '../support/token-endpoint.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from './world.js';

type Options = Partial<ClientCredentialsTokenProviderOptions>;

const world = new World();
beforeEach(() => world.start());
afterEach(() => world.close());

/** Who shares is asked here, not who may. */
const acceptEveryClient = (): void => world.endpoint.configure({ authenticate: () => true });

/** The tokens of applications, each with a provider of its own, that keep them in one store under one name. */
const sharing = async (...providers: TokenProvider[]) => {
  acceptEveryClient();
  const values = new Map<string, string>();
  const storage = {
    get: async (key: string) => values.get(key),
    set: async (key: string, value: string) => void values.set(key, value),
  };
  const logger = recordingLogger();
  const tokens = new Set<string>();
  for (const provider of providers)
    tokens.add((await world.manager({ provider, storage, logger }).getToken()).accessToken);
  return { tokens: tokens.size, lines: logger.lines.filter((line) => line.includes('stay in this process')) };
};

const tokenUrl = (): string => world.endpoint.url;
const tenant =
  (name: string) =>
  (request: { headers: Record<string, string> }): void =>
    void (request.headers['x-tenant'] = name);
const transport = async (): Promise<UndiciTransport> => world.closeLater(new UndiciTransport());

const authenticate = ({ body }: { body: URLSearchParams }): void => {
  body.set('client_id', CLIENT.clientId);
  body.set('client_secret', CLIENT.clientSecret);
};

/** Options that can change what is asked for, and cannot be read. */
const OPAQUE: readonly (readonly [string, (name: string) => Options | Promise<Options>])[] = [
  ['compliance.tokenRequest', (name) => ({ compliance: { tokenRequest: tenant(name) } })],
  ['compliance.tokenResponse', () => ({ compliance: { tokenResponse: (response) => response } })],
  ['compliance.refreshRequest', (name) => ({ compliance: { refreshRequest: tenant(name) } })],
  ['compliance.refreshResponse', () => ({ compliance: { refreshResponse: (response) => response } })],
  ['authMethod', () => ({ authMethod: authenticate })],
  ['authMethod', () => ({ authMethod: ['client_secret_basic', () => undefined] })],
  ['clientAssertion.token', (name) => ({ clientAssertion: { token: () => `jwt.of.${name}` } })],
  ['http.transport', async () => ({ http: { transport: await transport() } })],
  ['http.axios.httpsAgent', () => ({ http: { axios: { httpsAgent: new Agent() } } })],
  ['http.axios.lookup', () => ({ http: { axios: { lookup: () => ['127.0.0.1', 4] } } })],
  ['http.axios.adapter', () => ({ http: { axios: { adapter: ['http', () => Promise.reject(new Error('no'))] } } })],
  ['http.axios.transport', () => ({ http: { axios: { transport: { request: http.request } } } })],
];

/** Options that are plain values, or change nothing of the token: the same ones share it. */
const PLAIN: readonly (readonly [string, () => Options])[] = [
  ['proxy: false', () => ({ http: { axios: { proxy: false } } })],
  ['limits', () => ({ http: { axios: { maxContentLength: 1_000_000, decompress: true }, timeoutMs: 5_000 } })],
  ['what is set for each request', () => ({ http: { axios: { validateStatus: () => true, transformRequest: [] } } })],
  ['headers', () => ({ http: { headers: { 'x-tenant': 'acme' } } })],
  ['extra parameters', () => ({ extraParams: { tenant: 'acme' } })],
  ['a secret as a function', () => ({ clientSecret: () => CLIENT.clientSecret })],
  ['a retry strategy', () => ({ retry: new NoRetryStrategy() })],
  ['onToken', () => ({ onToken: () => undefined })],
  ['compliance.protectedRequest', () => ({ compliance: { protectedRequest: () => undefined } })],
];

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Parts of the assertions that an app has made: plain values. */
const ASSERTED = ['claims', 'headers', 'audience', 'kid'] as const;

const jwtOf = (claims: object): string =>
  ['header', JSON.stringify(claims), 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.');

/** Providers whose token depends on a file that the platform writes. */
const OF_FILE: readonly (readonly [string, (file: string) => TokenProvider])[] = [
  ['a client', (file) => world.provider({ clientAssertion: { token: { file } } })],
  ['a subject', (file) => new TokenExchangeProvider({ tokenUrl: tokenUrl(), ...CLIENT, subjectToken: { file } })],
  [
    'an actor',
    (file) => new TokenExchangeProvider({ tokenUrl: tokenUrl(), ...CLIENT, subjectToken: 's', actorToken: { file } }),
  ],
  [
    'an assertion',
    (file) => new JwtBearerTokenProvider({ tokenUrl: tokenUrl(), ...CLIENT, assertion: { token: { file } } }),
  ],
];

/** A provider of the app's own. */
const own = (name: string): TokenProvider => ({
  identity: [name],
  fetchToken: async () => (await new TokenManager({ provider: world.provider() }).getToken()).with({ scope: name }),
});

describe('two applications of one name, client and store', () => {
  it.each(OPAQUE)(
    'two applications of one name, client and store share no token where each has %s, and log that in one line',
    async (name, options) => {
      const providers = [world.provider(await options('acme')), world.provider(await options('globex'))];
      const { tokens, lines } = await sharing(...providers);
      expect(tokens).toBe(2);
      expect(lines).toHaveLength(2);
      expect(lines[0]).toContain(`: ${name} may change what is asked for`);
    },
  );

  it.each(OPAQUE)(
    'share one where each has %s and the same identity, and none with another',
    async (_name, options) => {
      const provider = async (...identity: string[]) => world.provider({ ...(await options('acme')), identity });
      const same = await sharing(await provider('acme', 'eu'), await provider('acme', 'eu'));
      expect(same).toEqual({ tokens: 1, lines: [] });
      const others = [await provider('acme', 'eu'), await provider('acmeeu'), await provider('acme', 'us')];
      expect(await sharing(...others)).toEqual({ tokens: 3, lines: [] });
    },
  );

  it.each(PLAIN)(
    'two applications of one name, client and store share one where each has the same plain values: %s',
    async (_name, options) => {
      expect(await sharing(world.provider(options()), world.provider(options()))).toEqual({ tokens: 1, lines: [] });
    },
  );

  it.each<[string, Options, Options]>([
    ['headers', { http: { headers: { 'x-tenant': 'acme' } } }, { http: { headers: { 'x-tenant': 'globex' } } }],
    ['parameters', { extraParams: { tenant: 'acme' } }, { extraParams: { tenant: 'globex' } }],
    ['scopes', { scope: 'acme' }, { scope: 'globex' }],
  ])(
    'two applications of one name, client and store share none where plain values differ: %s',
    async (_name, acme, globex) => {
      expect(await sharing(world.provider(acme), world.provider(globex))).toEqual({ tokens: 2, lines: [] });
    },
  );

  it.each<[string, (name: string) => TokenProvider]>([
    [
      'parameters of a grant as a function',
      (name) =>
        new GrantTokenProvider({ tokenUrl: tokenUrl(), ...CLIENT, grantType: 'x', params: () => ({ tenant: name }) }),
    ],
    [
      'an assertion as a function',
      (name) => new JwtBearerTokenProvider({ tokenUrl: tokenUrl(), ...CLIENT, assertion: { token: () => name } }),
    ],
    [
      'an actor as a function',
      (name) =>
        new TokenExchangeProvider({ tokenUrl: tokenUrl(), ...CLIENT, subjectToken: 's', actorToken: () => name }),
    ],
    [
      'a subject as a function',
      (name) => new TokenExchangeProvider({ tokenUrl: tokenUrl(), ...CLIENT, subjectToken: () => name }),
    ],
  ])(
    'two applications of one name, client and store share none where a function decides: %s',
    async (_name, provider) => {
      expect((await sharing(provider('acme'), provider('globex'))).tokens).toBe(2);
    },
  );

  it('two applications of one name, client and store share none of a provider of their own where each returns an identity', async () => {
    expect((await sharing(own('acme'), own('globex'))).tokens).toBe(2);
    expect((await sharing(own('acme'), own('acme'))).tokens).toBe(1);
  });

  it.each(ASSERTED)(
    'two applications of one name, client and store share none where what their assertions say differs: %s',
    async (part) => {
      const signing = (name: string) => {
        const value = part === 'claims' || part === 'headers' ? { tenant: name } : name;
        return [
          world.provider({ clientKey: privateKey, clientAssertion: { [part]: value } }),
          world.provider({ authMethod: 'client_secret_jwt', clientAssertion: { [part]: value } }),
        ];
      };
      const [acme, globex] = [signing('acme'), signing('globex')];
      expect((await sharing(...acme, ...globex)).tokens).toBe(4);
      expect((await sharing(...signing('acme'), ...signing('acme'))).tokens).toBe(2);
    },
  );

  it.each(['header', 'kid'] as const)(
    'two applications of one name, client and store share none where their assertions differ in the %s',
    async (part) => {
      const provider = (name: string) =>
        new JwtBearerTokenProvider({
          tokenUrl: tokenUrl(),
          ...CLIENT,
          assertion: { iss: 'i', key: privateKey, [part]: part === 'kid' ? name : { x5t: name } },
        });
      expect((await sharing(provider('acme'), provider('globex'))).tokens).toBe(2);
      expect((await sharing(provider('acme'), provider('acme'))).tokens).toBe(1);
    },
  );

  it.each(OF_FILE)(
    'two applications of one name, client and store share one by a file for as long as it speaks for the same: %s',
    async (_whose, provider) => {
      acceptEveryClient();
      const directory = await mkdtemp(join(tmpdir(), 'projected-'));
      const file = join(directory, 'token');
      const heldBy = async (text: string): Promise<TokenProvider> => {
        await writeFile(file, text);
        return provider(file);
      };
      const values = new Map<string, string>();
      const storage = {
        get: async (key: string) => values.get(key),
        set: async (key: string, value: string) => void values.set(key, value),
      };
      const tokens: string[] = [];
      const acme = { iss: 'https://cluster.example', sub: 'acme' };
      const texts = [
        { ...acme, exp: 1 },
        { ...acme, exp: 2 },
        { ...acme, sub: 'globex' },
      ].map(jwtOf);
      for (const text of [...texts, 'opaque', 'opaque', 'another']) {
        const manager = world.manager({ provider: await heldBy(text), storage });
        tokens.push((await manager.getToken()).accessToken);
      }
      await rm(directory, { recursive: true });
      const [first, successor, globex, opaque, same, another] = tokens;
      expect([successor, same]).toEqual([first, opaque]);
      expect(new Set([first, globex, opaque, another]).size).toBe(4);
    },
  );

  it('two applications of one name, client and store share one whether a certificate is a text or its bytes', async () => {
    const { cert, key } = await createCertificate();
    const provider = (bytes: string | Buffer) => world.provider({ http: { tls: { cert: bytes, key } } });
    expect((await sharing(provider(cert), provider(Buffer.from(cert)))).tokens).toBe(1);
  });

  it.each([
    ['nothing', []],
    ['an empty text', ''],
    ['a list of it', ['acme', '']],
  ])(
    'two applications of one name, client and store are refused an identity of %s, which tells nobody apart',
    (_what, identity) => {
      const provider = world.provider({ identity, compliance: { tokenRequest: tenant('acme') } });
      expect(() => world.manager({ provider })).toThrow(
        'identity must be a text that is not empty, or a list of such.',
      );
      expect(() => new BodyTokenFetcher({ name: 's', baseUrl: world.endpoint.server.origin, identity })).toThrow(
        'identity must be a text that is not empty, or a list of such.',
      );
    },
  );
});
