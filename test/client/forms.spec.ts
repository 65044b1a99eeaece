import { Readable } from 'node:stream';
import { BearerAuth, type ForgeHttpClient, isForgeAuthError } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import type { RecordingServer } from '../support/recording-server.js';
import { Wire } from './wire.js';

const wire = new Wire();
let server: RecordingServer;
let clients: Record<string, ForgeHttpClient>;

beforeAll(async () => {
  server = await wire.server();
  const auth = new BearerAuth('own-token');
  clients = {
    axios: wire.client(server, { auth }),
    undici: wire.client(server, { auth, transport: new UndiciTransport() }),
  };
});
afterEach(() => server.reset());
afterAll(() => wire.close());

const TYPE = { 'content-type': 'multipart/form-data; boundary=x' };

/** A stream of ten bytes, as a library that makes forms would have it. */
function form(getHeaders: () => unknown, more: object = {}): Readable {
  return Object.assign(Readable.from([Buffer.from('0123456789')]), { getHeaders, ...more });
}

type Send = (client: ForgeHttpClient, data: Readable) => Promise<unknown>;
const WAYS: [transport: string, face: string, send: Send][] = ['axios', 'undici'].flatMap(
  (transport): [string, string, Send][] => [
    [transport, 'client', (client, data) => client.post('/here', data)],
    [transport, 'axiosRef', (client, data) => client.axiosRef.post('/here', data)],
  ],
);

describe.each(WAYS)('a form over %s, given to %s', (transport, _face, send) => {
  const post = async (data: Readable): Promise<unknown> => send(clients[transport] as ForgeHttpClient, data);

  it.each<[string, () => Readable]>([
    ['authorization', () => form(() => ({ ...TYPE, authorization: 'Bearer evil' }))],
    ['AUTHORIZATION', () => form(() => ({ ...TYPE, AUTHORIZATION: ['Bearer evil'] }))],
    ['host', () => form(() => ({ ...TYPE, Host: 'evil.example' }))],
    ['transfer-encoding', () => form(() => ({ ...TYPE, 'Transfer-Encoding': 'identity' }))],
    ['a length that is none', () => form(() => ({ ...TYPE, 'content-length': '0xa' }))],
    ['a negative length', () => form(() => ({ ...TYPE, 'content-length': -1 }))],
    ['a list of lengths', () => form(() => ({ ...TYPE, 'content-length': ['10', '3'] }))],
    ['cookies, expectations, upgrades', () => form(() => ({ ...TYPE, cookie: 'a=b', expect: 'x', upgrade: 'h2c' }))],
    ['no headers', () => form(() => undefined)],
    ['null', () => form(() => null)],
    ['a text', () => form(() => 'authorization: evil')],
    ['headers of the platform', () => form(() => new Headers({ ...TYPE, authorization: 'Bearer evil' }))],
    ['a length that fails', () => form(() => TYPE, { getLength: (done: (e: Error) => void) => done(new Error('no')) })],
    [
      'two lengths',
      () => form(() => TYPE, { getLength: (done: (e: null, n: number) => void) => (done(null, 10), done(null, 3)) }),
    ],
  ])('a form that answers %s changes nothing but its content', async (_what, make) => {
    await post(make());
    await post(form(() => TYPE));
    expect(server.requests.map(({ method, path, text }) => [method, path, text])).toEqual([
      ['POST', '/here', '0123456789'],
      ['POST', '/here', '0123456789'],
    ]);
    for (const { headers } of server.requests) {
      expect([headers.authorization, headers.host]).toEqual(['Bearer own-token', server.origin.slice(7)]);
      expect([headers.cookie, headers.expect, headers.upgrade]).toEqual([undefined, undefined, undefined]);
    }
  });

  it.each<[string, () => unknown, RegExp]>([
    ['throws', () => broken(), /the form's getHeaders\(\) threw Error/],
    ['rejects', async () => broken(), /the form's getHeaders\(\) returned a promise/],
    ['answers a promise', async () => TYPE, /the form's getHeaders\(\) returned a promise/],
  ])(
    'a form whose getHeaders() %s fails its call by that name, and ends no process',
    async (_what, getHeaders, message) => {
      const error = await post(form(getHeaders)).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect([error, error?.cause].some((one) => isForgeAuthError(one))).toBe(true);
      expect(error?.message).toMatch(message);
      expect(server.requests).toEqual([]);
    },
  );
});

function broken(): never {
  throw new Error('sealed');
}
