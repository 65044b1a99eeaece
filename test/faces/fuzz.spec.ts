import {
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  dictionary,
  integer,
  json,
  oneof,
  record,
  string,
  stringMatching,
  tuple,
  uint8Array,
} from 'fast-check';
import { inspect, isDeepStrictEqual } from 'node:util';
import { type AxiosInstance, create } from 'axios';
import { firstValueFrom } from 'rxjs';
import { BearerAuth, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';

const RUNS = 150;

/** Text of every kind: plain, Unicode, control characters, what means something in a URL. */
const text = oneof(
  string({ maxLength: 20 }),
  string({ unit: 'binary', maxLength: 10 }),
  array(
    constantFrom('/', '\\', '?', '#', '@', ':', '%', '&', '=', '+', '..', '%2F', '\r\n', '\0', ' ', 'a', 'é', '[', ']'),
    { maxLength: 8 },
  ).map((parts) => parts.join('')),
);
const value = oneof(
  text,
  integer(),
  boolean(),
  constant(null),
  array(text, { maxLength: 3 }),
  dictionary(text, text, { maxKeys: 2 }),
);
const params = dictionary(text, value, { maxKeys: 4 });
const headerName = stringMatching(/^x-[a-z0-9-]{1,8}$/);
const headers = dictionary(oneof(headerName, text), oneof(text, integer()), { maxKeys: 3 });
const data = oneof(
  text,
  uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  json().map((encoded) => JSON.parse(encoded) as unknown),
  dictionary(string({ minLength: 1, maxLength: 5 }), string({ maxLength: 5 })).map(
    (pairs) => new URLSearchParams(pairs),
  ),
);

describe('any request', () => {
  let service: RecordingServer;
  let stranger: RecordingServer;
  let client: ForgeHttpClient;
  let plain: AxiosInstance;

  beforeAll(async () => {
    [service, stranger] = await Promise.all([startServer(ok), startServer(ok)]);
    client = createForgeClient({ name: 'fuzzed', baseUrl: service.origin, auth: new BearerAuth('own-credential') });
    plain = create({ baseURL: service.origin, headers: { authorization: 'Bearer own-credential' }, maxRedirects: 0 });
  });

  afterAll(async () => {
    await client.close();
    await Promise.all([service.close(), stranger.close()]);
  });

  it.each([
    ['axiosRef', (c: ForgeHttpClient) => c.axiosRef.request.bind(c.axiosRef)],
    ['httpService', (c: ForgeHttpClient) => (config: object) => firstValueFrom(c.httpService.request(config))],
  ])('any request goes over the wire through %s as axios would send it, or fails typed', async (_name, face) => {
    const request = face(client);
    await assert(
      asyncProperty(record({ params, data, headers }), async (parts) => {
        const config = { method: 'post', url: '/fuzz', ...parts, headers: parts.headers as Record<string, string> };
        const expected = await sent(() => plain.request({ ...config, headers: { ...config.headers } }));
        const observed = await sent(() => request({ ...config, headers: { ...config.headers } }));
        const same = observed instanceof Error ? isTyped(observed) : isDeepStrictEqual(observed, expected);
        if (!same)
          throw new Error(`${inspect(observed, { depth: 5 })}\n instead of\n${inspect(expected, { depth: 5 })}`);
      }),
      { numRuns: RUNS },
    );
  });

  it.each([
    ['client.request', (url: string, init: object) => client.request({ url, ...init })],
    ['axiosRef', (url: string, init: object) => client.axiosRef.request({ url, ...init })],
    ['fetch', (url: string, init: object) => client.fetch(url, init)],
    ['httpService', (url: string, init: object) => firstValueFrom(client.httpService.request({ url, ...init }))],
  ])('reaches its own origin through %s, or fails with an error', async (_name, send) => {
    const url = oneof(
      text,
      text.map((path) => `//${new URL(stranger.origin).host}/${path}`),
      text.map((path) => `${stranger.origin}${path}`),
      tuple(text, text).map(([before, after]) => `http://${before}${new URL(stranger.origin).host}${after}`),
      text.map((path) => `${service.origin}${path}`),
    );
    await assert(
      asyncProperty(url, headers, async (target, given) => {
        const result: unknown = await send(target, { headers: given }).catch((error: unknown) => error);
        if (result instanceof Error && !isTyped(result)) throw result;
        if (stranger.requests.length > 0) throw new Error(`"${target}" reached a stranger.`);
      }),
      { numRuns: RUNS },
    );
  });

  async function sent(send: () => Promise<unknown>): Promise<unknown> {
    service.reset();
    try {
      await send();
    } catch (error) {
      return error;
    }
    return service.requests.map(seen);
  }
});

/** By the package's own code, or as an AxiosError or a TypeError that has such an error as its cause. */
function isTyped(error: Error): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return [code, (cause as { code?: unknown } | undefined)?.code].some((word) => String(word).startsWith('FORGE_AUTH_'));
}

function seen({ method, url, headers: received, body }: RecordedRequest): unknown {
  const { host: _host, connection: _connection, ...rest } = received;
  // The one character that a URL parser writes otherwise in a query: the same to every server.
  return { method, url: url.replaceAll('%27', "'"), headers: rest, body: body.toString('hex') };
}

function ok(_request: unknown, response: { end(body: string): void }): void {
  response.end('ok');
}
