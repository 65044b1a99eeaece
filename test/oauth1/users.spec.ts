import {
  AuthenticationError,
  CompositeAuth,
  ConfigurationError,
  createForgeClient,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  InvalidRequestError,
  OAuth1Auth,
  OAuth1Flow,
  type OAuth1FlowOptions,
  type OAuth1UserTokens,
} from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { expectNoSecrets } from '../support/secrets.js';
import { CLIENT, type OAuth1Server, startOAuth1Server } from './oauth1-server.js';

let server: OAuth1Server;
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  server = await startOAuth1Server();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  await server.close();
});

function flowWith(options: Partial<OAuth1FlowOptions> = {}): OAuth1Flow {
  const flow = new OAuth1Flow({ ...CLIENT, ...server.urls, callbackUrl: 'https://app.example/back', ...options });
  open.push(flow);
  return flow;
}

function clientWith(
  tokens: OAuth1UserTokens,
  wrap = (auth: OAuth1Auth): ForgeServiceOptions['auth'] => auth,
): ForgeHttpClient {
  const auth = wrap(new OAuth1Auth({ ...CLIENT, tokens }));
  const client = createForgeClient({ name: 'photos', baseUrl: server.origin, ...(auth && { auth }) });
  open.push(client);
  return client;
}

/** Goes the three legs as one user. */
async function connect(flow: OAuth1Flow, subject: string): Promise<string> {
  const request = await flow.requestToken({ subject });
  const access = await flow.handleCallback(server.consent(flow.authorizationUrl(request)));
  expect(access.subject).toBe(subject);
  return access.token;
}

describe('the tokens of users', () => {
  it('the tokens of users are put on the calls that name them, each on its own', async () => {
    const flow = flowWith();
    const client = clientWith(flow);
    const [alice, bob] = [await connect(flow, 'alice'), await connect(flow, 'bob')];
    const answers = await Promise.all(
      ['alice', 'bob', 'alice'].map((subject) => client.get('/photos', { auth: { subject } })),
    );
    expect(answers.map(({ data }) => data)).toEqual([alice, bob, alice].map((token) => ({ token })));
    const viaAxios = await client.axiosRef.get('/photos', { forge: { auth: { subject: 'bob' } } });
    expect(viaAxios.data).toEqual({ token: bob });
  });

  it('the tokens of users are put on by a member of a composite, too', async () => {
    const flow = flowWith();
    const client = clientWith(flow, (auth) => new CompositeAuth([auth]));
    const token = await connect(flow, 'alice');
    expect((await client.get('/photos', { auth: { subject: 'alice' } })).data).toEqual({ token });
  });

  it('the tokens of users stand in the storage for all processes, under hashed names, encrypted where there are keys', async () => {
    const storage = new Map<string, string>();
    const encryption = { keys: [{ id: 'k1', key: Buffer.alloc(32, 7) }] };
    const [one, other] = [flowWith({ storage, encryption }), flowWith({ storage, encryption })];
    const token = await connect(one, 'alice@example.com');
    const { tokenSecret } = await one.forSubject('alice@example.com').getToken();
    expectNoSecrets(JSON.stringify([...storage]), [token, tokenSecret, 'alice@example.com']);
    const answer = await clientWith(other).get('/photos', { auth: { subject: 'alice@example.com' } });
    expect(answer.data).toEqual({ token });
  });

  it('the tokens of users can be set, asked for and forgotten, and other processes see it within seconds', async () => {
    const storage = new Map<string, string>();
    const clock = new FakeClock({ now: Date.now() });
    const [one, other] = [flowWith({ storage, clock }), flowWith({ storage, clock })];
    const [here, there] = [one.forSubject('alice'), other.forSubject('alice')];
    expect(await there.has()).toBe(false);
    await here.setToken({ token: 't1', tokenSecret: 's1' });
    expect(await here.getToken()).toEqual({ token: 't1', tokenSecret: 's1' });
    await clock.advance(5_000);
    expect(await there.getToken()).toEqual({ token: 't1', tokenSecret: 's1' });
    await here.forget();
    expect(await here.has()).toBe(false);
    await clock.advance(5_000);
    await expect(there.getToken()).rejects.toMatchObject({ code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' });
  });

  it('the tokens of users are there while the storage is down, and are stored when it is back', async () => {
    const kept = new Map<string, string>();
    let down = true;
    const check = (): void => {
      if (down) throw new Error('down');
    };
    const storage = {
      get: (key: string) => (check(), kept.get(key)),
      set: (key: string, value: string) => (check(), kept.set(key, value)),
    };
    const clock = new FakeClock({ now: Date.now() });
    const flow = flowWith({ storage, clock });
    await flow.forSubject('alice').setToken({ token: 't1', tokenSecret: 's1' });
    expect(await flow.forSubject('alice').has()).toBe(true);
    down = false;
    await clock.advance(60_000);
    expect(await flow.forSubject('alice').has()).toBe(true);
    expect([...kept.keys()].filter((key) => key.includes(':token:'))).toHaveLength(1);
  });

  it('the tokens of users come from a store of the app', async () => {
    const flow = flowWith();
    const token = await connect(flow, 'alice');
    const found = await flow.forSubject('alice').getToken();
    const rows = new Map([['alice', { token: found.token, tokenSecret: found.tokenSecret, plan: 'free' }]]);
    const client = clientWith({ forSubject: (subject) => ({ getToken: async () => rows.get(subject) }) });
    expect((await client.get('/photos', { auth: { subject: 'alice' } })).data).toEqual({ token });
    const call = client.get('/photos', { auth: { subject: 'bob' } });
    await expect(call).rejects.toMatchObject({
      code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
      serviceName: 'photos',
      transient: false,
    });
  });
});

describe('a call', () => {
  it.each<[string, object | undefined]>([
    ['that names no user', undefined],
    ['that names somebody who has not consented', { subject: 'mallory' }],
  ])('%s is not sent', async (_name, auth) => {
    const call = clientWith(flowWith()).get('/photos', auth && { auth });
    await expect(call).rejects.toThrow(AuthenticationError);
    await expect(call).rejects.toMatchObject({ code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED', transient: false });
    expect(server.requests).toHaveLength(0);
  });

  it('a call can name no user where the service has one token for all', async () => {
    const auth = new OAuth1Auth({ ...CLIENT, token: 't', tokenSecret: 's' });
    const client = createForgeClient({ name: 'photos', baseUrl: server.origin, auth });
    open.push(client);
    await expect(client.get('/photos', { auth: { subject: 'alice' } })).rejects.toThrow(InvalidRequestError);
  });
});

const make = (options: object) => (): OAuth1Auth => new OAuth1Auth({ ...CLIENT, ...options });

it('refuses tokens beside a token, what is no store, and users without a name', async () => {
  const flow = flowWith();
  expect(make({ tokens: flow, token: 't', tokenSecret: 's' })).toThrow(ConfigurationError);
  expect(make({ tokens: new Map() })).toThrow(/tokens must be an OAuth1Flow/);
  expect(() => flow.forSubject('')).toThrow(InvalidRequestError);
  await expect(flow.requestToken({ subject: '' })).rejects.toThrow(InvalidRequestError);
  expect(server.requests).toHaveLength(0);
});
