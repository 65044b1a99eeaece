import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  AxiosTransport,
  BearerAuth,
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
  type HttpRequest,
  type HttpResponse,
  ResponseParseError,
  type Transport,
} from 'nestjs-forge-auth';
import { CLIENT, startTokenEndpoint } from '../support/token-endpoint.js';
import { Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

const SECRET = 'canary-credential-value';
const NOWHERE = { origin: 'http://nowhere.example' };

/** A transport that counts its closings, over real connections. */
class Closing extends AxiosTransport {
  closed = 0;

  override close(): void {
    this.closed += 1;
    super.close();
  }
}

async function appWith(
  transport: Transport,
  origin: string,
): Promise<{ client: () => ReturnType<ForgeAuthService['client']>; close(): Promise<void> }> {
  @Module({ imports: [ForgeAuthModule.forRoot({ services: [{ name: 'orders', baseUrl: origin, transport }] })] })
  class AppModule {}
  const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
  await app.init();
  return { client: () => app.get(ForgeAuthService).client('orders'), close: () => app.close() };
}

describe('a transport that an app has made', () => {
  it('a transport that two apps share outlives the end of one of them', async () => {
    const server = await wire.server();
    const transport = new Closing();
    const [one, other] = [await appWith(transport, server.origin), await appWith(transport, server.origin)];
    await one.client().get('/');
    await other.client().get('/');
    await one.close();
    await other.client().get('/');
    expect(server.connections).toBe(1);
    await other.close();
    expect(transport.closed).toBe(0);
    expect(server.openConnections).toBe(1);
    transport.close();
  });

  it('outlives a client whose token is fetched over it', async () => {
    const endpoint = wire.closeLater(await startTokenEndpoint());
    const server = await wire.server();
    const transport = new Closing();
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT, http: { transport } });
    const client = wire.client(server, { auth: { provider } });
    await client.get('/');
    await client.close();
    expect(transport.closed).toBe(0);
    transport.close();
  });

  it('a transport that an app has made has its tls from the app: beside it, tls is refused', async () => {
    const transport = new AxiosTransport();
    const tls = { rejectUnauthorized: true };
    await expect(wire.client(NOWHERE, { transport, tls }).get('/')).rejects.toThrow(/"orders".*tls.*transport/);
    const options = { tokenUrl: 'https://issuer.example/token', ...CLIENT, http: { transport, tls } };
    const provider = new ClientCredentialsTokenProvider(options);
    await expect(wire.client(NOWHERE, { auth: { provider } }).get('/')).rejects.toThrow(/http\.tls.*transport/);
    const step = { name: 'step', baseUrl: 'https://issuer.example', transport, tls };
    expect(() => new BodyTokenFetcher(step)).toThrow(/"step".*tls.*transport/);
  });

  it('needs no more than send()', async () => {
    const transport: Transport = {
      send: async ({ url }) => ({ status: 200, headers: {}, body: Buffer.from('{"own":true}'), url }),
    };
    await expect(wire.client(NOWHERE, { transport }).get('/')).resolves.toMatchObject({ data: { own: true } });
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /an object/],
    ['null', null, /an object/],
    ['a text', 'ok', /an object/],
    ['no status', { headers: {}, body: Buffer.alloc(0) }, /status/],
    ['a status that is a text', { status: '200', headers: {}, body: Buffer.alloc(0) }, /status/],
    ['no headers', { status: 200, body: Buffer.alloc(0) }, /headers/],
    ['Headers of fetch', { status: 200, headers: new Headers(), body: Buffer.alloc(0) }, /headers/],
    ['no body', { status: 200, headers: {} }, /body/],
    ['a body that is a text', { status: 200, headers: {}, body: SECRET }, /body/],
    ['a body that can only pipe', { status: 200, headers: {}, body: { pipe: () => undefined } }, /body/],
    ['a body of fetch', { status: 200, headers: {}, body: new ReadableStream() }, /body/],
    ['a Response', new Response(SECRET), /headers|body/],
  ])(
    'a transport that an app has made is named where what it answers is no response: %s',
    async (_name, answered, problem) => {
      const transport: Transport = { send: async () => answered as HttpResponse };
      const client = wire.client(NOWHERE, { transport, auth: new BearerAuth(SECRET) });
      for (const call of [client.get('/'), client.get('/', { responseType: 'stream' })]) {
        const error = await call.catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(ResponseParseError);
        expect(error).toMatchObject({ serviceName: 'orders', message: expect.stringMatching(problem) as string });
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
      }
    },
  );

  it('a transport that an app has made may answer a stream', async () => {
    const transport: Transport = {
      send: async ({ url }) => ({ status: 200, headers: {}, body: Readable.from(['a']), url }),
    };
    const { data } = await wire.client(NOWHERE, { transport }).get<Readable>('/', { responseType: 'stream' });
    expect((await data.toArray()).map(String)).toEqual(['a']);
  });

  it('a transport that an app has made may answer a body in memory where a stream was asked for', async () => {
    const transport: Transport = {
      send: async ({ url }) => ({ status: 200, headers: {}, body: Buffer.from('in memory'), url }),
    };
    const client = wire.client(NOWHERE, { transport });
    const { data } = await client.get<Readable>('/', { responseType: 'stream' });
    expect(String(Buffer.concat(await data.toArray()))).toBe('in memory');
    const ofAxios = await client.axiosRef.get<Readable>('/', { responseType: 'stream' });
    expect(String(Buffer.concat(await ofAxios.data.toArray()))).toBe('in memory');
  });

  it('a transport that an app has made is refused a stream that nobody asked for', async () => {
    const transport: Transport = {
      send: async ({ url }) => ({ status: 200, headers: {}, body: Readable.from(['a']), url }),
    };
    const client = wire.client(NOWHERE, { transport });
    for (const call of [client.get('/'), client.get('/', { responseType: 'arraybuffer' }), client.axiosRef.get('/')])
      await expect(call).rejects.toThrow('body must be a Buffer');
  });

  describe.each<[string, () => Readable, string]>([
    ['fails', () => new Readable({ read: (): never => fail() }), 'FORGE_AUTH_CONNECTION'],
    ['is closed amid the body', () => Readable.from(['a']).destroy(), 'FORGE_AUTH_CONNECTION'],
    ['gives objects', () => Readable.from([{ a: SECRET }]), 'FORGE_AUTH_RESPONSE_PARSE'],
    ['never ends', () => new Readable({ read: () => undefined }), 'FORGE_AUTH_TIMEOUT'],
  ])('a stream of a transport of the app’s own that %s', (_how, body, code) => {
    it.each<[string, (client: ReturnType<typeof wire.client>) => Promise<Readable>]>([
      ['client.get', async (client) => (await client.get<Readable>('/', { responseType: 'stream' })).data],
      ['axiosRef', async (client) => (await client.axiosRef.get<Readable>('/', { responseType: 'stream' })).data],
      ['fetch', async (client) => Readable.fromWeb((await client.fetch('/')).body as never)],
    ])('fails with an error of this package, and ends with the call: %s', async (_face, open) => {
      const transport: Transport = { send: async ({ url }) => ({ status: 200, headers: {}, body: body(), url }) };
      const client = wire.client(NOWHERE, { transport, totalTimeoutMs: 150 }, { revealCauses: false });
      const error = await open(client)
        .then(
          (stream) => stream.toArray(),
          (thrown: unknown) => thrown,
        )
        .catch((thrown: unknown) => thrown);
      const codes = [error, (error as { cause?: unknown }).cause].map(
        (one) => (one as { code?: string } | undefined)?.code,
      );
      expect(codes).toContain(code);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
    });
  });

  it('a transport that an app has made is given a signal that it may hand on in a copy of the request', async () => {
    const copies: HttpRequest[] = [];
    const transport: Transport = {
      send: (request) => {
        const copy = { ...request };
        copies.push(copy);
        return new Promise((_resolve, reject) =>
          copy.signal?.addEventListener('abort', () => reject(copy.signal?.reason as Error)),
        );
      },
    };
    await expect(wire.client(NOWHERE, { transport, timeoutMs: 30 }).get('/')).rejects.toMatchObject({
      code: 'FORGE_AUTH_TIMEOUT',
    });
    expect(copies[0]?.signal?.aborted).toBe(true);
  });
});

function fail(): never {
  throw new Error(`the own stream says ${SECRET}`);
}
