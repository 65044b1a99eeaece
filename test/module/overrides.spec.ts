import { jest } from '@jest/globals';
import { HttpService } from '@nestjs/axios';
import { Inject, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { firstValueFrom } from 'rxjs';
import {
  ApiKeyAuth,
  AuthenticationError,
  BearerAuth,
  ClientCredentialsTokenProvider,
  CompositeAuth,
  createForgeClient,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeHttpClient,
  getForgeClientToken,
  getTokenManagerToken,
  InjectForgeClient,
  InjectTokenManager,
  isAuthenticationError,
  StaticTokenProvider,
  Token,
  TokenManager,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { bootFailure } from './boot.js';

@Injectable()
class Orders {
  constructor(
    @InjectForgeClient('orders') readonly client: ForgeHttpClient,
    @InjectTokenManager('orders') readonly tokens: TokenManager,
  ) {}
}

let api: RecordingServer;
const closing: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  api = await startServer((_request, response) => json(response, 200, {}));
});
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
  await api.close();
});

const sent = (): (string | undefined)[] => api.requests.map(({ headers }) => headers['authorization'] as string);

/** Would fail if it were asked: there is no such issuer. */
const provider = new ClientCredentialsTokenProvider({
  tokenUrl: 'http://127.0.0.1:1/token',
  clientId: 'client',
  clientSecret: 'secret',
});

function testing(registered: 'forRoot' | 'forFeature', auth: object = { provider }) {
  const service = { name: 'orders', baseUrl: api.origin, auth } as never;
  const registration =
    registered === 'forRoot' ? ForgeAuthModule.forRoot({ services: [service] }) : ForgeAuthModule.forFeature(service);
  return Test.createTestingModule({ imports: [registration], providers: [Orders] }).setLogger(recordingLogger());
}

describe.each(['forRoot', 'forFeature'] as const)('overriding a token manager of %s', (registered) => {
  it('a token manager that a test overrides is what the client uses, once per call, before and after the application is initialized', async () => {
    let count = 0;
    const fake = { getToken: async () => new Token({ accessToken: `fake-${(count += 1)}` }) };
    const module = await testing(registered).overrideProvider(getTokenManagerToken('orders')).useValue(fake).compile();
    closing.push(module);
    await module.get(Orders).client.get('/a');
    await module.init();
    await module.get(Orders).client.get('/b');
    expect(sent()).toEqual(['Bearer fake-1', 'Bearer fake-2']);
    expect(module.get(Orders).tokens).toBe(fake);
    expect(module.get(Orders).client.tokens).toBe(fake);
    expect(module.get(ForgeAuthService).tokens('orders')).toBe(fake);
  });

  it('a token manager that overrides another may be another TokenManager, which keeps its token', async () => {
    const manager = new TokenManager({ provider: new StaticTokenProvider('of-the-test') });
    const module = await testing(registered)
      .overrideProvider(getTokenManagerToken('orders'))
      .useValue(manager)
      .compile();
    closing.push(module);
    await module.init();
    await module.get(Orders).client.get('/a');
    expect(sent()).toEqual(['Bearer of-the-test']);
  });

  it('replaces a token that the service rejects by what forceRefresh returns', async () => {
    api.handler = (request, response) =>
      json(response, request.headers['authorization'] === 'Bearer new' ? 200 : 401, {});
    let current = new Token({ accessToken: 'old' });
    const fake = {
      getToken: async () => current,
      forceRefresh: async () => (current = new Token({ accessToken: 'new' })),
    };
    const module = await testing(registered).overrideProvider(getTokenManagerToken('orders')).useValue(fake).compile();
    closing.push(module);
    await module.init();
    await module.get(Orders).client.get('/a');
    expect(sent()).toEqual(['Bearer old', 'Bearer new']);
  });
});

it('takes the place of a manager that the options give, and of one that is shared by name', async () => {
  const given = new TokenManager({ provider: new StaticTokenProvider('of-the-options') });
  closing.push(given);
  const services = [
    { name: 'orders', baseUrl: api.origin, auth: { tokenManager: given } },
    { name: 'invoices', baseUrl: api.origin, auth: { tokenManager: 'orders' } },
  ];
  const module = await Test.createTestingModule({ imports: [ForgeAuthModule.forRoot({ services })] })
    .setLogger(recordingLogger())
    .overrideProvider(getTokenManagerToken('orders'))
    .useValue({ getToken: async () => new Token({ accessToken: 'fake' }) })
    .compile();
  closing.push(module);
  await module.init();
  await module.get(ForgeAuthService).client('orders').get('/a');
  await module.get(ForgeAuthService).client('invoices').get('/b');
  expect(sent()).toEqual(['Bearer fake', 'Bearer fake']);
});

