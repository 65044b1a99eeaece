import { connect } from 'node:net';
import { TestIssuer } from 'nestjs-forge-auth/testing';

const FORM = 'application/x-www-form-urlencoded';
const CLIENT = 'client_id=app&client_secret=app-secret';
const MACHINE = `grant_type=client_credentials&${CLIENT}`;
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await TestIssuer.start({
    clients: { app: 'app-secret' },
    users: { ada: 'right' },
    claims: (subject) => {
      if (subject === 'broken') throw new Error('no claims');
      return {};
    },
  });
});
afterAll(() => issuer.close());

interface Sent {
  readonly body?: string;
  readonly type?: string;
  readonly authorization?: string;
  readonly method?: string;
  readonly url?: string;
}

async function send({ body, type = FORM, authorization, method = 'POST', url = issuer.tokenUrl }: Sent) {
  const headers = { 'content-type': type, ...(authorization === undefined ? undefined : { authorization }) };
  const answer = await fetch(url, { method, headers, ...(body === undefined ? undefined : { body }) });
  const text = await answer.text();
  const { error } = (text === '' ? {} : JSON.parse(text)) as { error?: string };
  return { status: answer.status, error, headers: answer.headers };
}

/** RFC 6749 §5.2: 400 and `invalid_request`, where the request is at fault. */
it.each<[string, Sent]>([
  ['no parameters', {}],
  ['no grant_type', { body: CLIENT }],
  ['an empty grant_type', { body: `grant_type=&${CLIENT}` }],
  ['another content type', { body: MACHINE, type: 'text/plain' }],
  ['a content type that only mentions the right one', { body: MACHINE, type: `text/plain; was="${FORM}"` }],
  ['multipart', { body: MACHINE, type: 'multipart/form-data; boundary=x' }],
  ['a doubled grant_type', { body: `${MACHINE}&grant_type=password` }],
  ['a doubled parameter of the same value', { body: `${MACHINE}&scope=a&scope=a` }],
  ['a body of 2 MB', { body: `${MACHINE}&scope=${'x'.repeat(2_000_000)}` }],
  ['broken JSON', { body: '{"grant_type":', type: 'application/json' }],
  ['JSON that is null', { body: 'null', type: 'application/json' }],
  ['JSON that is a list', { body: '[["grant_type","client_credentials"]]', type: 'application/json' }],
  [
    'JSON with an object as scope',
    { body: '{"grant_type":"client_credentials","scope":{}}', type: 'application/json' },
  ],
  ['two ways to authenticate', { body: MACHINE, authorization: basic('app:app-secret') }],
  ['a password grant without a password', { body: `grant_type=password&username=ada&${CLIENT}` }],
  ['a password grant without a user', { body: `grant_type=password&password=right&${CLIENT}` }],
  ['a refresh grant without its token', { body: `grant_type=refresh_token&${CLIENT}` }],
  ['a refresh grant with an empty token', { body: `grant_type=refresh_token&refresh_token=&${CLIENT}` }],
  ['a code grant without its code', { body: `grant_type=authorization_code&${CLIENT}` }],
  ['a device grant without its code', { body: `grant_type=urn:ietf:params:oauth:grant-type:device_code&${CLIENT}` }],
  ['an assertion grant without one', { body: `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&${CLIENT}` }],
  ['an exchange of nothing', { body: `grant_type=urn:ietf:params:oauth:grant-type:token-exchange&${CLIENT}` }],
])('a token request with %s is an invalid_request', async (_name, sent) => {
  const authorization = sent.body?.includes(CLIENT) === true ? undefined : basic('app:app-secret');
  const { status, error } = await send({ ...(authorization === undefined ? undefined : { authorization }), ...sent });
  expect([status, error]).toEqual([400, 'invalid_request']);
});

