import { Test, type TestingModule } from '@nestjs/testing';
import {
  type BodyTokenFetcher,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  InMemoryTokenStorage,
  Token,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { type Api, startApi } from '../support/api.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { parentStep } from './parent-step.js';

const nothing = (): void => undefined;
const silent = { log: nothing, warn: nothing, error: nothing };

let issuer: RecordingServer;
let api: Api;
/** Tokens that nobody has revoked, by what they were made with. */
let parents: Map<string, string>;
let refusesOldParents = true;
let lifetime = 600;
const apps: TestingModule[] = [];

const isValid = (token: string): boolean => {
  const parent = parents.get(token);
  return parent !== undefined && (parent === '' || isValid(parent));
};

beforeEach(async () => {
  parents = new Map();
  refusesOldParents = true;
  lifetime = 600;
  issuer = await startServer((request, response) => {
    const parent = String(request.headers['x-parent'] ?? '');
    if (parent !== '' && refusesOldParents && !isValid(parent)) return json(response, 401, { error: 'invalid_token' });
    const token = `${request.path.slice(1)}-${issuer.count(request.path)}`;
    parents.set(token, parent);
    return json(response, 200, { access_token: token, expires_in: lifetime });
  });
  api = await startApi(isValid);
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await api.close();
  await issuer.close();
});

const step = (name: string, parent?: string): BodyTokenFetcher => parentStep(issuer.origin, name, parent);

const GATEWAY = 'gateway';

/** A service whose tokens are made with those of the gateway: app (shared) → user → session. */
async function start(auth: object = {}, storage = new InMemoryTokenStorage()): Promise<ForgeAuthService> {
  const gateway: ForgeServiceOptions = {
    name: GATEWAY,
    baseUrl: api.origin,
    auth: { pipeline: { steps: [step('gateway')] }, ...auth },
  };
  const orders: ForgeServiceOptions = {
    name: 'orders',
    baseUrl: api.origin,
    auth: {
      pipeline: { steps: [{ name: 'app', tokenManager: GATEWAY }, step('user', 'app'), step('session', 'user')] },
    },
  };
  const app = await Test.createTestingModule({
    imports: [ForgeAuthModule.forRoot({ services: [orders, gateway], storage })],
  })
    .setLogger(silent)
    .compile();
  apps.push(app);
  await app.init();
  return app.get(ForgeAuthService);
}

const parentOf = (path: string): unknown =>
  issuer.requests.findLast((request) => request.path === path)?.headers['x-parent'];
const counts = (): number[] => ['/gateway', '/user', '/session'].map((path) => issuer.count(path));

/** Ways in which the gateway's token is taken out of use before its time. */
const WAYS: Record<string, (forge: ForgeAuthService) => Promise<unknown>> = {
  'is invalidated': (forge) => forge.tokens(GATEWAY).invalidate(),
  'is renewed by force': (forge) => forge.tokens(GATEWAY).forceRefresh(),
  'is set by the app': async (forge) => {
    parents.set('gateway-2', '');
    await forge.tokens(GATEWAY).setToken(new Token({ accessToken: 'gateway-2', expiresAt: Date.now() + 600_000 }));
  },
  'is rejected by its service': async (forge) => {
    await forge.client(GATEWAY).get('/');
    parents.delete('gateway-1');
    await forge.client(GATEWAY).get('/');
  },
};

describe.each(Object.entries(WAYS))('where the token of a shared step %s', (way, takeOut) => {
  it('what was made with it is made anew by the next call, and by no other', async () => {
    const forge = await start();
    await forge.client('orders').get('/');
    expect(counts()).toEqual([1, 1, 1]);
    await takeOut(forge);
    for (let call = 0; call < 3; call += 1) await forge.client('orders').get('/');
    expect(parentOf('/user')).toBe('gateway-2');
    expect(parentOf('/session')).toBe('user-2');
    expect(counts().slice(1)).toEqual([2, 2]);
    expect(api.unauthorized).toBe(way === 'is rejected by its service' ? 1 : 0);
  });

  it('what was made with it by a process before is made anew, too', async () => {
    const storage = new InMemoryTokenStorage();
    const before = await start({}, storage);
    await before.client('orders').get('/');
    await apps.pop()?.close();
    const forge = await start({}, storage);
    await forge.client('orders').get('/');
    await forge.client(GATEWAY).get('/');
    expect(counts()).toEqual([1, 1, 1]);
    await takeOut(forge);
    await forge.client('orders').get('/');
    expect(parentOf('/user')).toBe('gateway-2');
    expect(counts().slice(1)).toEqual([2, 2]);
  });
});

it('a token of a shared step that is renewed in time takes nothing along, and is the one for what is made next', async () => {
  const forge = await start({ refreshWindowMs: 1_000 });
  // The gateway's own lives for five seconds, what is made with it for ten minutes.
  lifetime = 5;
  await forge.tokens(GATEWAY).getToken();
  lifetime = 600;
  await forge.client('orders').get('/');
  const deadline = Date.now() + 10_000;
  while (issuer.count('/gateway') < 2 && Date.now() < deadline) {
    await new Promise((resolve) => void setTimeout(resolve, 50));
    await forge.tokens(GATEWAY).getToken();
  }
  await forge.client('orders').get('/');
  expect(counts()).toEqual([2, 1, 1]);
  await forge.pipeline('orders').invalidateStep('user');
  await forge.client('orders').get('/');
  expect(parentOf('/user')).toBe('gateway-2');
  expect(counts()).toEqual([2, 2, 2]);
});

it.each([true, false])(
  'a token of a shared step that was revoked heals by the 401 of the last one (the issuer refuses it itself: %s)',
  async (refuses) => {
    refusesOldParents = refuses;
    const forge = await start();
    await forge.client('orders').get('/');
    parents.delete('gateway-1');
    await forge.client('orders').get('/');
    expect(parentOf('/user')).toBe('gateway-2');
    expect(parentOf('/session')).toBe(issuer.count('/user') === 2 ? 'user-2' : 'user-3');
    expect(issuer.count('/gateway')).toBe(2);
  },
);
