import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { json } from '../support/answer.js';
import { builtPackage } from '../support/built-package.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { sign, type SigningKey, signingKey } from '../users/signed-tokens.js';

/**
 * Specs run in a realm of their own: what they write to their `Object.prototype` is none of Node's. Here it is: names that
 * are read of the environment, of headers, of options of Node's sockets and streams, and of objects of ours.
 */
const NAMES = `
  HTTP_PROXY http_proxy ALL_PROXY all_proxy HTTPS_PROXY NO_PROXY
  location authorization content-type content-length set-cookie www-authenticate retry-after
  toJSON accessTokenField around attempts clock createSignal createLock contentType keyParts reread observe onClose
  overridingTokens protectedRequest tokenRequest tokenResponse sentCredentials written check client_secret_basic
  final flush autoAllocateChunkSize cancel localAddress keepAlive keepAliveInitialDelay
`
  .trim()
  .split(/\s+/);

/** What nothing of ours can keep away: undici copies functions of ours as JSON, and asks them. */
const OF_LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  'axios function': [],
  'undici function': ['toJSON'],
};

let server: RecordingServer;
let directory: string;
let key: SigningKey;

beforeAll(async () => {
  directory = dirname(await builtPackage());
  key = await signingKey('first');
  server = await startServer(async ({ path, text }, response) => {
    const { origin } = server;
    const now = Math.floor(Date.now() / 1_000);
    if (path === '/moved') return void response.writeHead(302, { location: '/here' }).end();
    if (path === '/.well-known/openid-configuration') {
      const at = (name: string): object => ({ [`${name}_endpoint`]: `${origin}/${name}` });
      return json(response, 200, {
        issuer: origin,
        jwks_uri: `${origin}/jwks`,
        token_endpoint_auth_methods_supported: ['client_secret_basic'],
        ...at('authorization'),
        ...at('token'),
        ...at('userinfo'),
        ...at('introspection'),
        ...at('revocation'),
      });
    }
    if (path === '/jwks') return json(response, 200, { keys: [key.jwk] });
    if (path === '/userinfo') return json(response, 200, { sub: 'alice' });
    if (path === '/introspection') return json(response, 200, { active: true });
    if (path !== '/token') return json(response, 200, { ok: true });
    const nonce = new URLSearchParams(text).get('code') ?? undefined;
    const claims = { iss: origin, sub: 'alice', aud: 'app', iat: now, exp: now + 300 };
    json(response, 200, {
      access_token: 'issued',
      token_type: 'Bearer',
      expires_in: 3_600,
      ...(nonce !== undefined && { id_token: await sign(key, { ...claims, nonce }) }),
    });
  });
}, 120_000);
afterAll(() => server.close());

/** What differs from run to run is left out. */
function wire(from: number, to?: number): unknown {
  return server.requests
    .slice(from, to)
    .map(({ method, url, text, headers: { host: _host, authorization, 'content-length': _length, ...headers } }) => [
      method,
      url,
      text.replace(/\b(code|code_verifier)=[^&]*/g, '$1'),
      { ...headers, authorization: authorization?.replace(/(?<=OAuth ).*/, '') },
    ]);
}

it.each([
  ['axios', 'function'],
  ['axios', 'address'],
  ['undici', 'function'],
  ['undici', 'address'],
])(
  'over %s, no call fails or changes on the wire where Object.prototype has a %s',
  async (transport, kind) => {
    server.reset();
    const own = OF_LIBRARIES[`${transport} ${kind}`] ?? [];
    const names = NAMES.filter((name) => !own.includes(name));
    const script = join(import.meta.dirname, 'polluted-process.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [
      script,
      directory,
      server.origin,
      transport,
      names.join(','),
      kind,
    ]);
    const [asEver, ...polluted] = stdout.trimEnd().split('\n');
    expect(asEver).toMatch(/^\[.*true.*\]$/);
    expect(polluted.join('\n')).toBe(asEver);
    const middle = server.requests.findIndex(({ path }) => path === '/polluted');
    expect(middle).toBeGreaterThan(15);
    expect(wire(middle + 1)).toEqual(wire(0, middle));
  },
  60_000,
);