it('stops the start where what is put in its place has no getToken()', async () => {
  const module = await testing('forRoot').overrideProvider(getTokenManagerToken('orders')).useValue({}).compile();
  const error = await rejection(module.init());
  expect(error.message).toContain('Service "orders"');
  expect(error.message).toContain('getToken()');
});

it('overriding a client is what ForgeAuthService and HttpService give', async () => {
  @Injectable()
  class Legacy {
    constructor(@Inject(HttpService) readonly http: HttpService) {}
  }
  const fake = createForgeClient({ name: 'fake', baseUrl: api.origin, auth: new BearerAuth('of-the-test') });
  closing.push({ close: () => fake.close() });
  const feature = ForgeAuthModule.forFeature({
    name: 'orders',
    baseUrl: 'http://127.0.0.1:1',
    auth: { provider },
    provideHttpService: true,
  });
  const module = await Test.createTestingModule({ imports: [feature], providers: [Legacy] })
    .setLogger(recordingLogger())
    .overrideProvider(getForgeClientToken('orders'))
    .useValue(fake)
    .compile();
  closing.push(module);
  await module.init();
  expect(module.get(ForgeAuthService).client('orders')).toBe(fake);
  await firstValueFrom(module.get(Legacy).http.get('/a'));
  expect(sent()).toEqual(['Bearer of-the-test']);
});

describe('a service without tokens', () => {
  it('says so where its tokens, or its pipeline, are asked for', async () => {
    const services = [
      { name: 'orders', baseUrl: api.origin, auth: new ApiKeyAuth('key') },
      { name: 'open', baseUrl: api.origin },
    ];
    const module = await Test.createTestingModule({ imports: [ForgeAuthModule.forRoot({ services })] })
      .setLogger(recordingLogger())
      .compile();
    closing.push(module);
    await module.init();
    const forge = module.get(ForgeAuthService);
    for (const name of ['orders', 'open']) {
      expect(() => forge.tokens(name)).toThrow(`Service "${name}" has no tokens. Give it auth: { provider }`);
      expect(() => forge.pipeline(name)).toThrow(`Service "${name}" has no pipeline.`);
    }
    expect(() => forge.tokens('nobody')).toThrow('No service is named "nobody"');
  });

  it.each([
    ['an API key', () => ({ auth: new ApiKeyAuth('key') }), false],
    ['nothing', () => ({}), false],
    ['a provider', () => ({ auth: { provider: new StaticTokenProvider('a') } }), true],
    [
      'a composite with a provider',
      () => ({ auth: new CompositeAuth([new ApiKeyAuth('key'), { provider: new StaticTokenProvider('a') }] as never) }),
      true,
    ],
    ['a composite without', () => ({ auth: new CompositeAuth([new ApiKeyAuth('key')]) }), false],
  ])('a service without tokens of %s says the same before and after the first call', async (_what, auth, has) => {
    const client = createForgeClient({ name: 'orders', baseUrl: api.origin, ...auth() });
    closing.push({ close: () => client.close() });
    expect(client.tokens !== undefined).toBe(has);
    await client.get('/');
    expect(client.tokens !== undefined).toBe(has);
  });
});

it('knows the authentication errors of another copy of the package', async () => {
  jest.resetModules();
  const copy = await import('../../src/errors.js');
  expect(copy.AuthenticationError).not.toBe(AuthenticationError);
  expect(isAuthenticationError(new copy.TokenRefreshError('refused'))).toBe(true);
  expect(isAuthenticationError(new copy.AuthenticationError('refused'))).toBe(true);
  expect(isAuthenticationError(new copy.ConnectionError('reset'))).toBe(false);
});

it('a boot without overrides stays as it is', async () => {
  const error = await bootFailure({
    imports: [ForgeAuthModule.forFeature({ name: 'orders', baseUrl: api.origin, auth: {} })],
  });
  expect(error.message).toContain('exactly one of provider');
});
