import { startApi, type Api } from './api.js';

let api: Api;
afterEach(() => api.close());

function call(path: string, token?: string): Promise<Response> {
  return fetch(api.origin + path, { headers: token ? { authorization: `Bearer ${token}` } : {} });
}

describe('startApi', () => {
  it('admits valid tokens only, and records what it saw', async () => {
    api = await startApi({ isValid: (token) => token === 'good' });

    expect((await call('/orders?x=1', 'good')).status).toBe(200);
    const refused = await call('/orders', 'bad');
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"']);
    expect((await call('/orders')).headers.get('www-authenticate')).toBe('Bearer');
    expect(api.tokens).toEqual(['good', 'bad']);
    expect(api.unauthorized).toBe(2);
    expect(api.server.count('/orders')).toBe(3);
  });

  it('leaves /health and /public/* open', async () => {
    api = await startApi(() => false);
    const statuses = await Promise.all(
      ['/health', '/public/a/b', '/healthy', '/public'].map(async (path) => (await call(path)).status),
    );
    expect(statuses).toEqual([200, 200, 401, 401]);
  });

  it('makes its answer on arrival and sends it when released', async () => {
    let valid = false;
    api = await startApi(() => valid);
    api.holdResponses();
    const refused = call('/', 'a');
    await api.server.received(1);
    while (api.held < 1) await new Promise(setImmediate);
    valid = true;
    const admitted = call('/', 'b');
    await api.server.received(2);
    expect(api.unauthorized).toBe(1);
    api.release();

    expect([(await refused).status, (await admitted).status]).toEqual([401, 200]);
  });

  it('answers with its handler, and as scripted before that', async () => {
    api = await startApi(() => true, { handler: (request, res) => void res.end(request.method) });
    api.answerNext({ status: 503 });
    expect((await call('/', 't')).status).toBe(503);
    expect(await (await call('/', 't')).text()).toBe('GET');
    api.configure({ respond: () => ({ status: 429 }) });
    expect((await call('/', 't')).status).toBe(429);
  });
});
