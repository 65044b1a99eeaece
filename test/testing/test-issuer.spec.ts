import { createRemoteJWKSet, decodeJwt, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import * as client from 'openid-client';
import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  PasswordGrantTokenProvider,
  TokenManager,
} from 'nestjs-forge-auth';
import { FakeClock, TestIssuer, type TestIssuerOptions } from 'nestjs-forge-auth/testing';
import { startServer } from '../support/recording-server.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(options?: TestIssuerOptions): Promise<TestIssuer> {
  const issuer = await TestIssuer.start(options);
  cleanups.push(() => issuer.close());
  return issuer;
}

async function ask(issuer: TestIssuer, form: Record<string, string>, headers: Record<string, string> = {}) {
  const answer = await fetch(issuer.tokenUrl, { method: 'POST', headers, body: new URLSearchParams(form) });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}

const machine = { grant_type: 'client_credentials', client_id: 'app', client_secret: 'app-secret' };

describe('TestIssuer', () => {
  it('serves a client of ours: its tokens are good until they are revoked, and a 401 brings a new one', async () => {
    const issuer = await start();
    const api = await startServer((request, response) => {
      response.statusCode = issuer.isValid(request.headers['authorization']) ? 204 : 401;
      response.end();
    });
    const orders = createForgeClient({
      name: 'orders',
      baseUrl: api.origin,
      auth: {
        provider: new ClientCredentialsTokenProvider({
          issuer: issuer.issuer,
          clientId: 'app',
          clientSecret: 'app-secret',
          allowInsecure: true,
        }),
      },
    });
    cleanups.push(
      () => api.close(),
      () => orders.close(),
    );
    expect((await orders.get('/')).status).toBe(204);
    issuer.revokeAll();
    expect((await orders.get('/')).status).toBe(204);
    expect(issuer.counters).toMatchObject({ token: 2, issued: 2 });
    expect(issuer.requests.find(({ path }) => path === '/token')).toMatchObject({
      method: 'POST',
      grantType: 'client_credentials',
      headers: { authorization: expect.stringMatching(/^Basic /) },
    });
  });

  it('TestIssuer is discovered, and speaks the code flow with PKCE and a signed ID token to a certified client', async () => {
    const issuer = await start({
      clients: { web: 'web-secret' },
      claims: (subject) => ({ email: `${subject}@example.org` }),
    });
    const config = await client.discovery(new URL(issuer.issuer), 'web', 'web-secret', undefined, {
      execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
    });
    const codeVerifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: 'http://app.test/callback',
      scope: 'openid email',
      code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      state: 'a-state',
      nonce: 'a-nonce',
      login_hint: 'ada',
    });
    const redirect = await fetch(url, { redirect: 'manual' });
    const callback = new URL(redirect.headers.get('location') ?? '');
    const checks = { pkceCodeVerifier: codeVerifier, expectedState: 'a-state', expectedNonce: 'a-nonce' };
    const tokens = await client.authorizationCodeGrant(config, callback, checks);
    expect(tokens.claims()).toMatchObject({ sub: 'ada', aud: 'web', email: 'ada@example.org' });
    expect(await client.fetchUserInfo(config, tokens.access_token, 'ada')).toMatchObject({ sub: 'ada' });
    await expect(client.authorizationCodeGrant(config, callback, checks)).rejects.toMatchObject({
      error: 'invalid_grant',
    });

    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '');
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    await expect(client.refreshTokenGrant(config, tokens.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    expect(issuer.refreshTokenReuses).toBe(1);

    expect(await client.tokenIntrospection(config, refreshed.access_token)).toMatchObject({ active: true, sub: 'ada' });
    await client.tokenRevocation(config, refreshed.access_token);
    expect(await client.tokenIntrospection(config, refreshed.access_token)).toEqual({ active: false });
  });

  it('refuses a wrong secret, an unknown client, a wrong password and a code challenge that does not fit', async () => {
    const issuer = await start({ clients: { app: 'app-secret' }, users: { ada: 'right' } });
    expect(await ask(issuer, { ...machine, client_secret: 'wrong' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
    expect(await ask(issuer, { ...machine, client_id: 'constructor' })).toMatchObject({ status: 401 });
    const password = { ...machine, grant_type: 'password', username: 'ada', password: 'wrong' };
    expect(await ask(issuer, password)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await ask(issuer, { ...password, password: 'right' })).toMatchObject({ status: 200 });
    expect(await ask(issuer, { ...machine, grant_type: 'toString' })).toMatchObject({
      body: { error: 'unsupported_grant_type' },
    });
    const asked = `${issuer.authorizationUrl}?client_id=app&redirect_uri=http%3A%2F%2Fapp.test%2F&code_challenge=abc`;
    const code = new URL((await fetch(asked, { redirect: 'manual' })).headers.get('location') ?? '').searchParams.get(
      'code',
    );
    const exchange = {
      ...machine,
      grant_type: 'authorization_code',
      code: `${code}`,
      redirect_uri: 'http://app.test/',
      code_verifier: 'other',
    };
    expect(await ask(issuer, exchange)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('knows a client by its signed assertion', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const issuer = await start({
      clients: { app: { jwks: { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] } } },
    });
    const assert = async (key: Parameters<SignJWT['sign']>[0]) =>
      ask(issuer, {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await new SignJWT({ iss: 'app', sub: 'app', aud: issuer.tokenUrl })
          .setProtectedHeader({ alg: 'ES256' })
          .setExpirationTime('1m')
          .sign(key),
      });
    expect(await assert(privateKey)).toMatchObject({ status: 200 });
    expect(await assert((await generateKeyPair('ES256')).privateKey)).toMatchObject({ status: 401 });
  });

  it('grants to devices, by assertion, and in exchange', async () => {
    const issuer = await start({ approveDevices: false });
    const started = await fetch(issuer.deviceAuthorizationUrl, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'tv' }),
    });
    const device = (await started.json()) as { device_code: string; user_code: string };
    const poll = {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: 'tv',
      device_code: device.device_code,
    };
    expect(await ask(issuer, poll)).toMatchObject({ status: 400, body: { error: 'authorization_pending' } });
    issuer.approveDevice(device.user_code, 'grace');
    expect(await ask(issuer, poll)).toMatchObject({ status: 200 });
    expect(issuer.issued.at(-1)).toMatchObject({ subject: 'grace', clientId: 'tv' });

    const bearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const asserted = await ask(issuer, {
      ...machine,
      grant_type: bearer,
      assertion: await issuer.sign({ sub: 'robot' }),
    });
    expect([asserted.status, issuer.issued.at(-1)?.subject]).toEqual([200, 'robot']);
    const exchange = {
      ...machine,
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: `${asserted.body['access_token']}`,
      audience: 'billing',
    };
    expect((await ask(issuer, exchange)).body).toMatchObject({
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    });
    expect(issuer.issued.at(-1)).toMatchObject({ subject: 'robot', audience: 'billing' });
  });

  it('fails as often as it is asked to, by status, by error, in detail or by a reset, and then no more', async () => {
    const issuer = await start();
    issuer.failNext(2);
    issuer.failNext(1, 'invalid_scope');
    issuer.failNext(1, { status: 429, error: 'slow_down', headers: { 'retry-after': '7' } });
    issuer.failNext(1, { reset: true });
    expect((await ask(issuer, machine)).status).toBe(503);
    expect((await ask(issuer, machine)).status).toBe(503);
    expect(await ask(issuer, machine)).toEqual({ status: 400, body: { error: 'invalid_scope' } });
    const limited = await fetch(issuer.tokenUrl, { method: 'POST' });
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
    await expect(ask(issuer, machine)).rejects.toThrow('fetch failed');
    expect((await ask(issuer, machine)).status).toBe(200);
    expect(issuer.tokenRequests).toBe(6);
  });

  it('answers malformed, and slowly', async () => {
    const issuer = await start();
    issuer.answerMalformed();
    await expect(ask(issuer, machine)).rejects.toThrow('JSON');
    issuer.slowDown(80);
    const before = performance.now();
    await ask(issuer, machine);
    expect(performance.now() - before).toBeGreaterThan(70);
    issuer.reset();
    expect(issuer.requests).toEqual([]);
  });

  it('counts the age of its tokens by a clock of the test', async () => {
    const clock = new FakeClock();
    const issuer = await start({ clock });
    issuer.expireIn(60_000);
    const { body } = await ask(issuer, machine);
    expect([body['expires_in'], issuer.isValid(body['access_token'])]).toEqual([60, true]);
    await clock.advance(60_000);
    expect(issuer.isValid(body['access_token'])).toBe(false);
  });

  it('signs access tokens that are JWTs, and publishes its old keys beside the new one', async () => {
    const issuer = await start({ jwtAccessTokens: true });
    const old = (await ask(issuer, { ...machine, scope: 'read', audience: 'orders' })).body['access_token'] ?? '';
    await issuer.rotateKeys();
    const { payload } = await jwtVerify(old, createRemoteJWKSet(new URL(issuer.jwksUrl)), {
      issuer: issuer.issuer,
      audience: 'orders',
    });
    expect(payload).toMatchObject({ sub: 'app', scope: 'read', client_id: 'app' });
    await issuer.rotateKeys({ keepOld: false });
    await expect(jwtVerify(old, createRemoteJWKSet(new URL(issuer.jwksUrl)))).rejects.toMatchObject({
      code: 'ERR_JWKS_NO_MATCHING_KEY',
    });
    expect(decodeJwt(await issuer.sign({ sub: 'x' })).iss).toBe(issuer.issuer);
  });

  it('rotates refresh tokens unless it is configured not to', async () => {
    const issuer = await start();
    const manager = new TokenManager({
      provider: new PasswordGrantTokenProvider({
        tokenUrl: issuer.tokenUrl,
        clientId: 'app',
        clientSecret: 'app-secret',
        username: 'ada',
        password: 'right-pass',
      }),
    });
    cleanups.push(() => manager.close());
    const first = await manager.getToken();
    const second = await manager.forceRefresh();
    expect(second.refreshToken).not.toBe(first.refreshToken);
    issuer.rotate(false);
    expect((await manager.forceRefresh()).refreshToken).toBe(second.refreshToken);
    expect(issuer.requests.map(({ grantType }) => grantType)).toEqual(['password', 'refresh_token', 'refresh_token']);
  });
});
