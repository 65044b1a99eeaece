import { CLIENT, startTokenEndpoint, USER, type TokenEndpoint, type TokenEndpointOptions } from './token-endpoint.js';

let endpoint: TokenEndpoint;
afterEach(() => endpoint.close());

async function start(options?: TokenEndpointOptions): Promise<void> {
  endpoint = await startTokenEndpoint(options);
}

function basic(id: string = CLIENT.clientId, secret: string = CLIENT.clientSecret): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
}

function ask(params: Record<string, string>, headers: Record<string, string> = basic()): Promise<Response> {
  return fetch(endpoint.url, { method: 'POST', headers, body: new URLSearchParams(params) });
}

async function token(params: Record<string, string> = { grant_type: 'client_credentials' }) {
  return (await (await ask(params)).json()) as Record<string, string>;
}

describe('startTokenEndpoint', () => {
  it('issues unique tokens and knows them', async () => {
    await start();
    const [first, second] = [await token(), await token()];

    expect(first).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 3_600 });
    expect(first['access_token']).not.toBe(second['access_token']);
    expect(endpoint.issued.map(({ accessToken }) => accessToken)).toEqual([
      first['access_token'],
      second['access_token'],
    ]);
    expect(endpoint.isValid(first['access_token'] ?? '')).toBe(true);
    expect(endpoint.isValid('made up')).toBe(false);
    expect(endpoint.tokenRequests).toBe(2);
  });

  it('revokes one token, or all', async () => {
    await start();
    const [a = '', b = ''] = [(await token())['access_token'], (await token())['access_token']];
    endpoint.revoke(a);
    expect([endpoint.isValid(a), endpoint.isValid(b)]).toEqual([false, true]);
    endpoint.revokeAll();
    expect(endpoint.isValid(b)).toBe(false);
  });

  it('lets tokens expire by its own clock', async () => {
    let now = 1_000;
    await start({ expiresIn: '60', now: () => now });
    const issued = (await token())['access_token'] ?? '';
    now += 59_999;
    expect(endpoint.isValid(issued)).toBe(true);
    now += 1;
    expect(endpoint.isValid(issued)).toBe(false);
  });

  it.each([
    [60, { expires_in: 60 }],
    ['60', { expires_in: '60' }],
    [null, { expires_in: null }],
    [undefined, {}],
  ])('sends expires_in %p as it is asked to', async (expiresIn, expected) => {
    await start({ expiresIn });
    const { access_token: _token, token_type: _type, ...rest } = await token();
    expect(rest).toEqual(expected);
  });

  it.each([
    ['basic', {}, basic(), 200],
    ['basic, form-encoded', {}, basic('test%2Dclient', 'test%2Dclient%2Dsecret'), 200],
    ['post', { client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret }, {}, 200],
    ['wrong basic', {}, basic('test-client', 'wrong'), 401],
    ['wrong post', { client_id: CLIENT.clientId, client_secret: 'wrong' }, {}, 401],
    ['no', { client_id: CLIENT.clientId }, {}, 401],
  ])('checks %s credentials', async (_name, params, headers, status) => {
    await start();
    const response = await ask({ grant_type: 'client_credentials', ...params }, headers);
    expect(response.status).toBe(status);
    expect(endpoint.issued).toHaveLength(status === 200 ? 1 : 0);
    const { error } = (await response.json()) as { error?: string };
    expect(error).toBe(status === 200 ? undefined : 'invalid_client');
  });

  it('distinguishes the two kinds of Basic when asked to', async () => {
    await start({ clients: { id: 'a+b%' }, authenticate: 'client_secret_basic' });
    const params = { grant_type: 'client_credentials' };
    expect((await ask(params, basic('id', 'a%2Bb%25'))).status).toBe(200);
    expect((await ask(params, basic('id', 'a+b%'))).status).toBe(401);
    endpoint.configure({ authenticate: 'raw_basic' });
    expect((await ask(params, basic('id', 'a+b%'))).status).toBe(200);
    expect((await ask(params, basic('id', 'a%2Bb%25'))).status).toBe(401);
  });

  it('the token endpoint of the tests knows a public client', async () => {
    await start({ clients: { app: '' }, authenticate: 'none' });
    expect((await ask({ grant_type: 'x', client_id: 'app' }, {})).status).toBe(200);
    expect((await ask({ grant_type: 'x', client_id: 'other' }, {})).status).toBe(401);
  });

  it('checks username and password', async () => {
    await start();
    expect((await ask({ grant_type: 'password', ...USER })).status).toBe(200);
    const refused = await ask({ grant_type: 'password', username: USER.username, password: 'wrong' });
    expect([refused.status, await refused.json()]).toEqual([400, expect.objectContaining({ error: 'invalid_grant' })]);
    expect(endpoint.grantTypes).toEqual(['password', 'password']);
  });

  it('keeps one refresh token, and does not repeat it', async () => {
    await start({ refreshTokens: true });
    const { refresh_token = '' } = await token();
    for (let n = 0; n < 2; n += 1) {
      const refreshed = await token({ grant_type: 'refresh_token', refresh_token });
      expect(refreshed['access_token']).toBeDefined();
      expect(refreshed['refresh_token']).toBeUndefined();
    }
    endpoint.revokeRefreshTokens();
    expect(await token({ grant_type: 'refresh_token', refresh_token })).toMatchObject({ error: 'invalid_grant' });
    expect(endpoint.refreshTokenReuses).toBe(0);
  });

  it('rotates refresh tokens, and revokes the family when one is used twice', async () => {
    await start({ refreshTokens: 'rotate' });
    const first = await token();
    const second = await token({ grant_type: 'refresh_token', refresh_token: first['refresh_token'] ?? '' });
    expect(second['refresh_token']).not.toBe(first['refresh_token']);
    const stranger = await token();

    const reuse = await ask({ grant_type: 'refresh_token', refresh_token: first['refresh_token'] ?? '' });
    expect(reuse.status).toBe(400);
    expect(endpoint.refreshTokenReuses).toBe(1);
    expect(endpoint.isValid(second['access_token'] ?? '')).toBe(false);
    expect(endpoint.isValid(stranger['access_token'] ?? '')).toBe(true);
    const late = await ask({ grant_type: 'refresh_token', refresh_token: second['refresh_token'] ?? '' });
    expect(late.status).toBe(400);
  });

  it('holds requests unprocessed until released', async () => {
    await start();
    endpoint.hold();
    const answers = Promise.all([token(), token()]);
    await endpoint.server.received(2);
    expect(endpoint.held).toBe(2);
    expect(endpoint.issued).toHaveLength(0);

    endpoint.release();
    await answers;
    expect(endpoint.issued).toHaveLength(2);
    expect(endpoint.server.maxConcurrent()).toBe(2);
    await token();
  });

  it('the token endpoint of the tests takes its time', async () => {
    await start({ delayMs: 50 });
    const before = performance.now();
    await token();
    expect(performance.now() - before).toBeGreaterThan(45);
  });

  it('answers as scripted: queued answers first, then respond, then as usual', async () => {
    await start({ respond: ({ headers }) => (headers['x-fail'] ? { status: 500, body: 'no' } : undefined) });
    endpoint.answerNext({ status: 503 }, undefined, 'reset');
    const params = { grant_type: 'client_credentials' };

    expect((await ask(params)).status).toBe(503);
    expect((await ask(params)).status).toBe(200);
    await expect(ask(params)).rejects.toThrow('fetch failed');
    expect((await ask(params, { ...basic(), 'x-fail': '1' })).status).toBe(500);
    expect((await ask(params)).status).toBe(200);
    expect(endpoint.tokenRequests).toBe(5);
  });

  it('changes its behaviour while it runs', async () => {
    await start();
    endpoint.configure({ expiresIn: 5, tokenType: undefined, extra: { id_token: 'x' }, grants: ['password'] });
    expect(await token()).toMatchObject({ error: 'unsupported_grant_type' });
    const answer = await token({ grant_type: 'password', ...USER });
    expect(answer).toEqual({ access_token: expect.any(String), expires_in: 5, id_token: 'x' });
  });
});
