import { type CanActivate, Injectable } from '@nestjs/common';
import { EventEmitter, once } from 'node:events';
import { request as nodeRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ForgeDashboardOptions } from 'nestjs-forge-auth/dashboard';
import { type DashboardWorld, PLATFORMS, startDashboard } from './world.js';

@Injectable()
class ArrowGuard implements CanActivate {
  canActivate = () => false;
}

type Headers = Readonly<Record<string, string | string[]>>;

describe.each(PLATFORMS)('the dashboard on %s, under attack', (_platform, adapter) => {
  let world: DashboardWorld;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await world.close();
  });

  /** Sends a request as it is: no client corrects its path, method or headers. */
  function send(method: string, path: string, headers: Headers = {}): Promise<{ status: number; body: string }> {
    const { hostname, port, pathname } = new URL(world.url);
    return new Promise((resolve, reject) => {
      const sent = nodeRequest({ hostname, port, method, path: pathname + path, headers, agent: false }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      });
      sent.on('error', reject).end();
    });
  }

  /** Opens a connection, and writes to it what is no whole request. */
  function hold(text: string): Socket {
    const { hostname, port } = new URL(world.url);
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  }

  /** The token and the cookie of a new session. */
  async function session(): Promise<{ token: string; cookie: string }> {
    const answer = await fetch(world.url);
    const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
    return { token: /name="forge-csrf" content="([^"]+)"/.exec(await answer.text())?.[1] ?? '', cookie };
  }

  it('takes no token that is not of its own session, once, in its header', async () => {
    world = await startDashboard(adapter);
    const [own, other] = [await session(), await session()];
    expect(own.token).not.toBe(other.token);
    const { token, cookie } = own;
    const name = cookie.split('=', 1)[0] ?? '';
    const attempts: Headers[] = [
      { cookie, 'x-csrf-token': other.token },
      { cookie: other.cookie, 'x-csrf-token': token },
      { cookie, 'x-csrf-token': [token, token] },
      { cookie, 'x-csrf-token': [token, other.token] },
      { cookie, 'x-csrf-token': token.toUpperCase() },
      { cookie, 'x-csrf-token': token.slice(1) },
      { cookie, 'x-csrf-token': '' },
      { cookie: `${name}`, 'x-csrf-token': token },
      { cookie: `x${cookie}`, 'x-csrf-token': token },
      { cookie: `${name}=${token}=`, 'x-csrf-token': `${token}=` },
      { cookie, 'csrf-token': token },
    ];
    for (const headers of attempts)
      expect({ headers, ...(await send('POST', '/services/orders/renew', headers)) }).toMatchObject({ status: 403 });
    expect((await send('POST', `/services/orders/renew?x-csrf-token=${token}`, { cookie })).status).toBe(403);
    expect(world.issuer.requests).toEqual([]);
    expect((await send('POST', '/services/orders/renew', { cookie, 'x-csrf-token': token })).status).toBe(200);
  });

  it('acts for no page of another origin, and for its own behind a proxy', async () => {
    world = await startDashboard(adapter);
    const { token, cookie } = await session();
    const { host } = new URL(world.url);
    const post = async (headers: Headers) =>
      (await send('POST', '/services/orders/warm-up', { cookie, 'x-csrf-token': token, ...headers })).status;
    const foreign = ['null', '', 'https://evil.example', `http://${host}.evil.example`, `http://user@evil.example`];
    for (const origin of [...foreign, 'file://', 'not a URL', `http://${host}, https://evil.example`])
      expect([origin, await post({ origin })]).toEqual([origin, 403]);
    for (const site of ['cross-site', 'same-site'])
      expect(await post({ origin: `http://${host}`, 'sec-fetch-site': site })).toBe(403);
    expect(world.issuer.requests).toEqual([]);
    expect(await post({})).toBe(200);
    expect(await post({ origin: `http://${host}` })).toBe(200);
    expect(await post({ origin: 'https://ops.example', 'x-forwarded-host': 'ops.example' })).toBe(200);
    expect(await post({ origin: 'null', 'sec-fetch-site': 'same-origin' })).toBe(200);
  });

  it('does nothing for the names of no service, whatever is in them', async () => {
    world = await startDashboard(adapter);
    const { token, cookie } = await session();
    const names = [
      '__proto__',
      'constructor',
      'toString',
      '%00',
      '%0d%0aX:%20y',
      '%2e%2e%2f',
      '%F0%9F%94%91',
      'orders%00',
    ];
    const unreadable = ['%E0%A4%A', '%', '%zz'];
    for (const name of [...names, ...unreadable, 'ORDERS', 'orders%20', '', 'x'.repeat(5_000), '%3Cscript%3E'])
      for (const action of ['renew', 'invalidate', 'warm-up', '__proto__', '%E0%A4%A']) {
        const { status } = await send('POST', `/services/${name}/${action}`, { cookie, 'x-csrf-token': token });
        expect({ name, action, refused: status >= 400 && status < 500 }).toEqual({ name, action, refused: true });
      }
    expect(world.issuer.requests).toEqual([]);
    const markup = encodeURIComponent('<img src=x onerror=alert(1)>');
    const renewed = await send('POST', `/services/${markup}/renew`, { cookie, 'x-csrf-token': token });
    expect(renewed).toEqual({ status: 200, body: '{"outcome":"done"}' });
  });

  it('answers no other method than its own', async () => {
    world = await startDashboard(adapter, { maxStreams: 1 });
    const { token, cookie } = await session();
    const headers = { cookie, 'x-csrf-token': token };
    for (const path of ['', '/state', '/events', '/dashboard.js', '/dashboard.css', '/icon.svg'])
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'])
        expect([method, path, (await send(method, path, headers)).body.includes('"outcome"')]).toEqual([
          method,
          path,
          false,
        ]);
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])
      expect((await send(method, '/services/orders/renew', headers)).status).toBe(404);
    expect(world.issuer.requests).toEqual([]);
    // Whoever asks for the head of a stream takes no place of one.
    for (let asked = 0; asked < 3; asked += 1) {
      const { status, body } = await send('HEAD', '/events');
      expect([[200, 404].includes(status), body]).toEqual([true, '']);
    }
    expect(await firstLineOfStream()).toContain(' 200 ');
  });

  /** Opens a stream; resolves with the first line of the answer. */
  function firstLineOfStream(): Promise<string> {
    const { host, pathname } = new URL(world.url);
    const socket = hold(`GET ${pathname}/events HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return new Promise((resolve) =>
      socket.once('data', (chunk) => resolve(chunk.toString().split('\r\n', 1)[0] ?? '')),
    );
  }

  it('serves the others while 1,000 clients send their request for ever', async () => {
    world = await startDashboard(adapter);
    const { host, pathname } = new URL(world.url);
    for (let client = 0; client < 500; client += 1) {
      hold(`GET ${pathname}/events HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `);
      hold(`POST ${pathname}/services/orders/renew HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000\r\n\r\n{`);
    }
    while (sockets.some((socket) => socket.connecting)) await delay(10);
    expect((await send('GET', '/state')).status).toBe(200);
    expect(await firstLineOfStream()).toContain(' 200 ');
    const { token, cookie } = await session();
    expect((await send('POST', '/services/orders/renew', { cookie, 'x-csrf-token': token })).status).toBe(200);
  });

  it.each<[string, ForgeDashboardOptions['guard'], number]>([
    [
      'throws',
      () => {
        throw new Error('canary-guard');
      },
      500,
    ],
    [
      'rejects',
      async () => {
        throw new Error('canary-guard');
      },
      500,
    ],
    ['returns a text', (() => 'yes') as never, 403],
    ['returns a number', (() => 1) as never, 403],
    ['returns an object', (() => ({ allowed: true })) as never, 403],
    ['returns nothing', (() => undefined) as never, 403],
    ['resolves to a text', (async () => 'true') as never, 403],
    ['refuses later', async () => delay(20, false), 403],
    ['is a class whose method is a property', ArrowGuard, 403],
    ['allows later', async () => delay(20, true), 200],
  ])('answers for a guard that %s', async (_name, guard, status) => {
    world = await startDashboard(adapter, { guard });
    for (const path of ['', '/state', '/dashboard.js']) {
      const answer = await send('GET', path);
      expect([path, answer.status, answer.body.includes('canary')]).toEqual([path, status, false]);
    }
    const acted = await send('POST', '/services/orders/renew');
    expect([acted.status, world.issuer.requests.length]).toEqual([status === 500 ? 500 : 403, 0]);
  });

  it('keeps no place for clients that left before the guard answered, and serves others while it hangs', async () => {
    const waiting: unknown[] = [];
    const decisions = new EventEmitter();
    const decided = once(decisions, 'admit').then(() => true);
    world = await startDashboard(adapter, {
      maxStreams: 2,
      guard: (request) => {
        const { headers } = request as { headers: Record<string, string> };
        if (headers['x-admin'] === 'yes') return true;
        waiting.push(request);
        return decided;
      },
    });
    const { host, pathname } = new URL(world.url);
    for (let client = 0; client < 20; client += 1)
      hold(`GET ${pathname}/events HTTP/1.1\r\nHost: ${host}\r\n\r\nGET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    while (waiting.length < 20) await delay(10);
    expect((await send('GET', '/state', { 'x-admin': 'yes' })).status).toBe(200);
    const gone = sockets.splice(0).map((socket) => new Promise((resolve) => socket.once('close', resolve).destroy()));
    await Promise.all(gone);
    await delay(50);
    decisions.emit('admit');
    await delay(50);
    for (let stream = 0; stream < 2; stream += 1) expect(await firstLineOfStream()).toContain(' 200 ');
    expect(await firstLineOfStream()).toContain(' 503 ');
  });
});
