import { once } from 'node:events';
import { Agent as HttpAgent, createServer, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ForgeServiceOptions } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { Agent, ProxyAgent } from 'undici';
import type { RecordingServer } from '../support/recording-server.js';
import { Wire } from './wire.js';

const wire = new Wire();
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY'];
afterEach(async () => {
  for (const name of PROXY_VARIABLES) delete process.env[name];
  await wire.close();
});

/** Lets a pool learn that its connections are free again. */
const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** Closes connections of a service: the one that a second request came on, or all that are idle, before the client can know. */
type Closing = 'closed' | 'reset' | 'closed while idle';

interface Service {
  readonly server: RecordingServer;
  readonly tls: { readonly ca?: string };
  /** Closes idle connections, in the tick in which calls are made. */
  closeIdle(): void;
}

async function startForgetful(scheme: string, closing: Closing): Promise<Service> {
  const sockets = new Set<Socket>();
  const served = new WeakSet<object>();
  const server = await wire.server(
    (_request, response) => {
      const socket = response.socket as Socket;
      if (closing !== 'closed while idle' && served.has(socket)) {
        if (closing === 'reset') resetOf(socket);
        else socket.destroy();
        return;
      }
      served.add(socket);
      sockets.add(socket);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    },
    { tls: scheme === 'https' },
  );
  return {
    server,
    tls: server.ca === undefined ? {} : { ca: server.ca },
    closeIdle: () => {
      if (closing !== 'closed while idle') return;
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
  };
}

/** Resets the connection under a TLS socket, too. */
function resetOf(socket: Socket): void {
  const { _parent: under } = socket as Socket & { _parent?: Socket };
  (under ?? socket).resetAndDestroy();
}

/** A proxy that forwards plain requests on kept connections, and tunnels by CONNECT; its client's connection ends with the service's. */
async function startProxy(): Promise<string> {
  const upstream = new Map<Socket, HttpAgent>();
  const proxy = createServer((request, response) => {
    const client = request.socket;
    if (!upstream.has(client)) upstream.set(client, new HttpAgent({ keepAlive: true, maxSockets: 1 }));
    const forwarded = httpRequest(
      String(request.url),
      { method: request.method ?? 'GET', headers: request.headers, agent: upstream.get(client) },
      (answer: IncomingMessage) => {
        answer.socket.once('close', () => client.destroy());
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on('error', () => client.destroy());
    request.pipe(forwarded);
  });
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    const [host, port] = String(request.url).split(':');
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    for (const end of [target, socket]) end.on('error', () => undefined);
    socket.once('close', () => target.destroy());
    target.once('close', () => socket.destroy());
  });
  proxy.keepAliveTimeout = 60_000;
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  wire.closeLater({
    close: () => {
      for (const agent of upstream.values()) agent.destroy();
      proxy.closeAllConnections();
      proxy.close();
    },
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

type Connected = (error: Error | null, socket?: Socket) => void;

/** Opens a tunnel, as the agents of proxy packages do. */
function tunnel(proxy: string, { host, port, ...tls }: { host: string; port: number }, connected: Connected): void {
  const { hostname, port: proxyPort } = new URL(proxy);
  httpRequest({ host: hostname, port: proxyPort, method: 'CONNECT', path: `${host}:${port}`, agent: false })
    .on('connect', (_answer, socket: Socket) =>
      connected(null, 'ca' in tls ? connectTls({ ...(tls as object), socket, servername: 'localhost' }) : socket),
    )
    .on('error', connected)
    .end();
}

function tunnelAgents(proxy: string, tls: object): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const open = (options: never, connected: never): undefined => tunnel(proxy, options, connected) as undefined;
  class PlainTunnel extends HttpAgent {
    override createConnection = open as never;
  }
  class SecureTunnel extends HttpsAgent {
    override createConnection = open as never;
  }
  return {
    httpAgent: new PlainTunnel({ keepAlive: true }),
    httpsAgent: new SecureTunnel({ keepAlive: true, ...tls }),
  };
}

type Way = (given: {
  tls: { ca?: string };
  proxy: () => Promise<string>;
}) => Partial<ForgeServiceOptions> | Promise<Partial<ForgeServiceOptions>>;

const undici = (options: object): Partial<ForgeServiceOptions> => ({
  transport: wire.closeLater(new UndiciTransport(options)),
});

async function fromEnvironment(proxy: () => Promise<string>): Promise<void> {
  const url = await proxy();
  for (const name of PROXY_VARIABLES) process.env[name] = url;
}

const WAYS: readonly (readonly [name: string, way: Way])[] = [
  [
    'axios with agents of the app’s',
    ({ tls }) => ({
      axios: { httpAgent: new HttpAgent({ keepAlive: true }), httpsAgent: new HttpsAgent({ keepAlive: true, ...tls }) },
    }),
  ],
  [
    'axios with agents of the app’s through a proxy',
    async ({ tls, proxy }) => ({
      axios: { ...tunnelAgents(await proxy(), tls), proxy: false },
    }),
  ],
  [
    'axios through its proxy',
    async ({ tls, proxy }) => {
      const { hostname: host, port } = new URL(await proxy());
      return { tls, axios: { proxy: { host, port: Number(port), protocol: 'http' } } };
    },
  ],
  [
    'axios through a proxy of the environment',
    async ({ tls, proxy }) => {
      await fromEnvironment(proxy);
      return { tls };
    },
  ],
  ['undici', ({ tls }) => undici({ tls })],
  ['undici with pipelining', ({ tls }) => undici({ tls, pipelining: 4 })],
  ['undici with one connection and pipelining', ({ tls }) => undici({ tls, connections: 1, pipelining: 4 })],
  ['undici through a proxy', async ({ tls, proxy }) => undici({ tls, proxy: await proxy() })],
  [
    'undici through a proxy, with pipelining',
    async ({ tls, proxy }) => undici({ tls, proxy: await proxy(), pipelining: 4 }),
  ],
  [
    'undici through a proxy, with one connection',
    async ({ tls, proxy }) => undici({ tls, proxy: await proxy(), connections: 1 }),
  ],
  [
    'undici through a proxy of the environment',
    async ({ tls, proxy }) => {
      await fromEnvironment(proxy);
      return undici({ tls });
    },
  ],
  ['undici over an Agent of the app’s', ({ tls }) => ({ transport: new UndiciTransport(new Agent({ connect: tls })) })],
  [
    'undici over a ProxyAgent of the app’s',
    async ({ tls, proxy }) => ({
      transport: new UndiciTransport(new ProxyAgent({ uri: await proxy(), requestTls: tls })),
    }),
  ],
];

const CLOSINGS: readonly (readonly [scheme: string, closing: Closing])[] = [
  ['http', 'closed'],
  ['http', 'closed while idle'],
  ['https', 'reset'],
  ['https', 'closed while idle'],
];

const CASES = WAYS.flatMap(([name, way]) =>
  CLOSINGS.map(([scheme, closing]) => [`${name}, ${scheme}, ${closing}`, way, scheme, closing] as const),
);

describe.each(CASES)('a kept connection, over %s', (_name, way, scheme, closing) => {
  const started = async () => {
    const service = await startForgetful(scheme, closing);
    const options = await way({ tls: service.tls, proxy: startProxy });
    return { ...service, client: wire.client(service.server, options) };
  };

  it('fails no call that may be sent twice: each is sent at most once more', async () => {
    const { client, server, closeIdle } = await started();
    await Promise.all(Array.from({ length: 6 }, (_, at) => client.get(`/first/${at}`)));
    await rest();
    closeIdle();
    const calls = Array.from({ length: 6 }, (_, at) =>
      client.request({ method: at % 2 ? 'PUT' : 'GET', url: `/second/${at}` }),
    );
    const failed = (await Promise.allSettled(calls)).flatMap((end) => (end.status === 'fulfilled' ? [] : [end.reason]));
    expect(failed).toEqual([]);
    for (const at of calls.keys()) expect(server.count(`/second/${at}`)).toBeLessThanOrEqual(2);
  });

  it('fails no call where more connections are dead than calls are made', async () => {
    const { client, server, closeIdle } = await started();
    await Promise.all(Array.from({ length: 6 }, (_, at) => client.get(`/first/${at}`)));
    await rest();
    closeIdle();
    await expect(client.get('/second')).resolves.toMatchObject({ status: 200, attempts: 1 });
    expect(server.count('/second')).toBeLessThanOrEqual(2);
  });

  it('never sends a POST twice: where it cannot know, the call fails with an error of ours', async () => {
    const { client, server, closeIdle } = await started();
    await client.get('/first');
    await rest();
    closeIdle();
    const end = await client.post('/second', { a: 1 }).then(
      ({ status }) => status,
      ({ code }: { code: string }) => code,
    );
    expect([200, 'FORGE_AUTH_CONNECTION']).toContain(end);
    expect(server.count('/second')).toBeLessThanOrEqual(1);
  });
});

/** What a ProxyAgent of the app's has opened, and what it read on the way, nobody learns. */
const OBSERVED = WAYS.filter(([name]) => name !== 'undici over a ProxyAgent of the app’s');
const FRESH = OBSERVED.flatMap(([name, way]) =>
  ['http', 'https'].map((scheme) => [`${name}, ${scheme}`, way, scheme] as const),
);

it.each(FRESH)(
  'a fresh connection that closes without an answer is a failed call, sent once: over %s',
  async (_name, way, scheme) => {
    const server = await wire.server((_request, response) => void response.socket?.destroy(), {
      tls: scheme === 'https',
    });
    const tls = server.ca === undefined ? {} : { ca: server.ca };
    const client = wire.client(server, await way({ tls, proxy: startProxy }));
    await expect(client.get('/')).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION' });
    expect(server.count()).toBe(1);
  },
);
