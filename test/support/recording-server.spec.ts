import { Agent, request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { text } from 'node:stream/consumers';
import { json, send } from './answer.js';
import { createCertificate } from './certificate.js';
import { startServer, type RecordingServer } from './recording-server.js';

let server: RecordingServer;
afterEach(() => server.close());

function overTls(url: string, options: RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    httpsRequest(url, options, (response) => resolve(text(response)))
      .on('error', reject)
      .end();
  });
}

describe('startServer', () => {
  it('records method, url, headers as sent, and the body', async () => {
    server = await startServer((request, res) => json(res, 201, { got: request.json() }, { 'x-extra': 'yes' }));
    const response = await fetch(`${server.origin}/a%2Fb?q=1&q=2`, {
      method: 'PUT',
      headers: { 'X-Custom': 'Value' },
      body: JSON.stringify({ ü: [1] }),
    });

    expect(response.status).toBe(201);
    expect(response.headers.get('x-extra')).toBe('yes');
    expect(await response.json()).toEqual({ got: { ü: [1] } });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'PUT', url: '/a%2Fb?q=1&q=2', path: '/a%2Fb', complete: true });
    expect(request?.query.getAll('q')).toEqual(['1', '2']);
    expect(request?.headers['x-custom']).toBe('Value');
    expect(request?.rawHeaders).toContain('Value');
    expect(request?.body).toEqual(Buffer.from('{"ü":[1]}'));
    expect(request?.at).toBeLessThanOrEqual(Date.now());
  });

  it('reads a form', async () => {
    server = await startServer((_request, res) => send(res, 204));
    await fetch(server.origin, { method: 'POST', body: new URLSearchParams({ scope: 'a b' }) });

    expect(server.requests[0]?.form().get('scope')).toBe('a b');
  });

  it('counts by path prefix, and forgets on reset', async () => {
    server = await startServer((_request, res) => send(res, 200));
    for (const path of ['/a', '/a/b', '/c']) await fetch(server.origin + path);

    expect(server.count()).toBe(3);
    expect(server.count('/a')).toBe(2);
    server.reset();
    expect(server.count()).toBe(0);
    expect(server.requests).toEqual([]);
  });

  it('waits for requests to arrive', async () => {
    server = await startServer(() => undefined);
    const calls = [1, 2].map((n) => fetch(`${server.origin}/${n}`).catch(() => undefined));

    await server.received(2);
    await expect(server.received(3, '/', 10)).rejects.toThrow('for 3 requests to "/"; 2 arrived');
    await server.close();
    await Promise.all(calls);
  });

  it('distinguishes overlapping requests from those that follow one another', async () => {
    server = await startServer((_request, res) => void setTimeout(() => send(res, 200), 20));
    await Promise.all([1, 2, 3].map(() => fetch(`${server.origin}/together`)));
    for (let n = 0; n < 20; n += 1) await fetch(`${server.origin}/apart`);

    expect(server.maxConcurrent()).toBe(3);
    expect(server.maxConcurrent('/apart')).toBe(1);
    const [first] = server.requests;
    expect((first?.endedAt ?? 0) - (first?.startedAt ?? 0)).toBeGreaterThan(15);
  });

  it('counts connections', async () => {
    server = await startServer((_request, res) => send(res, 200, 'ok'));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let n = 0; n < 3; n += 1) {
      await new Promise((resolve) => {
        httpRequest(server.origin, { agent }, (response) => resolve(text(response))).end();
      });
    }
    expect(server.connections).toBe(1);
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 1]);
    expect(server.openConnections).toBe(1);
    agent.destroy();
  });

  it('closes at once, though requests are pending and connections kept alive', async () => {
    server = await startServer(() => undefined);
    const pending = fetch(server.origin).catch((error: Error) => error.message);
    await server.received(1);
    const before = performance.now();
    await server.close();

    expect(performance.now() - before).toBeLessThan(500);
    expect(await pending).toBe('fetch failed');
  });

  it('answers 500 and fails on close when a handler throws', async () => {
    server = await startServer(() => {
      throw new Error('mistake in the test');
    });
    expect((await fetch(server.origin)).status).toBe(500);
    await expect(server.close()).rejects.toThrow('mistake in the test');
  });

  it('marks a request that was broken off as incomplete', async () => {
    server = await startServer((_request, res) => send(res, 200));
    const call = httpRequest(server.origin, { method: 'POST', headers: { 'content-length': 100 } });
    call.on('error', () => undefined).write('half');
    await new Promise((resolve) => setTimeout(resolve, 50));
    call.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(server.requests[0]).toMatchObject({ complete: false, text: 'half' });
  });
});

describe('startServer over TLS', () => {
  it('startServer over TLS is trusted by those who trust its certificate, and by nobody else', async () => {
    server = await startServer((_request, res) => send(res, 200, 'secure'), { tls: true });

    expect(await overTls(server.origin, { ca: server.ca })).toBe('secure');
    await expect(overTls(server.origin, {})).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(server.count()).toBe(1);
    expect(server.requests[0]?.connection).toBe(1);
  });

  it('sees the client certificate it asks for', async () => {
    const authority = await createCertificate({ commonName: 'Test CA' });
    const client = await createCertificate({ commonName: 'a client', issuer: authority });
    const tls = { requestCert: true, rejectUnauthorized: true, ca: authority.cert };
    server = await startServer((_request, res) => send(res, 200, 'known'), { tls });

    expect(await overTls(server.origin, { ca: server.ca, ...client })).toBe('known');
    expect(server.requests[0]?.clientCertificate?.subject.CN).toBe('a client');
    await expect(overTls(server.origin, { ca: server.ca })).rejects.toThrow(/certificate required|ECONNRESET|hang up/);
  });

  it('shows an expired certificate', async () => {
    const tls = await createCertificate({ notAfter: new Date(Date.now() - 1_000) });
    server = await startServer((_request, res) => send(res, 200), { tls });

    await expect(overTls(server.origin, { ca: tls.cert })).rejects.toMatchObject({ code: 'CERT_HAS_EXPIRED' });
  });
});
