import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BearerAuth,
  ClientCredentialsTokenProvider,
  ConfigurationError,
  ForgeAuthModule,
  ForgeAuthService,
  TlsError,
} from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { Agent, MockAgent } from 'undici';
import { Wire } from '../client/wire.js';
import { CLIENT, startTokenEndpoint } from '../support/token-endpoint.js';

const wire = new Wire();
const made: UndiciTransport[] = [];
afterEach(async () => {
  await wire.close();
  for (const transport of made.splice(0)) await transport.close();
});

function transportOf(...options: ConstructorParameters<typeof UndiciTransport>): UndiciTransport {
  const transport = new UndiciTransport(...options);
  made.push(transport);
  return transport;
}

describe('UndiciTransport', () => {
  it('carries calls of a service, its token and a stream', async () => {
    const endpoint = wire.closeLater(await startTokenEndpoint());
    const server = await wire.server(
      ({ headers }, response) =>
        void response
          .writeHead(endpoint.isValid(headers.authorization?.replace('Bearer ', '') ?? '') ? 200 : 401)
          .end('{"ok":true}'),
    );
    const transport = transportOf({ connections: 4 });
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT, http: { transport } });
    const client = wire.client(server, { auth: { provider }, transport });
    await expect(client.get('/a')).resolves.toMatchObject({ data: { ok: true } });
    endpoint.revokeAll();
    await expect(client.post('/a', { b: 1 })).resolves.toMatchObject({ status: 200 });
    const { data } = await client.get<NodeJS.ReadableStream>('/s', { responseType: 'stream' });
    let body = '';
    for await (const chunk of data) body += String(chunk);
    expect(body).toBe('{"ok":true}');
    expect(endpoint.tokenRequests).toBe(2);
  });

  it('serves as transport in defaults of an app, and outlives it', async () => {
    const server = await wire.server();
    const transport = transportOf();
    @Module({
      imports: [
        ForgeAuthModule.forRoot({
          defaults: { transport },
          services: [{ name: 'orders', baseUrl: server.origin, auth: new BearerAuth('t') }],
        }),
      ],
    })
    class AppModule {}
    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();
    await app.get(ForgeAuthService).client('orders').get('/');
    await app.close();
    await wire.client(server, { transport }).get('/');
    expect(server.count()).toBe(2);
  });

  it('carries the faces of a client over undici', async () => {
    const server = await wire.server();
    const client = wire.client(server, { transport: transportOf() });
    await expect(client.axiosRef.get('/')).resolves.toMatchObject({ data: { ok: true } });
    await expect((await client.fetch('/')).json()).resolves.toEqual({ ok: true });
    await expect(client.axiosRef.post('/', { a: 1 })).resolves.toMatchObject({ status: 200 });
    expect(server.requests.at(-1)?.text).toBe('{"a":1}');
  });

  it('carries headers in Latin-1 both ways, beside a body in UTF-8', async () => {
    const server = await wire.server((_request, response) => {
      response.setHeader('x-city', 'Zürich');
      // Beside a text, Node would write the headers in its encoding.
      response.end(Buffer.from('{}'));
    });
    const client = wire.client(server, { transport: transportOf() });
    const answered = await client.post('/', 'é', { headers: { 'x-name': 'Zoë ÿ' } });
    expect(server.requests.at(-1)).toMatchObject({ headers: { 'x-name': 'Zoë ÿ' }, text: 'é' });
    expect(answered.headers['x-city']).toBe('Zürich');
  });

  it('UndiciTransport ends a call in time, and by its signal, waiting for a connection included', async () => {
    const server = await wire.server(() => undefined);
    const client = wire.client(server, { transport: transportOf({ connections: 1 }), timeoutMs: 100 });
    const calls = [client.get('/1'), client.get('/2')];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'FORGE_AUTH_TIMEOUT' });
    await expect(client.get('/3', { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      name: 'TimeoutError',
      code: 23,
    });
  });

  it('UndiciTransport is mocked by a MockAgent', async () => {
    const agent = new MockAgent();
    agent.disableNetConnect();
    agent
      .get('https://orders.example')
      .intercept({ path: '/a', method: 'GET', headers: { authorization: 'Bearer t' } })
      .reply(200, { mocked: true }, { headers: { 'Content-Type': 'application/json' } })
      .times(2);
    const client = wire.client(
      { origin: 'https://orders.example' },
      { auth: new BearerAuth('t'), transport: transportOf(agent) },
    );
    await expect(client.get('/a')).resolves.toMatchObject({ data: { mocked: true } });
    const { data } = await client.get<NodeJS.ReadableStream>('/a', { responseType: 'stream' });
    let body = '';
    for await (const chunk of data) body += String(chunk);
    expect(body).toBe('{"mocked":true}');
    await expect(client.get('/unknown')).rejects.toMatchObject({ name: 'ConnectionError' });
    await agent.close();
  });

  it('checks certificates, unless it is configured not to, or given whom to trust', async () => {
    const server = await wire.server(undefined, { tls: true });
    const { ca } = server;
    await expect(wire.client(server, { transport: transportOf() }).get('/')).rejects.toBeInstanceOf(TlsError);
    for (const transport of [
      transportOf({ tls: { ca: ca as string } }),
      transportOf({ tls: { rejectUnauthorized: false } }),
      transportOf({ connect: { ca: ca as string } }),
      transportOf(new Agent({ connect: { ca: ca as string } })),
    ]) {
      await expect(wire.client(server, { transport }).get('/')).resolves.toMatchObject({ status: 200 });
    }
  });

  it('opens no more connections than it may', async () => {
    const server = await wire.server((_request, response) => void setTimeout(() => response.end('{}'), 10));
    const client = wire.client(server, { transport: transportOf({ connections: 3 }) });
    await Promise.all(Array.from({ length: 20 }, () => client.get('/')));
    expect(server.connections).toBeLessThanOrEqual(3);
  });

  it.each<[string, object]>([
    ['connections', { connections: 0 }],
    ['pipelining', { pipelining: 1.5 }],
    ['proxy', { proxy: 'nowhere' }],
    ['maxContentLength', { maxContentLength: -1 }],
    ['tls must be an object', { tls: () => ({}) }],
    ['tls.ca', { tls: { ca: 'no certificate' } }],
    ['tls.passphrase ends in a line break', { tls: { passphrase: 'secret\n' } }],
    ['tls cannot be used', { tls: { cert: 'no certificate' } }],
  ])('refuses a malformed option: %s', (name, options) => {
    expect(() => new UndiciTransport(options)).toThrow(ConfigurationError);
    expect(() => new UndiciTransport(options)).toThrow(new RegExp(name));
  });

  it('hands on what else a connector takes of tls', () => {
    const tls = { servername: 'orders.example', minVersion: 'TLSv1.3', rejectUnauthorized: true };
    expect(() => new UndiciTransport({ tls })).not.toThrow();
  });

  it('says which codings it decodes, and decodes none that it does not', async () => {
    const server = await wire.server(
      (_request, response) =>
        void response.writeHead(200, { 'content-encoding': 'own', 'content-type': 'text/plain' }).end('as it is'),
    );
    const client = wire.client(server, { transport: transportOf() });
    await expect(client.get('/')).resolves.toMatchObject({ data: 'as it is', headers: { 'content-encoding': 'own' } });
    expect(server.requests[0]?.headers['accept-encoding']).toBe('gzip, deflate, br');
  });
});

