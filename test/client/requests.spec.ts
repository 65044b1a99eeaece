import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { ConfigurationError, InvalidRequestError } from 'nestjs-forge-auth';
import FormDataStream from 'form-data';
import type { RecordedRequest } from '../support/recorded-request.js';
import type { RecordingServer } from '../support/recording-server.js';
import { renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { rejection } from '../support/async.js';
import { Wire } from './wire.js';

const wire = new Wire();
let server: RecordingServer;
beforeEach(async () => {
  server = await wire.server();
});
afterEach(() => wire.close());

function last(): RecordedRequest {
  const request = server.requests.at(-1);
  if (request === undefined) throw new Error('Nothing has arrived.');
  return request;
}

/** The parts of a multipart body, as the standard's own parser reads them. */
async function parts(request: RecordedRequest): Promise<FormData> {
  return new Response(new Uint8Array(request.body), {
    headers: { 'content-type': request.headers['content-type'] ?? '' },
  }).formData();
}

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('a request', () => {
  it.each<[string, 'get' | 'delete' | 'head' | 'options']>([
    ['GET', 'get'],
    ['DELETE', 'delete'],
    ['HEAD', 'head'],
    ['OPTIONS', 'options'],
  ])('a request is a %s without a body', async (method, name) => {
    await wire.client(server)[name]('/a/b');
    expect(last()).toMatchObject({ method, url: '/a/b', text: '' });
    expect(last().headers).not.toHaveProperty('content-type');
  });

  it.each<[string, 'post' | 'put' | 'patch']>([
    ['POST', 'post'],
    ['PUT', 'put'],
    ['PATCH', 'patch'],
  ])('a request is a %s with a body', async (method, name) => {
    await wire.client(server)[name]('/a', { b: 1 });
    expect(last()).toMatchObject({ method, url: '/a', text: '{"b":1}' });
    expect(last().headers).toMatchObject({ 'content-type': 'application/json', 'content-length': '7' });
  });

  it('a request goes below the path of the base URL', async () => {
    const client = wire.client({ origin: `${server.origin}/api/` });
    await client.get('/a');
    await client.get('b');
    await client.get('');
    expect(server.requests.map(({ url }) => url)).toEqual(['/api/a', '/api/b', '/api/']);
  });

  it('writes query parameters as axios does', async () => {
    const params = { list: [1, 'b'], nested: { a: { b: 1 } }, date: new Date(0), none: null, text: 'a b&c=ä' };
    await wire.client(server).get('/a?x=1', { params });
    expect([...last().query]).toEqual([
      ['x', '1'],
      ['list[]', '1'],
      ['list[]', 'b'],
      ['nested[a][b]', '1'],
      ['date', '1970-01-01T00:00:00.000Z'],
      ['text', 'a b&c=ä'],
    ]);
  });

  it('carries the parameters of its service, every value of a list, beside those of the call', async () => {
    const client = wire.client(server, { params: { tenant: 'a', ids: [1, 2], page: 1 } });
    await client.get('/a', { params: { page: 2 } });
    expect([...last().query]).toEqual([
      ['page', '2'],
      ['tenant', 'a'],
      ['ids[]', '1'],
      ['ids[]', '2'],
    ]);
  });

  it('a request may have any parts', async () => {
    await wire.client(server).request({ method: 'report', url: '/a', data: 'x', headers: { 'X-A': 1 } });
    expect(last()).toMatchObject({ method: 'REPORT', text: 'x' });
    expect(last().headers).toMatchObject({ 'x-a': '1' });
  });
});

describe('headers', () => {
  it('headers of the call are merged over those of the service; null leaves one out', async () => {
    const client = wire.client(server, { headers: { 'X-Tenant': 'a', 'X-Trace': 'b', 'X-List': ['1', '2'] } });
    await client.get('/', { headers: { 'x-tenant': 'c', 'X-TRACE': null, 'x-other': true } });
    expect(last().headers).toMatchObject({ 'x-tenant': 'c', 'x-other': 'true', 'x-list': '1, 2' });
    expect(last().headers).not.toHaveProperty('x-trace');
  });

  it('headers arrive as they are, up to the end of Latin-1', async () => {
    await wire.client(server).get('/', { headers: { 'x-name': 'Zoë\tÿ "quoted"; a=b' } });
    expect(last().headers['x-name']).toBe('Zoë\tÿ "quoted"; a=b');
  });

  it.each<[string, Record<string, string>]>([
    ['a value', { 'x-a': 'a\r\nx-injected: 1' }],
    ['a value after a bare line feed', { 'x-a': 'a\nx-injected: 1' }],
    ['a name', { 'x-a: 1\r\nx-injected': '1' }],
  ])('headers cannot be injected by %s', async (_name, headers) => {
    await expect(wire.client(server).get('/', { headers })).rejects.toBeInstanceOf(InvalidRequestError);
    expect(server.requests).toHaveLength(0);
  });

  it.each<[string, Record<string, string>]>([
    ['a line break', { 'x-a': 'canary-header-value\n' }],
    ['a character beyond Latin-1', { 'x-a': 'canary-header-value日本' }],
    ['a name that is none', { 'x a': 'canary-header-value' }],
  ])('headers of the service with %s are refused at once', async (_name, headers) => {
    const error = await rejection(wire.client(server, { headers }).get('/'));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(/^Service "orders": headers\.(?:x-a|\[invalid name\]) has/);
    expectNoSecrets(renderError(error), ['canary-header-value']);
    expect(server.connections).toBe(0);
  });

  it.each<[string, Record<string, string>, unknown]>([
    ['a length that is too small', { 'content-length': '1' }, 'a body'],
    ['a length that is too large', { 'content-length': '100' }, 'a body'],
    ['a length of no body', { 'content-length': '6' }, undefined],
    ['a length in other words', { 'content-length': '0x6' }, 'a body'],
    ['two lengths', { 'content-length': '6, 6' }, 'a body'],
    ['another coding', { 'transfer-encoding': 'chunked' }, 'a body'],
    [
      'a length and another coding',
      { 'content-length': '6', 'transfer-encoding': 'chunked' },
      () => Readable.from('a body'),
    ],
  ])('headers cannot smuggle a second request behind %s', async (_name, headers, data) => {
    const attempt = wire.client(server).post('/', data, { headers });
    await expect(attempt).rejects.toBeInstanceOf(InvalidRequestError);
    await expect(attempt).rejects.toThrow('does not fit the body: leave both out');
    expect(server.connections).toBe(0);
  });

  it('headers may state the length of the body', async () => {
    const client = wire.client(server);
    await client.post('/', 'ä', { headers: { 'Content-Length': 2 } });
    await client.post('/', Readable.from(['abc']), { headers: { 'Content-Length': '3' } });
    await client.post('/', undefined, { headers: { 'Content-Length': '0' } });
    expect(server.requests.map(({ text, headers }) => [text, headers['content-length']])).toEqual([
      ['ä', '2'],
      ['abc', '3'],
      ['', '0'],
    ]);
  });

  it('headers cannot be injected by a path, a method or a parameter', async () => {
    const client = wire.client(server);
    await expect(client.get('/a HTTP/1.1\r\nx-injected: 1')).rejects.toBeInstanceOf(InvalidRequestError);
    await expect(client.request({ method: 'GET / HTTP/1.1\r\n' })).rejects.toBeInstanceOf(InvalidRequestError);
    await client.get('/', { params: { a: 'b HTTP/1.1\r\nx-injected: 1' } });
    expect(server.requests).toHaveLength(1);
    expect(last().query.get('a')).toBe('b HTTP/1.1\r\nx-injected: 1');
    expect(last().headers).not.toHaveProperty('x-injected');
  });
});

describe('a body', () => {
  const bytes = Buffer.from([0, 1, 2, 255, 254, 10, 13]);

  it.each<[string, () => unknown, Buffer | string, string | undefined]>([
    ['an object', () => ({ a: 'ä' }), '{"a":"ä"}', 'application/json'],
    ['an array', () => [1], '[1]', 'application/json'],
    [
      'URLSearchParams',
      () => new URLSearchParams({ a: 'b c', d: 'ä' }),
      'a=b+c&d=%C3%A4',
      'application/x-www-form-urlencoded;charset=utf-8',
    ],
    ['text', () => 'ä', 'ä', 'text/plain;charset=utf-8'],
    ['a Buffer', () => bytes, bytes, undefined],
    ['a Uint8Array', () => new Uint8Array(bytes), bytes, undefined],
    ['a window into a larger array', () => new Uint8Array([9, ...bytes, 9]).subarray(1, 8), bytes, undefined],
    ['an ArrayBuffer', () => new Uint8Array(bytes).buffer, bytes, undefined],
    ['a Blob', () => new Blob([bytes], { type: 'image/png' }), bytes, 'image/png'],
    ['a Readable', () => Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]), bytes, undefined],
    ['a ReadableStream', () => new Blob([bytes]).stream(), bytes, undefined],
    ['a function that makes one', () => () => bytes, bytes, undefined],
    ['an asynchronous function', () => async () => ({ a: 1 }), '{"a":1}', 'application/json'],
    ['a function that opens a stream', () => () => Readable.from([bytes]), bytes, undefined],
  ])('a body of %s arrives as it is', async (_name, make, expected, contentType) => {
    await wire.client(server).post('/', make());
    expect(last().body).toEqual(Buffer.from(expected));
    expect(last().headers['content-type']).toBe(contentType);
  });

  it('a body is labelled as the call says', async () => {
    await wire.client(server).post('/', bytes, { headers: { 'Content-Type': 'application/octet-stream' } });
    expect(last().headers['content-type']).toBe('application/octet-stream');
  });

  it('a body of an object is a form where the content type says so', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await wire.client(server).post('/', { a: 'b c', list: [1, 2] }, { headers });
    expect(last().text).toBe('a=b+c&list=1&list=2');
  });

  it.each([undefined, 'multipart/form-data', 'application/json'])(
    'a body of FormData is multipart, with the boundary that it has, beside a content type of %s',
    async (contentType) => {
      const form = new FormData();
      form.append('text', 'ä');
      form.append('blob', new Blob([bytes]));
      form.append('file', new File([bytes], 'ä".bin', { type: 'image/png' }));
      const headers = contentType === undefined ? {} : { 'content-type': contentType };
      await wire.client(server).post('/', form, { headers });
      const received = await parts(last());
      expect(received.get('text')).toBe('ä');
      expect(received.get('file')).toMatchObject({ name: 'ä".bin', type: 'image/png' });
      expect(Buffer.from(await (received.get('blob') as File).arrayBuffer())).toEqual(bytes);
    },
  );

  it('a body of the form-data package is multipart, streams in it included', async () => {
    const form = new FormDataStream();
    form.append('text', 'ä');
    form.append('file', Readable.from([bytes]), { filename: 'a.bin', contentType: 'image/png' });
    await wire.client(server).post('/', form);
    const received = await parts(last());
    expect(received.get('text')).toBe('ä');
    expect(Buffer.from(await (received.get('file') as File).arrayBuffer())).toEqual(bytes);
  });

  it.each<[string, (content: Buffer) => unknown]>([
    ['in memory', (content) => content],
    ['as a stream', (content) => Readable.from([content.subarray(0, 7), content.subarray(7)])],
  ])('a body of 20 MB arrives whole %s', async (_name, make) => {
    const content = randomBytes(20_000_000);
    await wire.client(server).put('/', make(content));
    expect(last().body).toHaveLength(content.length);
    expect(hash(last().body)).toBe(hash(content));
  });

  it('fails the call, and sends nothing, for a stream that has failed before it is sent', async () => {
    const stream = new Readable({ read() {} });
    stream.once('error', () => undefined).destroy(new Error('no such file'));
    await new Promise((resolve) => stream.once('close', resolve));
    await expect(wire.client(server).post('/', stream)).rejects.toBeInstanceOf(InvalidRequestError);
    expect(server.requests).toHaveLength(0);
  });

  it('fails the call for a stream that was read before', async () => {
    const stream = Readable.from([bytes]);
    const client = wire.client(server);
    await client.post('/', stream);
    await expect(client.post('/', stream)).rejects.toBeInstanceOf(InvalidRequestError);
    expect(server.requests).toHaveLength(1);
  });

  it('a body that fails on its way fails the call', async () => {
    const stream = Readable.from(
      (async function* () {
        yield bytes;
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw new Error('disk gone');
      })(),
    );
    await expect(wire.client(server).post('/', stream)).rejects.toMatchObject({ code: 'FORGE_AUTH_INVALID_REQUEST' });
  });

  it('fails the call when a function cannot make its body, and hides the message in production', async () => {
    const asked = wire.client(server, {}, { revealCauses: false }).post('/', () => {
      throw new RangeError('canary-in-the-message');
    });
    const error = await rejection(asked);
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error.message).toContain('RangeError');
    expectNoSecrets(renderError(error), ['canary-in-the-message']);
    expect(server.requests).toHaveLength(0);
  });
});
