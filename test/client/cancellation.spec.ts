import { getEventListeners } from 'node:events';
import type { Readable } from 'node:stream';
import {
  BearerAuth,
  ClientClosedError,
  ClientCredentialsTokenProvider,
  createForgeClient,
  ExponentialAuthRetryStrategy,
  ExponentialBackoffRetryStrategy,
  type ForgeHttpClient,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { rejection, until } from '../support/async.js';
import { SERVICE, Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

/** A reason that nothing else would reject with. */
class CallerLeft extends Error {}

let caller: AbortController;
let reason: CallerLeft;
beforeEach(() => {
  caller = new AbortController();
  reason = new CallerLeft();
});

async function endpointAndProvider(): Promise<{ endpoint: TokenEndpoint; provider: ClientCredentialsTokenProvider }> {
  const endpoint = wire.closeLater(await startTokenEndpoint());
  return { endpoint, provider: new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT }) };
}

describe('a signal', () => {
  it('a signal that was aborted before sends nothing, and asks for no token and no body', async () => {
    const { endpoint, provider } = await endpointAndProvider();
    const server = await wire.server();
    let asked = 0;
    caller.abort(reason);
    const client = wire.client(server, { auth: { provider } });
    const body = (): string => `body ${(asked += 1)}`;
    await expect(client.post('/', body, { signal: caller.signal })).rejects.toBe(reason);
    await expect(client.get('/', { auth: false, signal: caller.signal })).rejects.toBe(reason);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect([endpoint.tokenRequests, server.connections, asked]).toEqual([0, 0, 0]);
  });

  it('a signal ends the wait for a token; the flight goes on for others', async () => {
    const { endpoint, provider } = await endpointAndProvider();
    const server = await wire.server();
    const client = wire.client(server, { auth: { provider } });
    endpoint.hold();
    const patient = client.get('/patient');
    const leaving = rejection(client.get('/leaving', { signal: caller.signal }));
    await endpoint.server.received(1);
    caller.abort(reason);
    expect(await leaving).toBe(reason);
    endpoint.release();
    await expect(patient).resolves.toMatchObject({ status: 200 });
    expect(endpoint.tokenRequests).toBe(1);
    expect(server.requests.map(({ path }) => path)).toEqual(['/patient']);
  });

  it('a signal ends the wait for a token, and the token request nobody else waits for', async () => {
    const { endpoint, provider } = await endpointAndProvider();
    const server = await wire.server();
    const client = wire.client(server, { auth: { provider } });
    endpoint.hold();
    const leaving = rejection(client.get('/', { signal: caller.signal }));
    await endpoint.server.received(1);
    caller.abort(reason);
    expect(await leaving).toBe(reason);
    await until(() => endpoint.server.openConnections === 0, 'the token request is aborted');
    endpoint.release();
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
  });

  it.each(['hang', 'dribble'] as const)(
    'a signal ends an answer that does %s, and frees the socket',
    async (mishap) => {
      const server = await wire.server((_request, response) => give(response, mishap));
      const leaving = rejection(wire.client(server).get('/', { signal: caller.signal }));
      await server.received(1);
      caller.abort(reason);
      expect(await leaving).toBe(reason);
      await until(() => server.openConnections === 0, 'the connection is closed');
    },
  );

  it('a signal ends the wait between two attempts', async () => {
    const server = await wire.server((_request, response) => give(response, { status: 503 }));
    const retry = new ExponentialBackoffRetryStrategy({ baseDelayMs: 20_000 });
    const leaving = rejection(wire.client(server, { retry }).get('/', { signal: caller.signal }));
    await server.received(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    caller.abort(reason);
    expect(await leaving).toBe(reason);
    expect(server.count()).toBe(1);
  });

  it('a signal ends the wait before a replay, and frees the socket of the answer', async () => {
    const { endpoint, provider } = await endpointAndProvider();
    const server = await wire.server((_request, response) => {
      response.writeHead(401).write('unread');
    });
    const retry = new ExponentialAuthRetryStrategy({ baseDelayMs: 5_000 });
    const client = wire.client(server, { auth: { provider, retry } });
    const leaving = rejection(client.get('/', { signal: caller.signal, responseType: 'stream' }));
    await server.received(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    caller.abort(reason);
    expect(await leaving).toBe(reason);
    expect([server.count(), endpoint.tokenRequests]).toEqual([1, 1]);
    await until(() => server.openConnections === 0, 'the connection is closed');
  });

  it('a signal ends a stream amid its body, and frees the socket', async () => {
    const server = await wire.server((_request, response) => give(response, 'dribble'));
    const { data } = await wire.client(server).get<Readable>('/', { responseType: 'stream', signal: caller.signal });
    const leaving = rejection(data.toArray());
    caller.abort(reason);
    expect(await leaving).toBe(reason);
    await until(() => server.openConnections === 0, 'the connection is closed');
  });

  it('a signal ends the body of a stream that is refused, with its reason', async () => {
    const server = await wire.server((_request, response) => {
      response.writeHead(500).write('x');
    });
    const leaving = rejection(wire.client(server).get('/', { responseType: 'stream', signal: caller.signal }));
    await server.received(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    caller.abort(reason);
    expect(await leaving).toBe(reason);
    await until(() => server.openConnections === 0, 'the connection is closed');
  });

  it('a signal ends a redirect loop', async () => {
    const server = await wire.server((_request, response) => {
      if (server.count() === 3) caller.abort(reason);
      give(response, { status: 302, headers: { location: '/again' } });
    });
    const client = wire.client(server, { maxRedirects: 1_000 });
    await expect(client.get('/', { signal: caller.signal })).rejects.toBe(reason);
    expect(server.count()).toBeLessThanOrEqual(4);
  });

  it('rejects with whatever its reason is', async () => {
    const server = await wire.server((_request, response) => give(response, 'hang'));
    const leaving = wire.client(server).get('/', { signal: AbortSignal.timeout(50) });
    await expect(leaving).rejects.toMatchObject({ name: 'TimeoutError', message: expect.stringContaining('aborted') });
  });

  it('a signal is let go of when the call is over', async () => {
    const server = await wire.server();
    const client = wire.client(server);
    for (let call = 0; call < 20; call += 1) await client.get('/', { signal: caller.signal });
    const { data } = await client.get<Readable>('/', { signal: caller.signal, responseType: 'stream' });
    await data.toArray();
    await until(() => getEventListeners(caller.signal, 'abort').length === 0, 'nobody listens');
    caller.abort(reason);
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
  });

  it('cancels only its own call', async () => {
    const server = await wire.server(({ path }, response) => give(response, path === '/hang' ? 'hang' : { json: {} }));
    const client = wire.client(server);
    const leaving = rejection(client.get('/hang', { signal: caller.signal }));
    await server.received(1);
    caller.abort(reason);
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(await leaving).toBe(reason);
  });
});

describe('close()', () => {
  it('refuses later calls, aborts those under way, and closes connections', async () => {
    const server = await wire.server(({ path }, response) => give(response, path === '/hang' ? 'hang' : { json: {} }));
    const client = wire.client(server);
    await client.get('/');
    const hanging = rejection(client.get('/hang'));
    await server.received(1, '/hang');
    await client.close();
    expect(await hanging).toBeInstanceOf(ClientClosedError);
    const late = await rejection(client.get('/'));
    expect(late).toBeInstanceOf(ClientClosedError);
    expect(late).toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED', serviceName: SERVICE });
    await until(() => server.openConnections === 0, 'connections are closed');
  });

  it('close() ends streams that are still read', async () => {
    const server = await wire.server((_request, response) => give(response, 'dribble'));
    const client = wire.client(server);
    const { data } = await client.get<Readable>('/', { responseType: 'stream' });
    const reading = rejection(data.toArray());
    await client.close();
    expect(await reading).toBeInstanceOf(ClientClosedError);
    await until(() => server.openConnections === 0, 'connections are closed');
  });

  it('reaches a call that waits for a token, and the token request', async () => {
    const { endpoint, provider } = await endpointAndProvider();
    const server = await wire.server();
    const client = wire.client(server, { auth: { provider } });
    endpoint.hold();
    const waiting = rejection(client.get('/'));
    await endpoint.server.received(1);
    await client.close();
    expect(await waiting).toBeInstanceOf(ClientClosedError);
    await until(() => endpoint.server.openConnections === 0, 'connections to the token endpoint are closed');
    expect(server.connections).toBe(0);
  });

  it('reaches a call whose credential never comes', async () => {
    const client = wire.client(await wire.server(), {
      auth: new BearerAuth(() => new Promise<string>(() => undefined)),
    });
    const waiting = rejection(client.get('/'));
    await new Promise((resolve) => setImmediate(resolve));
    await client.close();
    expect(await waiting).toBeInstanceOf(ClientClosedError);
  });

  it('reaches a call that sleeps between two attempts', async () => {
    const server = await wire.server((_request, response) => give(response, { status: 503 }));
    const retry = new ExponentialBackoffRetryStrategy({ baseDelayMs: 20_000 });
    const client = wire.client(server, { retry });
    const sleeping = rejection(client.get('/'));
    await server.received(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await client.close();
    expect(await sleeping).toBeInstanceOf(ClientClosedError);
  });

  it('closes the tokens of a client outside Nest', async () => {
    const { endpoint, provider } = await endpointAndProvider();
    const client = wire.client(await wire.server(), { auth: { provider } });
    await client.get('/');
    await client.close();
    await until(() => endpoint.server.openConnections === 0, 'connections to the token endpoint are closed');
    await expect(client.tokens?.getToken()).rejects.toBeInstanceOf(ClientClosedError);
  });

  it('close() may be called twice, and before any call', async () => {
    const client = wire.client(await wire.server());
    await client.close();
    await client.close();
    await expect(client.get('/')).rejects.toBeInstanceOf(ClientClosedError);
  });

  it('close() is called at the end of the block by await using', async () => {
    const server = await wire.server();
    let kept: ForgeHttpClient;
    {
      await using client = createForgeClient({ name: SERVICE, baseUrl: server.origin });
      kept = client;
      await client.get('/');
    }
    await expect(kept.get('/')).rejects.toBeInstanceOf(ClientClosedError);
    await until(() => server.openConnections === 0, 'connections are closed');
  });
});