it.each<[string, Sent]>([
  ['no client', { body: 'grant_type=client_credentials' }],
  ['a wrong secret', { body: 'grant_type=client_credentials&client_id=app&client_secret=other' }],
  ['an unknown client', { body: 'grant_type=client_credentials&client_id=__proto__&client_secret=x' }],
  ...['Basic', 'Basic ', 'Basic %%%', 'Basic app:app-secret', basic('app'), basic(''), basic('%E0%A4%A:x')].map(
    (authorization): [string, Sent] => [
      `the header "${authorization}"`,
      { body: 'grant_type=client_credentials', authorization },
    ],
  ),
])('a token request with %s is an invalid_client, with a challenge', async (_name, sent) => {
  const { status, error, headers } = await send(sent);
  expect([status, error, headers.get('www-authenticate')]).toEqual([401, 'invalid_client', 'Basic realm="test"']);
});

it('another error keeps its own code, and a good request still gets its token', async () => {
  const error = async (body: string) => (await send({ body: `${body}&${CLIENT}` })).error;
  expect(await error('grant_type=constructor')).toBe('unsupported_grant_type');
  expect(await error('grant_type=password&username=__proto__&password=x')).toBe('invalid_grant');
  expect(await error('grant_type=refresh_token&refresh_token=never-issued')).toBe('invalid_grant');
  expect(await error('grant_type=authorization_code&code=never-issued')).toBe('invalid_grant');
  expect(await error('grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=no.jwt')).toBe('invalid_grant');
  expect((await send({ body: `${MACHINE}&resource=https://a.test&resource=https://b.test` })).status).toBe(200);
  expect((await send({ body: 'grant_type=client_credentials', authorization: basic('app:app-secret') })).status).toBe(
    200,
  );
  const json = { grant_type: 'client_credentials', client_id: 'app', client_secret: 'app-secret' };
  expect((await send({ body: JSON.stringify(json), type: 'application/json; charset=utf-8' })).status).toBe(200);
});

it('takes POST alone at its token, revocation and introspection endpoints', async () => {
  for (const url of [issuer.tokenUrl, issuer.revocationUrl, issuer.introspectionUrl])
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const { status, headers } = await send({ url: `${url}?${MACHINE}`, method });
      expect([method, status, headers.get('allow')]).toEqual([method, 405, 'POST']);
    }
  for (const url of [issuer.revocationUrl, issuer.introspectionUrl])
    expect(await send({ url, body: CLIENT })).toMatchObject({ status: 400, error: 'invalid_request' });
});

it('outlives requests that are none, uploads that end early, and claims that throw', async () => {
  const { port } = new URL(issuer.url);
  const raw = (text: string) =>
    new Promise<string>((resolve) => {
      let received = '';
      const socket = connect(Number(port), '127.0.0.1', () => socket.end(text));
      socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
      socket.on('error', () => undefined).on('close', () => resolve(received.split('\r\n', 1)[0] ?? ''));
    });
  const head = 'Host: issuer\r\nConnection: close\r\n';
  expect(await raw(`GET // HTTP/1.1\r\n${head}\r\n`)).toContain(' 404 ');
  expect(await raw(`OPTIONS * HTTP/1.1\r\n${head}\r\n`)).toContain(' 404 ');
  expect(await raw('this is no HTTP\r\n\r\n')).toContain(' 400 ');
  await raw(`POST /token HTTP/1.1\r\n${head}Content-Type: ${FORM}\r\nContent-Length: 100\r\n\r\ngrant_type=`);
  const { accessToken } = await (async () => {
    await send({ body: `grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=broken&${CLIENT}` });
    return issuer.issued.at(-1) as { accessToken: string };
  })();
  const userInfo = await fetch(issuer.userInfoUrl, { headers: { authorization: `Bearer ${accessToken}` } });
  expect([userInfo.status, await userInfo.json()]).toEqual([
    500,
    { error: 'server_error', error_description: 'Error: no claims' },
  ]);
  expect((await send({ body: MACHINE })).status).toBe(200);
});

it.each([
  [{ expiresIn: 60 }, 'TestIssuer.start(): there is no option expiresIn. Did you mean expiresInMs'],
  [{ expiresInMs: '60' }, 'expiresInMs must be a number of milliseconds'],
  [{ clock: {} }, 'clock must be a clock'],
])('an option that an issuer does not have, or that is malformed, is refused by name: %j', async (options, problem) => {
  await expect(TestIssuer.start(options as never)).rejects.toThrow(problem);
});
