import { createHash, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import {
  ApiKeyAuth,
  BearerAuth,
  ConnectionError,
  ExponentialBackoffRetryStrategy,
  HttpStatusError,
  ResponseParseError,
} from 'nestjs-forge-auth';
import { give, type PlainAnswer } from '../support/answer.js';
import { renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { rejection, until } from '../support/async.js';
import { SERVICE, Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

const SECRET = 'canary-credential-value';

function answering(answer: PlainAnswer): ReturnType<Wire['server']> {
  return wire.server((_request, response) => give(response, answer));
}

async function read(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const label = (contentType: string): { headers: Record<string, string> } => ({
  headers: { 'content-type': contentType },
});

describe('an answer', () => {
  it.each<[string, PlainAnswer, unknown]>([
    ['JSON', { json: { a: 'ä' } }, { a: 'ä' }],
    [
      'JSON in Latin-1',
      { ...label('application/json; charset=iso-8859-1'), body: Buffer.from('"\xe4"', 'latin1') },
      'ä',
    ],
    ['JSON labelled as text', { ...label('text/html'), body: '{"a":1}' }, { a: 1 }],
    ['text', { ...label('text/plain'), body: 'ä' }, 'ä'],
    ['lines of JSON', { ...label('application/x-ndjson'), body: '{"a":1}\n{"a":2}' }, '{"a":1}\n{"a":2}'],
    ['nothing', label('application/json'), undefined],
    ['204', { status: 204 }, undefined],
    ['JSON null', { ...label('application/json'), body: 'null' }, null],
  ])('an answer of %s is read by its label', async (_name, answer, data) => {
    const response = await wire.client(await answering(answer)).get('/');
    expect(response.data).toEqual(data);
  });

  it('an answer is text where text is asked for, bytes where bytes are', async () => {
    const client = wire.client(await answering({ json: { a: 'ä' } }));
    await expect(client.get('/', { responseType: 'text' })).resolves.toMatchObject({ data: '{"a":"ä"}' });
    await expect(client.get('/', { responseType: 'arraybuffer' })).resolves.toMatchObject({
      data: Buffer.from('{"a":"ä"}'),
    });
  });

  it.each(['{"a":', '<html>', ' '])('an answer that is labelled JSON and is %j fails the call', async (body) => {
    const client = wire.client(await answering({ ...label('application/json'), body }));
    const error = await rejection(client.get('/a?q=1'));
    expect(error).toBeInstanceOf(ResponseParseError);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_RESPONSE_PARSE', serviceName: SERVICE });
    await expect(client.get('/', { responseType: 'text' })).resolves.toMatchObject({ data: body });
  });

  it('an answer to a HEAD has no body, whatever its headers say', async () => {
    const server = await wire.server((_request, response) => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': 100,
        'content-encoding': 'gzip',
      });
      response.end();
    });
    const response = await wire.client(server).head('/');
    expect(response).toMatchObject({ status: 200, data: undefined });
    expect(response.headers).toMatchObject({ 'content-length': '100' });
  });

  it.each<[string, (text: string) => Buffer]>([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
  ])('an answer in %s is decompressed', async (encoding, compress) => {
    const server = await answering({
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
      body: compress('{"a":1}'),
    });
    const client = wire.client(server);
    await expect(client.get('/')).resolves.toMatchObject({ data: { a: 1 } });
    const { data } = await client.get<Readable>('/', { responseType: 'stream' });
    expect(String(await read(data))).toBe('{"a":1}');
    expect(server.requests[0]?.headers['accept-encoding']).toContain(encoding.replace('x-', ''));
  });

  it.each(['gzip', 'br', 'deflate'])('an answer in broken %s fails the call', async (encoding) => {
    const server = await answering({ headers: { 'content-encoding': encoding }, body: 'not compressed at all' });
    await expect(wire.client(server).get('/')).rejects.toBeInstanceOf(ResponseParseError);
  });

  it('an answer that is cut off fails the call as a failure of the network', async () => {
    const server = await wire.server((_request, response) => give(response, 'truncate'));
    await expect(wire.client(server).get('/')).rejects.toBeInstanceOf(ConnectionError);
  });

  it('an answer of 20 MB arrives whole, in memory or as a stream', async () => {
    const body = randomBytes(20_000_000);
    const client = wire.client(await answering({ body }));
    const { data } = await client.get<Buffer>('/', { responseType: 'arraybuffer' });
    expect(hash(data)).toBe(hash(body));
    const streamed = await client.get<Readable>('/', { responseType: 'stream' });
    expect(hash(await read(streamed.data))).toBe(hash(body));
  });

  it.each(['json', 'stream'] as const)(
    'an answer larger than maxContentLength is given up: %s',
    async (responseType) => {
      const server = await wire.server((_request, response) => give(response, 'endless'));
      const client = wire.client(server, { maxContentLength: 100_000 });
      const asked = client.get('/', { responseType }).then(({ data }) => read(data as Readable));
      await expect(asked).rejects.toMatchObject({ code: 'FORGE_AUTH_RESPONSE_TOO_LARGE' });
      await until(() => server.openConnections === 0, 'the connection is closed');
    },
  );

  it('an answer as large as maxContentLength is taken', async () => {
    const client = wire.client(await answering({ body: 'x'.repeat(100) }), { maxContentLength: 100 });
    await expect(client.get('/')).resolves.toMatchObject({ data: 'x'.repeat(100) });
  });
});

describe('a response', () => {
  it('a response has status, headers, URL, time and attempts', async () => {
    let asked = 0;
    const server = await wire.server((_request, response) => {
      give(response, (asked += 1) < 3 ? { status: 503 } : { status: 201, headers: { 'X-Trace': 't' }, json: [] });
    });
    const retry = new ExponentialBackoffRetryStrategy({ baseDelayMs: 1 });
    const response = await wire.client(server, { retry }).get('/a?b=c');
    expect(response).toMatchObject({
      status: 201,
      headers: { 'x-trace': 't' },
      url: `${server.origin}/a?b=c`,
      attempts: 3,
      isSuccess: true,
    });
    expect(response.elapsedMs).toBeGreaterThanOrEqual(0);
    expect(server.count()).toBe(3);
  });

  it.each([
    ['a header', new BearerAuth(SECRET)],
    ['the query', new ApiKeyAuth(SECRET, { in: 'query', headerName: 'key' })],
  ])('a response shows its request without a credential in %s', async (_place, auth) => {
    const server = await answering({ json: {} });
    const response = await wire
      .client(server, { auth })
      .post('/a?b=c', { d: SECRET }, { headers: { 'x-own': SECRET } });
    const { request } = response;
    expect(request).toMatchObject({ method: 'POST', url: `${server.origin}/a` });
    expect(request.toCurl()).toContain(`curl -X 'POST'`);
    expect(response.url).toBe(`${server.origin}/a?b=c`);
    expectNoSecrets(request.toCurl() + JSON.stringify(request) + inspect(response, { depth: 10 }), [SECRET]);
  });

  it('names the URL that answered, after a redirect', async () => {
    const server = await wire.server((request, response) =>
      give(response, request.path === '/a' ? { status: 302, headers: { location: '/b?c=d' } } : { json: {} }),
    );
    const auth = new ApiKeyAuth(SECRET, { in: 'query', headerName: 'key' });
    const response = await wire.client(server, { auth }).get('/a');
    expect(response.url).toBe(`${server.origin}/b?c=d`);
    expect(server.requests.map(({ query }) => query.get('key'))).toEqual([SECRET, SECRET]);
  });
});

describe('a status', () => {
  it.each([199 + 101, 304, 400, 404, 500, 599])('a status of %d fails the call by default', async (status) => {
    const client = wire.client(await answering({ status }));
    const error = await rejection<HttpStatusError>(client.get('/a?q=1'));
    expect(error).toBeInstanceOf(HttpStatusError);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_HTTP_STATUS', status, serviceName: SERVICE, attempts: 1 });
    expect(error.message).toMatch(new RegExp(`^GET http://127\\.0\\.0\\.1:\\d+/a answered ${status} `));
  });

  it('a status is judged by the service, or by the call', async () => {
    const client = wire.client(await answering({ status: 404, json: { a: 1 } }), { validateStatus: (s) => s === 404 });
    await expect(client.get('/')).resolves.toMatchObject({ status: 404, isClientError: true, data: { a: 1 } });
    await expect(client.get('/', { validateStatus: null })).resolves.toMatchObject({ status: 404 });
    await expect(client.get('/', { validateStatus: () => false })).rejects.toBeInstanceOf(HttpStatusError);
  });

  it.each<[string, PlainAnswer, object, unknown]>([
    ['JSON', { json: { a: 1 } }, {}, { a: 1 }],
    ['JSON null', { ...label('application/json'), body: 'null' }, {}, null],
    ['text', { ...label('text/plain'), body: '12' }, {}, '12'],
    ['broken JSON', { ...label('application/json'), body: '{"a' }, {}, '{"a'],
    ['nothing', {}, {}, undefined],
    ['JSON asked for as text', { json: { a: 1 } }, { responseType: 'text' }, '{"a":1}'],
    ['JSON asked for as bytes', { json: 1 }, { responseType: 'arraybuffer' }, Buffer.from('1')],
    ['JSON asked for as a stream', { json: { a: 1 } }, { responseType: 'stream' }, { a: 1 }],
  ])('error has the body as the response has it: %s', async (_name, answer, config, data) => {
    const client = wire.client(await answering({ status: 400, ...answer }));
    const error = await rejection<HttpStatusError>(client.get('/', config));
    expect(error.data).toEqual(data);
  });

  it('error shows nothing of the answer when it is printed or serialised', async () => {
    const server = await answering({ status: 400, headers: { 'set-cookie': SECRET }, json: { leaked: SECRET } });
    const auth = new BearerAuth('other-canary-value');
    const error = await rejection<HttpStatusError>(wire.client(server, { auth }).get(`/?q=${SECRET}`));
    expect(error.data).toEqual({ leaked: SECRET });
    expect(error.headers).toMatchObject({ 'set-cookie': [SECRET] });
    expectNoSecrets(inspect(error, { depth: 10 }) + JSON.stringify(error) + error.message, [SECRET]);
    expectNoSecrets(renderError(error), ['other-canary-value', SECRET]);
  });

  it('reports the status of a stream that dribbles within the timeout, and frees the socket', async () => {
    const server = await wire.server((_request, response) => {
      response.writeHead(500, { 'content-type': 'text/plain' });
      const timer = setInterval(() => response.write('x'), 10);
      response.once('close', () => clearInterval(timer));
    });
    const client = wire.client(server, { timeoutMs: 150 });
    const error = await rejection<HttpStatusError>(client.get('/', { responseType: 'stream' }));
    expect(error).toMatchObject({ status: 500, data: expect.stringMatching(/^x+$/) });
    await until(() => server.openConnections === 0, 'the connection is closed');
  });

  it('a status that a failing test is to judge fails the call, and frees the socket', async () => {
    const server = await wire.server((_request, response) => give(response, 'endless'));
    const client = wire.client(server);
    const validateStatus = (): never => {
      throw new TypeError(SECRET);
    };
    const error = await rejection(client.get('/', { responseType: 'stream', validateStatus }));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_INVALID_REQUEST' });
    expectNoSecrets(renderError(error), [SECRET]);
    await expect(client.axiosRef.get('/', { responseType: 'stream', validateStatus })).rejects.toThrow('TypeError');
    await until(() => server.openConnections === 0, 'the connections are closed');
  });

  it('reports the status of an endless stream with the first of its body', async () => {
    const server = await wire.server((_request, response) => give(response, 'endless'));
    const config = { responseType: 'stream', validateStatus: () => false } as const;
    const error = await rejection<HttpStatusError>(wire.client(server).get('/', config));
    expect(String(error.data)).toHaveLength(65_536);
    await until(() => server.openConnections === 0, 'the connection is closed');
  });
});
