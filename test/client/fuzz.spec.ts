import * as fc from 'fast-check';
import {
  ApiKeyAuth,
  BearerAuth,
  createForgeClient,
  ForgeAuthError,
  type ForgeHttpClient,
  type RequestConfig,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';

const SECRET = 'canary-credential-value';
const KEY = 'canary-api-key-value';

let own: RecordingServer;
let other: RecordingServer;
let clients: ForgeHttpClient[];
beforeAll(async () => {
  own = await startServer((_request, response) => give(response, { json: { ok: true } }));
  other = await startServer((_request, response) => give(response, { json: { ok: true } }));
  clients = [
    createForgeClient({ name: 'bearer', baseUrl: `${own.origin}/api`, auth: new BearerAuth(SECRET), timeoutMs: 5_000 }),
    createForgeClient({
      name: 'key',
      baseUrl: own.origin,
      auth: new ApiKeyAuth(KEY, { in: 'query', headerName: 'key' }),
      params: { tenant: 'ä b', ids: [1, 2] },
      timeoutMs: 5_000,
    }),
  ];
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await own.close();
  await other.close();
});

function expectTyped(error: unknown): void {
  expect(error).toBeInstanceOf(ForgeAuthError);
  expectNoSecrets(renderError(error), [SECRET, KEY]);
}

/** Refused as it was given: nothing has reached the server. */
function expectRefusal({ code }: ForgeAuthError, before: number): void {
  expect(['FORGE_AUTH_INVALID_REQUEST', 'FORGE_AUTH_ORIGIN_NOT_ALLOWED']).toContain(code);
  expect(own.count()).toBe(before);
}

/** Makes one call: answers its request as the server saw it, or undefined where the call failed as it should. */
async function attempt(client: ForgeHttpClient, url: string, config: RequestConfig = {}): Promise<string | undefined> {
  const before = own.count();
  try {
    await client.get(url, config);
  } catch (error) {
    expectTyped(error);
    expectRefusal(error as ForgeAuthError, before);
    return undefined;
  }
  expect(own.count()).toBe(before + 1);
  return own.requests.at(-1)?.url;
}

function expectNothingElsewhere(): void {
  for (const request of other.requests) {
    expectNoSecrets(JSON.stringify(request.rawHeaders) + request.url, [SECRET, KEY]);
  }
}

const anyClient = fc.constantFrom(0, 1);

/** Texts that look like URLs, hosts of ours and others' included. */
const hostile = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab/.?#&=%2Ee@:\\ \t~\'"é[]{}|^;,+\r\n\0') }),
  fc.string({ unit: 'binary' }),
  fc
    .tuple(
      fc.constantFrom('', 'http:', 'HTTP://', 'http://', 'https://', '//', '\\\\', '/\\', 'http:/', 'javascript:', ' '),
      fc.constantFrom(
        'OWN',
        'OTHER',
        'OWN@OTHER',
        'OTHER@OWN',
        'OWN\\@OTHER',
        'OWN#@OTHER',
        'OWN.OTHER',
        'OTHER%2F@OWN',
      ),
      fc.constantFrom('', '/', '/api/../..', '/%2e%2e/', '?a=b', '#c', '\\..\\', ':80/', '/\r\n'),
    )
    .map((parts) => parts.join('')),
);
const withHosts = (text: string): string =>
  text.replaceAll('OWN', new URL(own.origin).host).replaceAll('OTHER', new URL(other.origin).host);

describe('any URL', () => {
  it('any URL is called at the service’s own origin, or refused; no credential goes anywhere else', async () => {
    await fc.assert(
      fc.asyncProperty(anyClient, hostile, async (which, text) => {
        const [client, url] = [clients[which] as ForgeHttpClient, withHosts(text)];
        const sent = await attempt(client, url);
        if (sent === undefined) return;
        expect(sent.startsWith('/')).toBe(true);
        expect(sent).toMatch(/^[\x21-\x7e]+$/);
      }),
      { numRuns: 400 },
    );
    expectNothingElsewhere();
    expect(other.count()).toBe(0);
  });

  it('any URL without a credential may go elsewhere, and takes none along', async () => {
    await fc.assert(
      fc.asyncProperty(anyClient, hostile, async (which, text) => {
        const client = clients[which] as ForgeHttpClient;
        await client.get(withHosts(text), { auth: false, timeoutMs: 2_000 }).catch(expectTyped);
      }),
      { numRuns: 200 },
    );
    expectNothingElsewhere();
  });

  it('any URL that a service redirects to takes no credential along', async () => {
    own.handler = ({ query, path }, response) => {
      const location = Buffer.from(query.get('to') ?? '', 'base64').toString('latin1');
      const header = location.replace(/[^\t\x20-\x7e\x80-\xff]/g, '');
      give(response, path.endsWith('/from') ? { status: 302, headers: { location: header } } : { json: {} });
    };
    await fc.assert(
      fc.asyncProperty(anyClient, hostile, async (which, text) => {
        const client = clients[which] as ForgeHttpClient;
        const to = Buffer.from(withHosts(text), 'latin1').toString('base64');
        await client
          .get('/from', { params: { to }, validateStatus: null, maxRedirects: 3, timeoutMs: 2_000 })
          .catch(expectTyped);
      }),
      { numRuns: 300 },
    );
    own.handler = (_request, response) => give(response, { json: {} });
    expectNothingElsewhere();
  });
});

