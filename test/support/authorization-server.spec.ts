import { setTimeout as delay } from 'node:timers/promises';
import { CLIENTS, startAuthorizationServer, type AuthorizationServer } from './authorization-server.js';
import { captureEverything } from './capture.js';

type Answer = Record<string, string>;

let server: AuthorizationServer;
afterEach(() => server.close());

const BASIC = `Basic ${Buffer.from(`${CLIENTS.basic.clientId}:${CLIENTS.basic.clientSecret}`).toString('base64')}`;
const ALICE = { grant_type: 'password', username: 'alice', password: 'alice-in-wonderland' };

async function post(url: string, params: Answer, authorization: string | undefined = BASIC): Promise<Answer> {
  const headers: Answer = authorization ? { authorization } : {};
  const response = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(params) });
  const body = await response.text();
  return { status: String(response.status), ...(body ? (JSON.parse(body) as Answer) : {}) };
}

const token = (params: Answer, authorization?: string): Promise<Answer> =>
  post(server.tokenEndpoint, params, authorization);

describe('startAuthorizationServer', () => {
  it('starts and serves without a word on the console', async () => {
    const capture = captureEverything();
    try {
      server = await startAuthorizationServer();
      const { access_token = '' } = await token(ALICE);
      await post(server.introspectionEndpoint, { token: access_token });
      await token({ grant_type: 'client_credentials' });
    } finally {
      capture.stop();
    }
    expect(capture.lines.filter((line) => !line.includes('VM Modules'))).toEqual([]);
  });

  it('issues client credentials to both kinds of confidential client', async () => {
    server = await startAuthorizationServer({ accessTokenTtl: 60 });
    const basic = await token({ grant_type: 'client_credentials', scope: 'read' });
    expect(basic).toMatchObject({ status: '200', token_type: 'Bearer', expires_in: 60, scope: 'read' });
    const { clientId: client_id, clientSecret: client_secret } = CLIENTS.post;
    const posted = await token({ grant_type: 'client_credentials', client_id, client_secret }, '');
    expect(posted['status']).toBe('200');

    expect(await server.isValid(basic['access_token'] ?? '')).toBe(true);
    expect(await server.isValid(posted['access_token'] ?? '')).toBe(true);
    expect(await server.isValid('made up')).toBe(false);
    expect(server.tokenRequests).toBe(2);
    expect(server.grantTypes).toEqual(['client_credentials', 'client_credentials']);
    expect(server.server.requests[0]?.form().get('scope')).toBe('read');
  });

  it('refuses a wrong secret with 401 and a challenge', async () => {
    server = await startAuthorizationServer();
    const response = await fetch(server.tokenEndpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from('basic-client:wrong').toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('Basic');
    expect(await response.json()).toMatchObject({ error: 'invalid_client' });
  });

  it('serves the password grant, to a public client too, and refreshes', async () => {
    server = await startAuthorizationServer();
    const { clientId: client_id } = CLIENTS.public;
    const first = await token({ ...ALICE, scope: 'read', client_id }, '');
    expect(first).toMatchObject({ status: '200', token_type: 'Bearer', scope: 'read' });
    expect(await token({ ...ALICE, password: 'no' })).toMatchObject({ status: '400', error: 'invalid_grant' });

    const params = { grant_type: 'refresh_token', refresh_token: first['refresh_token'] ?? '', client_id };
    const second = await token(params, '');
    expect(second).toMatchObject({ status: '200', refresh_token: first['refresh_token'] });
    expect(await server.isValid(second['access_token'] ?? '')).toBe(true);
    expect((await token(params, ''))['status']).toBe('200');
  });

  it('rotates refresh tokens and revokes everything on reuse', async () => {
    server = await startAuthorizationServer({ rotateRefreshTokens: true });
    const first = await token(ALICE);
    const params = { grant_type: 'refresh_token', refresh_token: first['refresh_token'] ?? '' };
    const second = await token(params);
    expect(second['refresh_token']).not.toBe(first['refresh_token']);
    expect(await token(params)).toMatchObject({ status: '400', error: 'invalid_grant' });
    expect(await server.isValid(second['access_token'] ?? '')).toBe(false);
    expect(await token({ ...params, refresh_token: second['refresh_token'] ?? '' })).toMatchObject({ status: '400' });
  });

  it('lets tokens expire', async () => {
    server = await startAuthorizationServer({ accessTokenTtl: 1 });
    const { access_token = '' } = await token({ grant_type: 'client_credentials' });
    expect(await server.isValid(access_token)).toBe(true);
    await delay(2_100);
    expect(await server.isValid(access_token)).toBe(false);
  });

  it('revokes in process and by request, and introspects', async () => {
    server = await startAuthorizationServer();
    const issue = async () => (await token({ grant_type: 'client_credentials' }))['access_token'] ?? '';
    const [a, b, c] = [await issue(), await issue(), await issue()];
    await server.revoke(a);
    await post(server.revocationEndpoint, { token: b });
    expect(await Promise.all([a, b, c].map((each) => server.isValid(each)))).toEqual([false, false, true]);
    expect(await post(server.introspectionEndpoint, { token: c })).toMatchObject({ active: true });
    await server.revokeAll();
    expect(await post(server.introspectionEndpoint, { token: c })).toMatchObject({ active: false });

    const login = await token(ALICE);
    await server.revoke(login['refresh_token'] ?? '');
    const refused = await token({ grant_type: 'refresh_token', refresh_token: login['refresh_token'] ?? '' });
    expect(refused['status']).toBe('400');
    expect(await server.isValid(login['access_token'] ?? '')).toBe(true);
  });

  it('issues tokens for a resource when resources are given', async () => {
    server = await startAuthorizationServer({ resources: { 'urn:orders': { scope: 'read' } } });
    const params = { grant_type: 'client_credentials', scope: 'read write' };
    const { access_token = '' } = await token({ ...params, resource: 'urn:orders' });
    const seen = await post(server.introspectionEndpoint, { token: access_token });
    expect(seen).toMatchObject({ active: true, aud: 'urn:orders', scope: 'read' });
    expect(await token({ ...params, resource: 'urn:other' })).toMatchObject({ error: 'invalid_target' });
  });

  it('holds token requests until released', async () => {
    server = await startAuthorizationServer();
    server.hold();
    const held = token({ grant_type: 'client_credentials' });
    await server.server.received(1, '/token');
    expect(server.held).toBe(1);
    server.release();
    expect((await held)['status']).toBe('200');
  });

  it('startAuthorizationServer is found by discovery', async () => {
    server = await startAuthorizationServer();
    const metadata = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Answer;
    expect(metadata).toMatchObject({
      issuer: server.issuer,
      token_endpoint: server.tokenEndpoint,
      introspection_endpoint: server.introspectionEndpoint,
      revocation_endpoint: server.revocationEndpoint,
    });
    expect(metadata['grant_types_supported']).toEqual(
      expect.arrayContaining(['client_credentials', 'password', 'refresh_token']),
    );
  });
});
