import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { connect } from 'node:net';
import { ForgeDashboardModule, type ForgeDashboardOptions } from 'nestjs-forge-auth/dashboard';
import { expectNoSecrets } from '../support/secrets.js';
import { type DashboardWorld, PLATFORMS, SECRET, startDashboard } from './world.js';

@Injectable()
class HeaderGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-admin'] === 'yes';
  }
}

describe.each(PLATFORMS)('the dashboard on %s', (_platform, adapter) => {
  let world: DashboardWorld;
  afterEach(() => world.close());

  /** The token and the cookie of a page. */
  async function page(): Promise<{ token: string; cookie: string; html: string; answer: Response }> {
    const answer = await fetch(world.url);
    const html = await answer.text();
    const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
    return { token: /name="forge-csrf" content="([^"]+)"/.exec(html)?.[1] ?? '', cookie, html, answer };
  }

  const post = (path: string, headers: Record<string, string> = {}) =>
    fetch(world.url + path, { method: 'POST', headers });
  const act = async (service: string, action: string, headers: Record<string, string> = {}) => {
    const { token, cookie } = await page();
    const answer = await post(`/services/${encodeURIComponent(service)}/${action}`, {
      'x-csrf-token': token,
      cookie,
      ...headers,
    });
    return [answer.status, await answer.json()] as const;
  };

  it('the dashboard is a page under a strict policy, whose script and style come from itself', async () => {
    world = await startDashboard(adapter);
    const { html, answer } = await page();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(answer.headers.get('set-cookie')).toMatch(/^forge_auth_csrf=[\w-]{32}; HttpOnly; SameSite=Strict$/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(html.match(/(?:src|href)="[^"#]+"/g)).toEqual([
      'href="./forge-auth/icon.svg"',
      'href="./forge-auth/dashboard.css"',
      'src="./forge-auth/dashboard.js"',
    ]);
    expect(html).not.toMatch(/https?:\/\//);
    for (const [name, type] of [
      ['css', 'text/css'],
      ['js', 'text/javascript'],
    ]) {
      const asset = await fetch(`${world.url}/dashboard.${name}`);
      expect(asset.headers.get('content-type')).toContain(type);
      expect(asset.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('shows every service, and no secret', async () => {
    world = await startDashboard(adapter, { path: 'ops/tokens' }, { prefix: 'internal' });
    const token = await world.services.tokens('orders').getToken();
    const answer = await fetch(`${world.url}/state`);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({
      services: [
        { name: 'orders', origin: 'https://orders.example', circuit: 'closed', token: { held: true }, history: {} },
        { pipeline: { steps: [{ name: 'app_token' }, { name: 'user_token' }] } },
        { name: 'weather' },
      ],
    });
    expect((await page()).html).toContain('"./tokens/dashboard.js"');
    expectNoSecrets(text, [SECRET, token.accessToken]);
  });

  it('renews, invalidates and warms up, for a page of its own', async () => {
    world = await startDashboard(adapter);
    expect(await act('orders', 'warm-up')).toEqual([200, { outcome: 'done' }]);
    expect(await act('orders', 'warm-up')).toEqual([200, { outcome: 'done' }]);
    expect(world.issuer.tokenRequests).toBe(1);
    expect(await act('orders', 'renew')).toEqual([200, { outcome: 'done' }]);
    expect(world.issuer.tokenRequests).toBe(2);
    await act('orders', 'invalidate');
    expect(world.services.describe().services[0]?.token?.held).toBe(false);
    world.issuer.failNext(9, 'invalid_client');
    expect(await act('orders', 'renew')).toEqual([502, { outcome: 'failed', code: 'FORGE_AUTH_TOKEN_REFUSED' }]);
  });

  it('does nothing for a wrong or missing token, a foreign origin, an unknown service or action', async () => {
    world = await startDashboard(adapter);
    const { token, cookie } = await page();
    const path = '/services/orders/renew';
    const own = new URL(world.url).origin;
    const statuses = await Promise.all(
      [
        {},
        { cookie },
        { 'x-csrf-token': token },
        { cookie, 'x-csrf-token': 'x'.repeat(32) },
        { cookie, 'x-csrf-token': `${token}x` },
        { cookie: 'forge_auth_csrf=', 'x-csrf-token': '' },
        { cookie, 'x-csrf-token': token, origin: 'https://evil.example' },
        { cookie, 'x-csrf-token': token, origin: 'null' },
        { cookie, 'x-csrf-token': token, origin: own, 'sec-fetch-site': 'cross-site' },
      ].map(async (headers) => (await post(path, headers as Record<string, string>)).status),
    );
    expect(statuses).toEqual(Array.from({ length: 9 }, () => 403));
    expect((await act('nobody', 'renew'))[0]).toBe(404);
    expect((await act('weather', 'renew'))[0]).toBe(404);
    expect((await act('__proto__', 'renew'))[0]).toBe(404);
    expect((await act('orders', 'constructor'))[0]).toBe(404);
    expect((await act('../../etc', 'renew'))[0]).toBe(404);
    expect((await fetch(`${world.url}/services/orders/renew`)).status).toBe(404);
    expect((await fetch(`${world.url}/state`, { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await fetch(`${world.url}/events`, { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect(world.issuer.requests).toEqual([]);
    expect(await act('orders', 'renew', { origin: own })).toEqual([200, { outcome: 'done' }]);
  });

  it('keeps everybody out whom the guard refuses, by class, instance or function', async () => {
    const guards: ForgeDashboardOptions['guard'][] = [
      HeaderGuard,
      new HeaderGuard(),
      (request) => (request as { headers: Record<string, string> }).headers['x-admin'] === 'yes',
      async () => 'truthy, not true' as unknown as boolean,
    ];
    for (const [index, guard] of guards.entries()) {
      world = await startDashboard(adapter, { guard }, { providers: [HeaderGuard] });
      for (const path of ['', '/state', '/events', '/dashboard.js'])
        expect((await fetch(world.url + path)).status).toBe(403);
      expect((await post('/services/orders/renew')).status).toBe(403);
      const admitted = await fetch(`${world.url}/state`, { headers: { 'x-admin': 'yes' } });
      expect(admitted.status).toBe(index === 3 ? 403 : 200);
      if (index < 3) await world.close();
    }
  });

  it('streams state, to so many pages and no more, and lets the app close', async () => {
    world = await startDashboard(adapter, { maxStreams: 5 });
    const { port } = new URL(world.url);
    const heads: string[] = [];
    const sockets = Array.from({ length: 1_000 }, () => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.once('data', (chunk) => heads.push(chunk.toString().split('\r\n', 1)[0] ?? ''));
      socket.on('error', () => heads.push('error'));
      socket.write('GET /forge-auth/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
      return socket;
    });
    while (heads.length < 1_000) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(heads.filter((head) => head.includes(' 200 '))).toHaveLength(5);
    expect(heads.filter((head) => head.includes(' 503 '))).toHaveLength(995);
    for (const socket of sockets) socket.destroy();

    let stream: Response;
    do stream = await fetch(`${world.url}/events`);
    while (stream.status !== 200);
    const reader = (stream.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    const received = async (text: string): Promise<string> => {
      for (let all = ''; ;) {
        all += (await reader.read()).value ?? '';
        if (all.includes(text)) return all;
      }
    };
    expect(await received('event: state')).toContain('"name":"orders"');
    await act('orders', 'renew');
    await received('"held":true');
    await world.app.close();
    expect((await reader.read()).done).toBe(true);
  });
});

describe('ForgeDashboardModule', () => {
  it.each([
    ['no options', undefined, 'guard is missing'],
    ['no guard', {}, 'guard is missing'],
    ['null', { guard: null }, 'guard is missing'],
    ['true', { guard: true }, 'guard is missing'],
    ['a path with parameters', { guard: false, path: '/:id' }, 'path must be'],
    ['a path with markup', { guard: false, path: '/"><script>' }, 'path must be'],
    ['a number of streams that is none', { guard: false, maxStreams: -1 }, 'maxStreams must be'],
  ])('refuses %s', (_name, options, message) => {
    expect(() => ForgeDashboardModule.forRoot(options as unknown as ForgeDashboardOptions)).toThrow(message);
  });
});
