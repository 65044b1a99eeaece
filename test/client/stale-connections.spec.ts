import { Agent as HttpAgent } from 'node:http';
import { Readable } from 'node:stream';
import { AxiosTransport, type ForgeHttpClient, type ForgeServiceOptions, type Transport } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { Agent, request as undiciRequest } from 'undici';
import type { RecordingServer } from '../support/recording-server.js';
import { Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

/** Lets a pool learn that its connections are free again. */
const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** A server that closes a connection, without a byte of an answer, when a second request comes on it. */
async function startForgetful(how: 'destroy' | 'reset' = 'destroy'): Promise<RecordingServer> {
  const served = new WeakSet<object>();
  return wire.server((_request, response) => {
    const { socket } = response;
    if (socket === null) return;
    if (served.has(socket)) {
      if (how === 'reset') socket.resetAndDestroy();
      else socket.destroy();
      return;
    }
    served.add(socket);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
  });
}

const undici = (): UndiciTransport => wire.closeLater(new UndiciTransport());

/** A transport of an app's own, over undici and with its errors. */
const own: Transport = {
  async send({ method, url, headers, body, freshConnection }) {
    const answered = await undiciRequest(url, {
      method: method as 'GET',
      headers,
      body: (body ?? null) as string | null,
      ...(freshConnection === true && { dispatcher: new Agent() }),
    });
    return { status: answered.statusCode, headers: {}, body: Buffer.from(await answered.body.arrayBuffer()), url };
  },
};

const WAYS: readonly (readonly [string, () => Partial<ForgeServiceOptions>])[] = [
  ['axios', () => ({})],
  ['axios with an agent of the app’s', () => ({ axios: { httpAgent: new HttpAgent({ keepAlive: true }) } })],
  ['an AxiosTransport', () => ({ transport: wire.closeLater(new AxiosTransport()) })],
  ['undici', () => ({ transport: undici() })],
  ['undici over an Agent of the app’s', () => ({ transport: new UndiciTransport(new Agent()) })],
  ['a transport of the app’s', () => ({ transport: own })],
];

describe.each(WAYS)('a kept connection that the service has closed, over %s', (_name, options) => {
  const clientOf = (server: RecordingServer): ForgeHttpClient => wire.client(server, options());

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('fails no %s: it is sent once more', async (method) => {
    const server = await startForgetful();
    const client = clientOf(server);
    await client.get('/first');
    await rest();
    await expect(client.request({ method, url: '/second' })).resolves.toMatchObject({ status: 200, attempts: 1 });
    expect(server.requests.map((request) => `${request.method} ${request.path}`)).toEqual([
      'GET /first',
      `${method} /second`,
      `${method} /second`,
    ]);
  });

  it('fails a POST, which may have been done, unless the call says that it may be sent twice', async () => {
    const server = await startForgetful();
    const client = clientOf(server);
    await client.get('/first');
    await rest();
    await expect(client.post('/second', { a: 1 })).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
    expect(server.count('/second')).toBe(1);
    await client.get('/third');
    await rest();
    await expect(client.post('/fourth', { a: 1 }, { idempotent: true })).resolves.toMatchObject({ status: 200 });
    expect(server.requests.filter(({ path }) => path === '/fourth').map(({ text }) => text)).toEqual([
      '{"a":1}',
      '{"a":1}',
    ]);
  });

  it('fails a body that can be read only once, and an idempotent call that says no', async () => {
    const server = await startForgetful();
    const client = clientOf(server);
    await client.get('/first');
    await rest();
    await expect(client.put('/stream', Readable.from([Buffer.from('once')]))).rejects.toBeDefined();
    expect(server.count('/stream')).toBeLessThanOrEqual(1);
    await client.get('/second');
    await rest();
    await expect(client.get('/no', { idempotent: false })).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
    expect(server.count('/no')).toBe(1);
  });

  it('a kept connection that the service has closed is one of many: as many calls at once are all answered', async () => {
    const server = await startForgetful();
    const client = clientOf(server);
    await Promise.all(Array.from({ length: 10 }, (_, at) => client.get(`/first/${at}`)));
    await rest();
    const calls = Array.from({ length: 10 }, (_, at) => client.get(`/second/${at}`));
    const statuses = (await Promise.allSettled(calls)).map(({ status }) => status);
    expect(statuses).toEqual(calls.map(() => 'fulfilled'));
    expect(server.count('/second')).toBeLessThanOrEqual(20);
  });
});

describe('a connection that closes without an answer', () => {
  it.each<[string, () => Partial<ForgeServiceOptions>]>([
    ['axios', () => ({})],
    ['undici', () => ({ transport: undici() })],
  ])(
    'a connection that closes without an answer is a failed call where it was a fresh one, over %s',
    async (_name, options) => {
      const server = await wire.server((_request, response) => void response.socket?.destroy());
      await expect(wire.client(server, options()).get('/')).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
      expect(server.count()).toBe(1);
    },
  );

  it.each<[string, () => Partial<ForgeServiceOptions>]>([
    ['axios', () => ({})],
    ['undici', () => ({ transport: undici() })],
  ])(
    'a connection that closes without an answer is no more than one more request where the fresh one closes, too, over %s',
    async (_name, options) => {
      const server = await wire.server((_request, response) =>
        server.count() === 1 ? void response.end('{}') : void response.socket?.destroy(),
      );
      const client = wire.client(server, options());
      await client.get('/first');
      await rest();
      await expect(client.get('/second')).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
      expect(server.count('/second')).toBe(2);
    },
  );

  it.each<[string, () => Partial<ForgeServiceOptions>]>([
    ['axios', () => ({})],
    ['undici', () => ({ transport: undici() })],
  ])(
    'a connection that closes without an answer is distinguished from one that is reset, which is the same, over %s',
    async (_name, options) => {
      const server = await startForgetful('reset');
      const client = wire.client(server, options());
      await client.get('/first');
      await rest();
      await expect(client.get('/second')).resolves.toMatchObject({ status: 200 });
      expect(server.count('/second')).toBe(2);
    },
  );
});
