import { AuthenticationError, type Compliance, type TokenManager } from 'nestjs-forge-auth';
import type { Answer } from '../support/answer.js';
import { FakeClock } from '../support/fake-clock.js';
import { renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { CLIENT } from '../support/token-endpoint.js';
import { rejection, times, until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from './world.js';

const world = new World();
afterEach(() => world.close());

const CANARY = 'canary-4711-secret';
const json = (value: unknown): Answer => ({ json: value });

const adjusted = (compliance: Compliance): TokenManager => world.manager({ provider: world.provider({ compliance }) });

/** Answers that no token can be made of. */
const MALFORMED: readonly [string, Answer][] = [
  ['nothing', { body: '' }],
  ['204', { status: 204 }],
  ['HTML', { headers: { 'content-type': 'text/html' }, body: `<html>${CANARY}</html>` }],
  ['HTML labelled JSON', { headers: { 'content-type': 'application/json' }, body: `<html>${CANARY}</html>` }],
  ['half a JSON', { headers: { 'content-type': 'application/json' }, body: `{"access_token":"${CANARY}` }],
  ['a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `access_token=${CANARY}` }],
  ['bytes', { body: Buffer.from([0xff, 0xfe, 0x00, 0x80]) }],
  ['bytes labelled gzip', { headers: { 'content-encoding': 'gzip' }, body: CANARY }],
  ['null', json(null)],
  ['a text', json(CANARY)],
  ['a number', json(7)],
  ['a list', json([{ access_token: CANARY }])],
  ['an empty object', json({})],
  ['200 with an error', json({ error: 'invalid_scope', error_description: CANARY })],
  ['200 with an error that is an object', json({ error: { message: CANARY } })],
  ['200 with an error and a token', json({ error: 'consent_required', access_token: CANARY })],
  ['an access token that is a number', json({ access_token: 4711 })],
  ['an access token that is an object', json({ access_token: { value: CANARY } })],
  ['an access token of null', json({ access_token: null, token_type: 'Bearer' })],
  ['an access token of spaces', json({ access_token: '  ' })],
  ['an access token with a line break', json({ access_token: `${CANARY}\r\nx-evil: 1` })],
  ['a token type that is a number', json({ access_token: CANARY, token_type: 1 })],
  ['a token type with a line break', json({ access_token: CANARY, token_type: 'Bearer\r\n' })],
  ['a negative lifetime', json({ access_token: CANARY, expires_in: -60 })],
  ['a lifetime of NaN', json({ access_token: CANARY, expires_in: 'NaN' })],
  ['a lifetime in words', json({ access_token: CANARY, expires_in: 'one hour' })],
  ['a lifetime that is an object', json({ access_token: CANARY, expires_in: {} })],
  ['a refresh token that is a list', json({ access_token: CANARY, refresh_token: [CANARY] })],
  ['a scope that is a number', json({ access_token: CANARY, scope: 1 })],
  [
    '10 MB',
    { headers: { 'content-type': 'application/json' }, body: `{"access_token":"a","x":"${CANARY.repeat(600_000)}"}` },
  ],
  ['a redirect', { status: 302, headers: { location: `https://evil.example/?${CANARY}` } }],
  ['a redirect that keeps the body', { status: 307, headers: { location: `https://evil.example/?${CANARY}` } }],
  ['400 without a body', { status: 400 }],
  ['400 with HTML', { status: 400, headers: { 'content-type': 'text/html' }, body: CANARY }],
  ['400 with an error of many words', { status: 400, json: { error: `no good: ${CANARY}` } }],
  ['400 with a list', { status: 400, json: [CANARY] }],
  ['401 with a challenge', { status: 401, headers: { 'www-authenticate': `Basic realm="${CANARY}"` }, body: CANARY }],
  ['403', { status: 403, body: CANARY }],
  ['404', { status: 404, body: CANARY }],
  ['429', { status: 429, headers: { 'retry-after': CANARY } }],
  ['500', { status: 500, body: CANARY }],
  ['502 with HTML', { status: 502, headers: { 'content-type': 'text/html' }, body: `<h1>${CANARY}</h1>` }],
  ['503', { status: 503 }],
  ['an unheard-of status', { status: 599, body: CANARY }],
  ['silence', 'hang'],
  ['a reset', 'reset'],
  ['spaces for ever, slowly', 'dribble'],
  ['bytes for ever, fast', 'endless'],
  ['half of what was announced', 'truncate'],
];

const DEADLINE_MS = 400;

describe('a token endpoint that answers', () => {
  it.each(MALFORMED)('%s is an AuthenticationError within the deadline, for all who wait', async (_name, answer) => {
    await world.start({ respond: () => answer });
    const logger = recordingLogger();
    const auth = { provider: world.provider(), deadlineMs: DEADLINE_MS };
    const client = world.client({ auth }, { logger });
    const startedAt = performance.now();
    const errors = await Promise.all(times(20, () => rejection<AuthenticationError>(client.get('/'))));
    // Generous: what matters is that it ends, and that nothing but the deadline ends it.
    expect(performance.now() - startedAt).toBeLessThan(DEADLINE_MS + 3_000);
    expect(new Set(errors).size).toBe(1);
    const [error] = errors;
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ serviceName: 'orders' });
    expect(error?.code).toMatch(/^FORGE_AUTH_TOKEN_/);
    expectNoSecrets(renderError(error) + logger.warnings.join(), [CANARY, CLIENT.clientSecret]);
    expect(world.endpoint.tokenRequests).toBeLessThanOrEqual(3);
    expect(world.api.server.count()).toBe(0);
  });

  it.each(MALFORMED)('%s and then a token leaves nothing behind', async (_name, answer) => {
    await world.start();
    const client = world.client({ auth: { provider: world.singleShot(), deadlineMs: 200 } });
    world.endpoint.answerNext(answer);
    await expect(client.get('/')).rejects.toBeInstanceOf(AuthenticationError);
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(2);
    await client.close();
    await until(() => world.endpoint.server.openConnections === 0, 'no connection is left');
  });

  it('something that will pass is asked again in the same flight', async () => {
    await world.start();
    const client = world.client();
    world.endpoint.answerNext({ status: 502, body: '<h1>Bad Gateway</h1>' }, 'reset');
    await Promise.all(times(50, () => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(3);
  });

  it('an error keeps the words of RFC 6749 §5.2, and shows only those of the prescribed form', async () => {
    await world.start();
    const manager = world.manager();
    world.endpoint.answerNext({ status: 400, json: { error: 'invalid_scope', error_description: CANARY } });
    const error = await rejection<AuthenticationError>(manager.getToken());
    expect([error.error, error.errorDescription, error.status, error.code]).toEqual([
      'invalid_scope',
      CANARY,
      400,
      'FORGE_AUTH_TOKEN_REFUSED',
    ]);
    expect(error.message).toBe('Token request for "orders" failed: invalid_scope (HTTP 400).');
    expectNoSecrets(renderError(error), [CANARY]);
  });
});

/** Answers that are not by the book, and just work. */
const CARELESS: readonly [string, Answer, Partial<{ expiresInMs: number | undefined; scheme: string }>][] = [
  ['no token type', json({ access_token: 'a', expires_in: 60 }), {}],
  ['a token type of null', json({ access_token: 'a', token_type: null, expires_in: 60 }), {}],
  ['a token type in capitals', json({ access_token: 'a', token_type: 'BEARER', expires_in: 60 }), {}],
  ['N_A', json({ access_token: 'a', token_type: 'N_A', expires_in: 60 }), {}],
  ['another token type', json({ access_token: 'a', token_type: 'mac', expires_in: 60 }), { scheme: 'mac' }],
  ['a lifetime as a text', json({ access_token: 'a', expires_in: '60' }), {}],
  ['a fractional lifetime', json({ access_token: 'a', expires_in: 60.0 }), {}],
  ['a lifetime of null', json({ access_token: 'a', expires_in: null }), { expiresInMs: undefined }],
  ['no lifetime', json({ access_token: 'a' }), { expiresInMs: undefined }],
  ['a refresh token of null', json({ access_token: 'a', refresh_token: null, expires_in: 60 }), {}],
  ['an error of null', json({ access_token: 'a', error: null, expires_in: 60 }), {}],
  ['a scope as a list', json({ access_token: 'a', scope: ['x'], expires_in: 60 }), {}],
  ['an id token that is none', json({ access_token: 'a', id_token: 'no.jwt', expires_in: 60 }), {}],
  ['201', { status: 201, json: { access_token: 'a', expires_in: 60 } }, {}],
  [
    'JSON labelled text/html',
    { headers: { 'content-type': 'text/html' }, body: '{"access_token":"a","expires_in":60}' },
    {},
  ],
  ['JSON without a label', { body: '{"access_token":"a","expires_in":60}' }, {}],
  [
    'JSON after a byte order mark',
    { headers: { 'content-type': 'application/json' }, body: '\uFEFF{"access_token":"a","expires_in":60}' },
    {},
  ],
  [
    'JSON in another charset',
    {
      headers: { 'content-type': 'application/json; charset=utf-16le' },
      body: Buffer.from('{"access_token":"a","expires_in":60}', 'utf16le'),
    },
    {},
  ],
  [
    'a pretended challenge beside the token',
    { headers: { 'www-authenticate': 'Basic' }, json: { access_token: 'a', expires_in: 60 } },
    {},
  ],
];

describe('a careless issuer that answers', () => {
  it.each(CARELESS)('%s is understood', async (_name, answer, { scheme = 'Bearer', ...expected }) => {
    await world.start({ respond: () => answer }, { respond: () => ({ status: 200 }) });
    const client = world.client();
    await client.get('/');
    const token = (client.tokens as TokenManager).peek();
    const expiresInMs = 'expiresInMs' in expected ? expected.expiresInMs : 60_000;
    expect(token?.expiresAt === undefined).toBe(expiresInMs === undefined);
    expect((token?.expiresAt ?? 0) - Date.now()).toBeLessThanOrEqual(60_000);
    expect(world.api.server.requests[0]?.headers.authorization).toBe(`${scheme} a`);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('a lifetime as a text is one', async () => {
    await world.start({ expiresIn: '3600' });
    const before = Date.now();
    const token = await world.manager().getToken();
    expect(token.expiresAt).toBeGreaterThanOrEqual(before + 3_600_000);
    expect(token.expiresAt).toBeLessThanOrEqual(Date.now() + 3_600_000);
  });

  it('what it sends beside the token is kept', async () => {
    await world.start({ extra: { tenant: 'a', ext_expires_in: 7_200 } });
    expect((await world.manager().getToken()).extra).toEqual({ tenant: 'a', ext_expires_in: 7_200 });
  });
});

describe('compliance', () => {
  it('changes a token request in place, or answers another one', async () => {
    await world.start();
    await adjusted({
      tokenRequest(request) {
        request.headers['x-tenant'] = 'a';
        request.body.set('device', 'd');
      },
    }).getToken();
    await adjusted({
      tokenRequest: async (request) => ({
        ...request,
        url: `${request.url}?by=query`,
        headers: { ...request.headers, 'x-b': '1' },
      }),
    }).getToken();
    const [first, second] = world.endpoint.server.requests;
    expect([first?.headers['x-tenant'], first?.form().get('device')]).toEqual(['a', 'd']);
    expect(first?.form().get('grant_type')).toBe('client_credentials');
    expect([second?.query.get('by'), second?.headers['x-b']]).toEqual(['query', '1']);
  });

  it('adjusts a token answer of any shape', async () => {
    await world.start({ respond: () => json({ result: { token: 'adjusted', seconds: 60 } }) });
    const token = await adjusted({
      tokenResponse(response) {
        const { result } = response.body as { result: { token: string; seconds: number } };
        return { ...response, body: { access_token: result.token, expires_in: result.seconds } };
      },
    }).getToken();
    expect(token.accessToken).toBe('adjusted');
  });

  it('adjusts an answer in place, and one that is no JSON', async () => {
    await world.start({ respond: () => ({ status: 400, body: 'token=adjusted' }) });
    const token = await adjusted({
      tokenResponse(response) {
        response.status = 200;
        response.body = Object.fromEntries(
          [...new URLSearchParams(response.body as string)].map(([, value]) => ['access_token', value]),
        );
      },
    }).getToken();
    expect(token.accessToken).toBe('adjusted');
  });

  it('compliance has hooks of its own for refreshing', async () => {
    await world.start({ refreshTokens: true });
    const seen: string[] = [];
    const record = (name: string) => (): void => void seen.push(name);
    const refreshing = adjusted({
      tokenRequest: record('tokenRequest'),
      tokenResponse: record('tokenResponse'),
      refreshRequest: record('refreshRequest'),
      refreshResponse: record('refreshResponse'),
    });
    await refreshing.getToken();
    await refreshing.forceRefresh();
    expect(seen).toEqual(['tokenRequest', 'tokenResponse', 'refreshRequest', 'refreshResponse']);
  });

  it.each<[string, Compliance]>([
    [
      'tokenRequest',
      {
        tokenRequest() {
          throw new Error(CANARY);
        },
      },
    ],
    ['tokenResponse', { tokenResponse: async () => Promise.reject(new TypeError(CANARY)) }],
  ])('compliance that throws in %s is a typed error that shows nothing of it', async (_name, compliance) => {
    await world.start();
    const error = await rejection<AuthenticationError>(adjusted(compliance).getToken());
    expect(error).toBeInstanceOf(AuthenticationError);
    expectNoSecrets(renderError(error), [CANARY]);
  });

  it('compliance cannot send secrets in the clear to another machine', async () => {
    await world.start();
    const elsewhere: Compliance = {
      tokenRequest: (request) => ({ ...request, url: 'http://elsewhere.example/token' }),
    };
    await expect(adjusted(elsewhere).getToken()).rejects.toThrow('plain http');
    expect(world.endpoint.tokenRequests).toBe(0);
  });
});

describe('onToken', () => {
  it('calls onToken with every token before it is used, and with the one before where it was refreshed', async () => {
    await world.start({ refreshTokens: true });
    const reported: unknown[] = [];
    const provider = world.provider({
      async onToken(token, previous) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        reported.push([token.accessToken, previous?.accessToken]);
      },
    });
    const manager = world.manager({ provider });
    const first = await manager.getToken();
    expect(reported).toEqual([[first.accessToken, undefined]]);
    const second = await manager.forceRefresh();
    expect(reported[1]).toEqual([second.accessToken, first.accessToken]);
  });

  it('logs an onToken that fails, without the secrets in its message, and fails nothing', async () => {
    await world.start();
    const logger = recordingLogger();
    const provider = world.provider({ onToken: async () => Promise.reject(new Error(CANARY)) });
    await world.manager({ provider, logger }).getToken();
    expect(logger.warnings).toEqual([expect.stringMatching(/^onToken of "orders" failed: Error: \[redacted\]/)]);
    expect(logger.warnings.join()).not.toContain(CANARY);
  });
});

describe('secrets', () => {
  it('secrets that are functions are read once, and again when the issuer no longer knows them', async () => {
    await world.start();
    const reads: string[] = [];
    let secret: string = CLIENT.clientSecret;
    const clientSecret = async (): Promise<string> => {
      reads.push(secret);
      return secret;
    };
    const manager = world.manager({ provider: world.provider({ clientSecret }) });
    await Promise.all(times(50, () => manager.getToken()));
    expect(reads).toEqual([CLIENT.clientSecret]);
    secret = 'rotated-client-secret';
    world.endpoint.configure({ clients: { [CLIENT.clientId]: secret } });
    await Promise.all(times(50, () => manager.forceRefresh()));
    expect(reads).toEqual([CLIENT.clientSecret, 'rotated-client-secret']);
    expect(world.endpoint.tokenRequests).toBe(3);
  });

  it('secrets that did not change are not sent again', async () => {
    await world.start({ clients: {} });
    const manager = world.manager({ provider: world.provider({ clientSecret: () => CLIENT.clientSecret }) });
    await expect(manager.getToken()).rejects.toMatchObject({ error: 'invalid_client' });
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it.each<[string, () => never]>([
    [
      'throws',
      () => {
        throw new Error(CANARY);
      },
    ],
    ['answers nothing', () => undefined as never],
    ['answers an empty text', () => '' as never],
    ['answers a number', () => 4711 as never],
  ])('secrets whose function %s are a typed error', async (_name, clientSecret) => {
    await world.start();
    const error = await rejection<AuthenticationError>(
      world.manager({ provider: world.provider({ clientSecret }) }).getToken(),
    );
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.code).toBe('FORGE_AUTH_CREDENTIAL_FAILED');
    expect(error.message).toContain('clientSecret');
    expectNoSecrets(renderError(error), [CANARY]);
    expect(world.endpoint.tokenRequests).toBe(0);
  });

  it('secrets whose function hangs once are read again by the next flight', async () => {
    await world.start();
    let reads = 0;
    const clientSecret = (): Promise<string> => {
      reads += 1;
      return reads === 1 ? new Promise(() => undefined) : Promise.resolve(CLIENT.clientSecret);
    };
    const clock = new FakeClock();
    const manager = world.manager({ provider: world.provider({ clientSecret }), clock });
    const waiting = rejection(manager.getToken());
    await clock.advance(5_000);
    expect(await waiting).toMatchObject({ code: 'FORGE_AUTH_CREDENTIAL_FAILED', serviceName: 'orders' });
    await expect(manager.getToken()).resolves.toMatchObject({ tokenType: 'Bearer' });
    expect(reads).toBe(2);
  });
});
