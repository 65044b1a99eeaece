import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { isAxiosError } from 'axios';
import { AxiosTransport, BearerAuth, createForgeClient, type ForgeHttpClient, type Transport } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import type { HttpRequest } from '../../src/http/http-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';

const TRANSPORTS: [string, () => Transport][] = [
  ['axios', () => new AxiosTransport()],
  ['undici', () => new UndiciTransport()],
];
const ZEROS = gzipSync(Buffer.alloc(20_000_000));
const reason = new Error('enough');

let server: RecordingServer;
let raw: Server | undefined;
const sockets = new Set<Socket>();
let client: ForgeHttpClient | undefined;

beforeEach(async () => {
  server = await startServer((_request, res) => {
    res.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(ZEROS);
  });
});
afterEach(async () => {
  await client?.close();
  client = undefined;
  await server.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise<void>((resolve) => (raw === undefined ? resolve() : raw.close(() => resolve())));
  raw = undefined;
});

/** A server that answers each connection's first bytes with these, and reads no more. */
async function answering(bytes: string): Promise<string> {
  const listening = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.once('data', () => {
      socket.pause();
      socket.write(bytes);
    });
  });
  raw = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

const asked = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  url,
  headers: {},
  responseType: 'arraybuffer',
  ...more,
});

const until = async (holds: () => boolean): Promise<void> => {
  for (let left = 400; !holds() && left > 0; left -= 1) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe.each(TRANSPORTS)('over %s', (_name, make) => {
  let transport: Transport;
  beforeEach(() => {
    transport = make();
  });
  afterEach(() => transport.close?.());

  const open = (): ForgeHttpClient =>
    (client = createForgeClient({ name: 'orders', baseUrl: server.origin, auth: new BearerAuth('t'), transport }));

  it('rejects with the reason of an abort while the body is decoded', async () => {
    const controller = new AbortController();
    const work = transport.send(asked(`${server.origin}/`, { signal: controller.signal }));
    await server.received(1);
    await new Promise((resolve) => setTimeout(resolve, 15));
    controller.abort(reason);
    await expect(work).rejects.toBe(reason);
  });

  it.each(['get', 'axios'])('rejects %s when the client is closed as its answer is judged', async (face) => {
    const service = open();
    const abort = (): boolean => {
      void service.close();
      return true;
    };
    const call =
      face === 'get'
        ? service.get('/', { validateStatus: abort })
        : service.axiosRef.get('/', { validateStatus: abort });
    const error = await rejection(call);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
  });

  it('opens no connection for a request that was aborted before', async () => {
    await expect(transport.send(asked(`${server.origin}/`, { signal: AbortSignal.abort(reason) }))).rejects.toBe(
      reason,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server.connections).toBe(0);
  });

  it.each<[string, () => Partial<HttpRequest>]>([
    ['no body', () => ({})],
    ['a stream', () => ({ method: 'POST', body: Readable.from([Buffer.from('x')]) })],
    ['a fresh connection', () => ({ freshConnection: true })],
    ['a streamed answer with a limit', () => ({ responseType: 'stream', maxContentLength: 9 })],
  ])('fails at once when the server switches protocols, with %s', async (_what, more) => {
    const origin = await answering('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
    const error = await rejection(transport.send(asked(`${origin}/`, more())));
    expect(error).toMatchObject({ name: expect.stringMatching(/^(ConnectionError|ResponseParseError)$/) });
    await until(() => sockets.size === 0);
  });

  it('keeps no connection whose streamed upload was refused', async () => {
    const origin = await answering('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    const body = new PassThrough();
    body.write(Buffer.alloc(100));
    const answer = await transport.send(asked(`${origin}/`, { method: 'POST', body }));
    expect(answer.status).toBe(413);
    await until(() => sockets.size === 0);
    body.destroy();
  });

  it.each(['no-such', 'UTF-99'])(
    'shows the answer of a body that cannot be decoded as %s',
    async (responseEncoding) => {
      const error = await rejection(open().axiosRef.get('/', { responseEncoding } as object));
      expect(isAxiosError(error)).toBe(true);
      expect(error).toMatchObject({ code: 'ERR_UNKNOWN_ENCODING', response: { status: 200 } });
    },
  );

  it.each(['gzip', 'br', 'deflate', 'gzip, br'])('shows the answer of a body that is no %s', async (coding) => {
    server.handler = (_request, res) => {
      res.writeHead(200, { 'content-encoding': coding }).end(Buffer.alloc(99, 'x'));
    };
    const error = await rejection(open().axiosRef.get('/'));
    expect(isAxiosError(error)).toBe(true);
    expect(error).toMatchObject({ response: { status: 200 } });
  });

  it('counts a streamed body against maxBodyLength while it is written', async () => {
    const data = Readable.from([Buffer.alloc(600), Buffer.alloc(600)]);
    const error = await rejection(open().axiosRef.post('/', data, { maxBodyLength: 1000 }));
    expect(error).toMatchObject({
      message: 'Request body larger than maxBodyLength limit',
      code: 'ERR_BAD_REQUEST',
    });
    expect(server.count()).toBe(0);
    await expect(
      open().axiosRef.post('/', Readable.from([Buffer.alloc(600), Buffer.alloc(400)]), { maxBodyLength: 1000 }),
    ).resolves.toMatchObject({ status: 200 });
  });
});
