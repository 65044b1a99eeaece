import * as http from 'node:http';
import { HttpService } from '@nestjs/axios';
import { Test } from '@nestjs/testing';
import { type AxiosRequestConfig, type AxiosResponse, create, type InternalAxiosRequestConfig } from 'axios';
import {
  AxiosTransport,
  BearerAuth,
  ConfigurationError,
  ForgeAuthModule,
  type ForgeServiceOptions,
  getForgeClientToken,
  type HttpRequest,
  type HttpResponse,
  TlsError,
} from 'nestjs-forge-auth';
import { renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { createCertificate } from '../support/certificate.js';
import { startServer } from '../support/recording-server.js';
import { rejection, until } from '../support/async.js';
import { Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

const SECRET = 'canary-credential-value';

/** An adapter of an app's own: of everything that may abort a request it knows signals only. */
async function knowsSignals({ signal }: InternalAxiosRequestConfig): Promise<AxiosResponse> {
  return new Promise((_resolve, reject) => signal?.addEventListener?.('abort', () => reject(new Error('aborted'))));
}

interface Proxy {
  readonly port: number;
  /** Absolute URLs that were asked of it. */
  readonly asked: string[];
  readonly authorizations: (string | undefined)[];
  close(): Promise<void>;
}

/** A forward proxy: hands requests on, and remembers them. */
async function startProxy(): Promise<Proxy> {
  const asked: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = await startServer(() => undefined);
  server.handler = (request, response) => {
    asked.push(request.url);
    authorizations.push(request.headers['proxy-authorization']);
    const { 'proxy-authorization': _mine, ...headers } = request.headers;
    const onward = http.request(request.url, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.end(request.body);
  };
  return { port: server.port, asked, authorizations, close: () => server.close() };
}

describe('the axios option', () => {
  it('the axios option gives the agent, which is left open when the client is closed', async () => {
    const server = await wire.server();
    const httpAgent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    const client = wire.client(server, { axios: { httpAgent } });
    server.handler = async (_request, response) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      response.end();
    };
    await Promise.all(Array.from({ length: 10 }, () => client.get('/')));
    expect(server.maxConcurrent()).toBe(2);
    expect(server.connections).toBe(2);
    await client.close();
    expect(server.openConnections).toBe(2);
    httpAgent.destroy();
    await until(() => server.openConnections === 0, 'connections are closed');
  });

  it('the axios option gives a proxy, which sees the credential of none but its own', async () => {
    const [server, proxy] = [await wire.server(), wire.closeLater(await startProxy())];
    const client = wire.client(server, {
      auth: new BearerAuth(SECRET),
      axios: {
        proxy: { protocol: 'http', host: '127.0.0.1', port: proxy.port, auth: { username: 'u', password: 'p' } },
      },
    });
    const response = await client.post('/a?b=c', { d: 1 });
    expect(response).toMatchObject({ status: 200, url: `${server.origin}/a?b=c` });
    expect(proxy.asked).toEqual([`${server.origin}/a?b=c`]);
    expect(proxy.authorizations).toEqual([`Basic ${Buffer.from('u:p').toString('base64')}`]);
    expect(server.requests[0]).toMatchObject({ url: '/a?b=c', text: '{"d":1}' });
    expect(server.requests[0]?.headers).toMatchObject({ authorization: `Bearer ${SECRET}` });
  });

  it('follows redirects through the proxy', async () => {
    const proxy = wire.closeLater(await startProxy());
    const server = await wire.server(({ path }, response) => {
      if (path === '/from') response.writeHead(302, { location: '/to' });
      response.end();
    });
    const axiosOptions = { proxy: { protocol: 'http', host: '127.0.0.1', port: proxy.port } };
    await wire.client(server, { axios: axiosOptions }).get('/from');
    expect(proxy.asked).toEqual([`${server.origin}/from`, `${server.origin}/to`]);
  });

  it.each([
    ['an HttpService', (config: AxiosRequestConfig) => new HttpService(create(config))],
    ['a config', (config: AxiosRequestConfig) => config],
  ])(
    'the axios option may be %s: what it says of every request stands below the options beside it',
    async (_name, given) => {
      const server = await wire.server(({ path }, response) => {
        if (path === '/away') response.writeHead(302, { location: '/there' });
        response.end('x'.repeat(path === '/large' ? 1_000 : 10));
      });
      const httpAgent = new http.Agent({ keepAlive: true });
      const axios = given({
        httpAgent,
        maxContentLength: 100,
        headers: { 'X-Theirs': '1', 'X-Both': 'theirs' },
        params: { version: 2 },
        maxRedirects: 0,
        validateStatus: (status) => status === 302,
        timeout: 60_000,
      });
      const client = wire.client({ origin: server.origin }, { axios, headers: { 'x-both': 'own' } });
      expect((await client.get('/away')).status).toBe(302);
      await expect(client.get('/large')).rejects.toMatchObject({ code: 'FORGE_AUTH_RESPONSE_TOO_LARGE' });
      expect(server.requests.map(({ url }) => url)).toEqual(['/away?version=2', '/large?version=2']);
      expect(server.requests[0]?.headers).toMatchObject({ 'x-theirs': '1', 'x-both': 'own' });

      const firm = wire.client({ origin: server.origin }, { axios, maxRedirects: 1, validateStatus: () => true });
      expect((await firm.get('/away')).url).toBe(`${server.origin}/there`);
      httpAgent.destroy();
    },
  );

  it('the axios option gives the timeout where the service has none', async () => {
    const server = await wire.server(() => undefined);
    const attempt = (own: Partial<ForgeServiceOptions>): Promise<Error> =>
      rejection(wire.client(server, { axios: { timeout: 130 }, ...own }).get('/'));
    expect((await attempt({})).message).toContain('within 130 ms');
    expect((await attempt({ timeoutMs: 120 })).message).toContain('within 120 ms');
  });

  it('the axios option gives the base URL where the service has none, and headers of defaults stand below those of the service', async () => {
    const server = await wire.server();
    const module = await Test.createTestingModule({
      imports: [
        ForgeAuthModule.forRoot({
          defaults: { axios: { headers: { 'X-A': 'default', 'X-B': 'default' } }, headers: { 'x-c': 'default' } },
          services: [
            { name: 'orders', axios: { baseURL: `${server.origin}/api`, headers: { 'x-a': 'own' } } },
            { name: 'invoices', baseUrl: server.origin },
          ],
        }),
      ],
    }).compile();
    const app = await module.init();
    await app.get(getForgeClientToken('orders'), { strict: false }).get('/a');
    await app.get(getForgeClientToken('invoices'), { strict: false }).get('/b');
    expect(server.requests.map(({ url }) => url)).toEqual(['/api/a', '/b']);
    expect(server.requests[0]?.headers).toMatchObject({ 'x-a': 'own', 'x-c': 'default' });
    expect(server.requests[1]?.headers).toMatchObject({ 'x-a': 'default', 'x-b': 'default', 'x-c': 'default' });
    await app.close();
  });

  it.each([
    ['axios.auth', { auth: { username: 'u', password: SECRET } }, 'axios.auth is not read. Use auth: new BasicAuth'],
    [
      'a header that auth writes',
      { headers: { Authorization: SECRET } },
      'headers sets authorization, which auth writes',
    ],
  ])('the axios option is refused with %s', async (_name, axios, words) => {
    const server = await wire.server();
    const error = await rejection(wire.client(server, { auth: new BearerAuth('t'), axios }).get('/'));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain(`Service "orders": ${words}`);
    expectNoSecrets(renderError(error), [SECRET]);
  });

  it('the axios option gives the base URL where the service has none', async () => {
    const server = await wire.server();
    const { createForgeClient } = await import('nestjs-forge-auth');
    const client = wire.closeLater(createForgeClient({ name: 'orders', axios: { baseURL: `${server.origin}/api` } }));
    await client.get('/a');
    expect(server.requests[0]?.url).toBe('/api/a');
  });

  it('the axios option may hold an adapter, as tests of apps do', async () => {
    const seen: string[] = [];
    const client = wire.client(
      { origin: 'http://nowhere.example' },
      {
        auth: new BearerAuth(SECRET),
        axios: {
          adapter: async (config) => {
            seen.push(`${String(config.method)} ${config.url} ${String(config.headers['authorization'])}`);
            return { status: 200, statusText: 'OK', headers: {}, config, data: { mocked: true } };
          },
        },
      },
    );
    await expect(client.get('/a')).resolves.toMatchObject({ data: { mocked: true } });
    expect(seen).toEqual([`GET http://nowhere.example/a Bearer ${SECRET}`]);
  });
});

describe('the transport option', () => {
  it('a transport takes the place of axios, and is left open by the client', async () => {
    const sent: HttpRequest[] = [];
    let closed = 0;
    const transport = {
      async send(request: HttpRequest): Promise<HttpResponse> {
        sent.push(request);
        const body = Buffer.from('{"own":true}');
        return { status: 200, headers: { 'content-type': 'application/json' }, body, url: request.url };
      },
      close: () => void (closed += 1),
    };
    const client = wire.client({ origin: 'http://nowhere.example' }, { transport, auth: new BearerAuth(SECRET) });
    await expect(client.post('/a', { b: 1 })).resolves.toMatchObject({ data: { own: true } });
    expect(sent[0]).toMatchObject({
      method: 'POST',
      url: 'http://nowhere.example/a',
      headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
      body: '{"b":1}',
    });
    await client.close();
    expect(closed).toBe(0);
  });

  it('a transport sees timeouts and signals as one signal', async () => {
    const transport = {
      send: ({ signal }: HttpRequest): Promise<HttpResponse> =>
        new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error))),
    };
    const client = wire.client({ origin: 'http://nowhere.example' }, { transport, timeoutMs: 100 });
    await expect(client.get('/')).rejects.toMatchObject({ code: 'FORGE_AUTH_TIMEOUT' });
    await expect(client.get('/', { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('a transport sees timeouts and signals as one, too, where it wraps an AxiosTransport, is a kind of it, or stands on another adapter', async () => {
    const server = await wire.server(() => undefined);
    const inner = new AxiosTransport();
    const seen: (AbortSignal | undefined)[] = [];
    class Seeing extends AxiosTransport {
      override send(request: HttpRequest): Promise<HttpResponse> {
        seen.push(request.signal);
        return super.send({ ...request });
      }
    }
    const wrapping = { send: (request: HttpRequest) => inner.send({ ...request, headers: { ...request.headers } }) };
    for (const options of [
      { transport: new Seeing() },
      { transport: wrapping },
      { axios: { adapter: knowsSignals } },
      {},
    ]) {
      const client = wire.client(server, { ...options, timeoutMs: 100 });
      await expect(client.get('/')).rejects.toMatchObject({ code: 'FORGE_AUTH_TIMEOUT' });
      const leaving = client.get('/', { signal: AbortSignal.timeout(20) });
      await expect(leaving).rejects.toMatchObject({ name: 'TimeoutError', code: expect.any(Number) as number });
      await client.close();
    }
    expect(seen.map((signal) => signal?.aborted)).toEqual([true, true]);
    inner.close();
  });

  it('the transport option may be an AxiosTransport that several services share', async () => {
    const server = await wire.server();
    const transport = new AxiosTransport();
    await wire.client(server, { transport }).get('/a');
    await wire.client(server, { transport }).get('/b');
    expect(server.connections).toBe(1);
    transport.close();
  });
});

describe('the tls option', () => {
  it('the tls option trusts an authority of its own, and shows a certificate', async () => {
    const client = await createCertificate({ commonName: 'orders-app' });
    const server = await wire.server(undefined, { tls: { requestCert: true, ca: client.cert } });
    await expect(wire.client(server).get('/')).rejects.toBeInstanceOf(TlsError);
    const tls = { ...(server.ca === undefined ? {} : { ca: server.ca }), cert: client.cert, key: client.key };
    await expect(wire.client(server, { tls }).get('/')).resolves.toMatchObject({ status: 200 });
    expect(server.requests[0]?.clientCertificate?.subject.CN).toBe('orders-app');
  });

  it('refuses a certificate of another name, and an expired one', async () => {
    const wrong = await createCertificate({ hosts: ['other.example'] });
    const expired = await createCertificate({ notBefore: new Date(0), notAfter: new Date(1_000_000_000) });
    for (const certificate of [wrong, expired]) {
      const server = await wire.server(undefined, { tls: certificate });
      const error = await rejection(wire.client(server, { tls: { ca: certificate.cert } }).get('/'));
      expect(error).toBeInstanceOf(TlsError);
      expect(error).toMatchObject({ code: 'FORGE_AUTH_TLS' });
      expect(server.count()).toBe(0);
    }
  });

  it('the tls option accepts any certificate where it is configured to', async () => {
    const server = await wire.server(undefined, { tls: true });
    await expect(wire.client(server, { tls: { rejectUnauthorized: false } }).get('/')).resolves.toMatchObject({
      status: 200,
    });
  });
});