describe('any parameters', () => {
  const scalar = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string(), fc.integer(), fc.boolean());
  const names = fc
    .string({ unit: 'grapheme', minLength: 1 })
    .filter((name) => !/[[\]{}]/.test(name) && name === name.trim());

  it('any parameters arrive as they were given', async () => {
    const given = fc.dictionary(
      names.filter((name) => !['key', 'tenant', 'ids'].includes(name)),
      scalar,
      { maxKeys: 5 },
    );
    await fc.assert(
      fc.asyncProperty(anyClient, given, async (which, params) => {
        const url = await attempt(clients[which] as ForgeHttpClient, '/a', { params });
        if (url === undefined) throw new Error('These parameters can be sent.');
        const query = new URLSearchParams(url.split('?')[1]);
        for (const [name, value] of Object.entries(params)) expect(query.getAll(name)).toEqual([String(value)]);
        expect([...query].length).toBe(Object.keys(params).length + (which === 0 ? 0 : 4));
        expect(query.get('key')).toBe(which === 0 ? null : KEY);
        expect(query.getAll('ids[]')).toEqual(which === 0 ? [] : ['1', '2']);
      }),
      { numRuns: 300 },
    );
  });

  it('any parameters of any kind arrive, or are refused', async () => {
    await fc.assert(
      fc.asyncProperty(anyClient, fc.anything({ maxDepth: 3, withDate: true, withBigInt: true }), async (which, a) => {
        const params = { a };
        await attempt(clients[which] as ForgeHttpClient, '/a', { params });
      }),
      { numRuns: 300 },
    );
  });
});

describe('any headers', () => {
  /** Of their own meaning for HTTP, or written by the client. */
  const reserved =
    /^(?:host|connection|transfer-encoding|content-length|expect|upgrade|trailer|te|keep-alive|accept-encoding|authorization|cookie|age|etag|expires|from|if-.*|last-modified|location|max-forwards|proxy-.*|referer|retry-after|server|set-cookie|user-agent|content-type)$/i;
  const names = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.~!#$%&*+^`|'), minLength: 1, maxLength: 12 }),
    fc.string({ maxLength: 8 }),
    fc.constantFrom('__proto__', 'constructor', 'get', 'set', 'has', 'delete', 'toString', 'x-a\r\nx-b', 'toJSON'),
  );
  const values = fc.oneof(
    fc.string({ unit: 'binary-ascii' }),
    fc.string({ unit: 'grapheme' }),
    fc.string().map((text) => `${text}\r\nx-injected: 1`),
  );

  it('any headers arrive as they were given, or are refused', async () => {
    const given = fc.array(fc.tuple(names, values), { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs));
    await fc.assert(
      fc.asyncProperty(anyClient, given, async (which, headers) => {
        fc.pre(!Object.keys(headers).some((name) => reserved.test(name)));
        fc.pre(new Set(Object.keys(headers).map((name) => name.toLowerCase())).size === Object.keys(headers).length);
        const url = await attempt(clients[which] as ForgeHttpClient, '/a', { headers });
        if (url === undefined) return;
        const raw = own.requests.at(-1)?.rawHeaders ?? [];
        const received = new Map<string, string>();
        for (let at = 0; at < raw.length; at += 2) received.set((raw[at] ?? '').toLowerCase(), raw[at + 1] ?? '');
        for (const [name, value] of Object.entries(headers)) {
          expect(received.get(name.toLowerCase())).toBe(value.replace(/^[\t ]+|[\t ]+$/g, ''));
        }
        expect(received.has('x-injected')).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