/** A proxy that tells what it was asked for. */
async function startProxy(): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const proxy = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"proxied":true}');
  });
  proxy.on('connect', (request, socket: Socket) => {
    seen.push(`CONNECT ${request.url}`);
    const [host, port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [upstream, socket]) end.on('error', () => undefined);
    socket.once('close', () => upstream.destroy());
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  wire.closeLater({
    close: () => {
      proxy.closeAllConnections();
      proxy.close();
    },
  });
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, seen };
}

describe('a proxy', () => {
  const names = ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'].flatMap((name) => [name, name.toUpperCase()]);
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  beforeEach(() => {
    for (const name of names) delete process.env[name];
  });
  afterAll(() => {
    for (const name of names) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  it('a proxy of the environment is used, for the scheme that it is for, and not where NO_PROXY says so', async () => {
    const { url, seen } = await startProxy();
    const [plain, secure] = [await wire.server(), await wire.server(undefined, { tls: true })];
    process.env['HTTP_PROXY'] = url;
    const tls = { ca: secure.ca as string };
    await expect(wire.client(plain, { transport: transportOf({ tls }) }).get('/a')).resolves.toMatchObject({
      data: { proxied: true },
    });
    expect(seen.splice(0)).toEqual([`GET ${plain.origin}/a`]);
    await wire.client(secure, { transport: transportOf({ tls }) }).get('/b');
    expect(seen).toEqual([]);
    process.env['HTTPS_PROXY'] = url;
    await wire.client(secure, { transport: transportOf({ tls }) }).get('/b');
    expect(seen.splice(0)).toEqual([`CONNECT 127.0.0.1:${secure.port}`]);
    process.env['NO_PROXY'] = '127.0.0.1';
    await wire.client(plain, { transport: transportOf({ tls }) }).get('/c');
    expect(seen).toEqual([]);
    expect([plain.count(), secure.count()]).toEqual([1, 2]);
  });

  it('a proxy is the one that is given, or none', async () => {
    const { url, seen } = await startProxy();
    const server = await wire.server();
    await wire.client(server, { transport: transportOf({ proxy: url }) }).get('/a');
    expect(seen).toHaveLength(1);
    process.env['HTTP_PROXY'] = url;
    await wire.client(server, { transport: transportOf({ proxy: false }) }).get('/b');
    expect([seen.length, server.count()]).toEqual([1, 1]);
  });
});
