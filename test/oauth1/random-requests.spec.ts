import { generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import {
  createForgeClient,
  type ForgeHttpClient,
  type ForgeRequest,
  OAuth1Auth,
  type OAuth1AuthOptions,
} from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { json } from '../support/answer.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { verifyRequest } from './verifier.js';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });

/** Requests that are in flight together, and how many times so many are made. */
const BATCH = 50;
const BATCHES = 100;

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ maxLength: 12 }),
  fc.constantFrom('', ' ', '+', '%', '%20', '%2B', '&', '=', "!'()*~", 'é✓', '\r\n', 'oauth', ';,/?:@$[]'),
);
const credential = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter(isAsMeant);
const secret = fc.oneof(text.filter(isAsMeant), credential);
const pairs = fc.array(fc.tuple(text, text), { maxLength: 6 });

/** What shows that a file was read as it is, is refused. */
function isAsMeant(given: string): boolean {
  return !/^\uFEFF|[\r\n]$/.test(given);
}

/** A query or a form, as different programs write it. */
const formEncoded = fc.tuple(pairs, fc.constantFrom(asForm, asUri, loosely)).map(([list, write]) => write(list));

function asForm(list: [string, string][]): string {
  return new URLSearchParams(list).toString();
}

function asUri(list: [string, string][]): string {
  return list.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
}

/** Names without `=`, and characters that need not be encoded. */
function loosely(list: [string, string][]): string {
  return list.map(([name, value]) => encodeURIComponent(name) + (value && `=${harmlessOf(value)}`)).join('&');
}

function harmlessOf(value: string): string {
  return value.replace(/[^\w.~!*'()/:,+@;-]/g, '');
}

const path = fc
  .array(text, { maxLength: 4 })
  .map((segments) => `/p${segments.map((segment) => `/s${encodeURIComponent(segment)}`).join('')}`);

interface Body {
  readonly data: unknown;
  readonly contentType?: string;
  readonly isForm: boolean;
}

const body = fc.oneof(
  fc.constant<Body | undefined>(undefined),
  pairs.map((list): Body => ({ data: new URLSearchParams(list), isForm: true })),
  formEncoded.map((data): Body => ({ data, contentType: 'application/x-www-form-urlencoded', isForm: true })),
  formEncoded.map((data): Body => ({
    data: Buffer.from(data),
    contentType: 'application/x-www-form-urlencoded; charset=UTF-8',
    isForm: true,
  })),
  fc
    .jsonValue()
    .filter((value) => value !== null && typeof value === 'object')
    .map((data): Body => ({ data, isForm: false })),
  fc.uint8Array({ maxLength: 64 }).map((bytes): Body => ({ data: bytes, contentType: 'image/png', isForm: false })),
  text.map((data): Body => ({ data, isForm: false })),
);

const signing = fc.record({
  clientId: credential,
  clientSecret: secret,
  token: fc.option(credential, { nil: undefined }),
  tokenSecret: secret,
  signatureMethod: fc.constantFrom(
    'HMAC-SHA1',
    'HMAC-SHA256',
    'HMAC-SHA512',
    'RSA-SHA1',
    'RSA-SHA256',
    'RSA-SHA512',
    'PLAINTEXT',
  ),
  placement: fc.constantFrom('header', 'query', 'body'),
  realm: fc.option(fc.string({ maxLength: 10 }), { nil: undefined }),
  version: fc.constantFrom('1.0' as const, undefined),
  bodyHash: fc.boolean(),
});

const exchange = fc.record({
  signing,
  body,
  path,
  query: formEncoded,
  params: fc.option(fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), text, { maxKeys: 3 }), { nil: undefined }),
  method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
});
type Exchange = typeof exchange extends fc.Arbitrary<infer T> ? T : never;

describe('5,000 random requests', () => {
  let server: RecordingServer;
  /** One for each transport. */
  let clients: ForgeHttpClient[];
  const transport = new UndiciTransport();
  const judges = new Map<string, (request: RecordedRequest) => void>();

  beforeAll(async () => {
    server = await startServer((request, response) => {
      try {
        judges.get(String(request.headers['x-exchange']))?.(request);
        json(response, 200, {});
      } catch (error) {
        json(response, 401, String(error));
      }
    });
    const service = { name: 'random', baseUrl: server.origin };
    clients = [createForgeClient(service), createForgeClient({ ...service, transport })];
  });

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await transport.close();
    await server.close();
  });

  /** @returns what the verifier says against the request; undefined: nothing */
  async function verdictOn({ signing: options, ...asked }: Exchange, id: string): Promise<unknown> {
    const placement = options.placement === 'body' && asked.body?.isForm !== true ? 'header' : options.placement;
    const { token, tokenSecret, realm, version, ...others } = options;
    const auth = new OAuth1Auth({
      ...others,
      ...(token === undefined ? undefined : { token, tokenSecret }),
      ...(realm === undefined ? undefined : { realm }),
      ...(version === undefined ? undefined : { version }),
      clientKey: privateKey,
      placement,
      bodyHash: options.bodyHash && options.signatureMethod !== 'PLAINTEXT',
    } as OAuth1AuthOptions);
    judges.set(id, (request) => {
      const secrets = { ...options, tokenSecret: token === undefined ? '' : tokenSecret, publicKey };
      const verified = verifyRequest(request, server.origin, secrets);
      expect(verified.placement).toBe(placement);
      expect(verified.oauth['oauth_consumer_key']).toBe(options.clientId);
      expect(verified.oauth['oauth_token']).toBe(token);
      expect(verified.realm).toBe(placement === 'header' ? realm : undefined);
    });
    const call: ForgeRequest = {
      auth,
      method: asked.method,
      url: `${asked.path}${asked.query === '' ? '' : `?${asked.query}`}`,
      ...(asked.params === undefined ? undefined : { params: asked.params }),
      ...(asked.body === undefined ? undefined : { data: asked.body.data }),
      headers: {
        'x-exchange': id,
        ...(asked.body?.contentType === undefined ? undefined : { 'content-type': asked.body.contentType }),
      },
    };
    const client = clients[Number(id) % clients.length];
    const response = await client?.request({ ...call, validateStatus: null });
    return response?.status === 200 ? undefined : response?.data;
  }

  it('5,000 random requests are verified by a server that knows the RFC alone', async () => {
    let made = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(exchange, { minLength: BATCH, maxLength: BATCH }), async (batch) => {
        const verdicts = await Promise.all(batch.map((one) => verdictOn(one, String((made += 1)))));
        judges.clear();
        server.reset();
        expect(verdicts.filter((verdict) => verdict !== undefined)).toEqual([]);
      }),
      { numRuns: BATCHES, endOnFailure: true },
    );
    expect(made).toBe(BATCH * BATCHES);
  }, 180_000);
});
