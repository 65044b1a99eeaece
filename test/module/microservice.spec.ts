import { Controller, type INestMicroservice, Inject, Module, type Type } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { type ClientProxy, ClientProxyFactory, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import {
  AuthorizationCodeTokenProvider,
  CallerTokenAuth,
  ForgeAuthExceptionFilter,
  ForgeAuthModule,
  ForgeAuthService,
  ForgeRequestContext,
  SignInRequiredFilter,
} from 'nestjs-forge-auth';
import { firstValueFrom } from 'rxjs';
import { json } from '../support/answer.js';
import { freePort } from '../support/free-port.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection, times } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';

let api: RecordingServer;
let release: () => void;
let app: INestMicroservice;
let caller: ClientProxy;

beforeEach(async () => {
  const released = new Promise<void>((resolve) => (release = resolve));
  api = await startServer(async ({ path }, response) => {
    if (path === '/fails') return json(response, 503, {}, { 'retry-after': '17' });
    await released;
    json(response, 200, { done: true });
  });
});

afterEach(async () => {
  release();
  await caller.close();
  await app.close();
  await api.close();
});

@Controller()
class Orders {
  constructor(@Inject(ForgeAuthService) readonly forge: ForgeAuthService) {}

  @MessagePattern('ship')
  async ship(): Promise<unknown> {
    const client = this.forge.client('orders');
    await client.get('/1');
    return (await client.get('/2')).data;
  }

  @MessagePattern('fail')
  fail(): Promise<unknown> {
    return this.forge.client('orders').get('/fails');
  }

  @MessagePattern('forward')
  async forward(@Payload() { bearerToken, wait }: { bearerToken: string; wait: number }): Promise<unknown> {
    return ForgeRequestContext.run({ bearerToken }, async () => {
      await new Promise((resolve) => setTimeout(resolve, wait));
      return (await this.forge.client('caller').get(`/mine?of=${bearerToken}`)).data;
    });
  }

  @MessagePattern('events')
  events(@Payload() { subject }: { subject: string }): Promise<unknown> {
    return ForgeRequestContext.run({ subject }, () => this.forge.client('calendar').get('/', { auth: { subject } }));
  }
}

async function start(filter: Type, shutdownGraceMs = 0): Promise<void> {
  const provider = new AuthorizationCodeTokenProvider({
    tokenUrl: 'http://127.0.0.1:1/token',
    authorizationUrl: 'http://127.0.0.1:1/authorize',
    clientId: 'client',
    authMethod: 'none',
    redirectUri: 'https://app.example/callback',
  });
  const services = [
    { name: 'orders', baseUrl: api.origin },
    { name: 'caller', baseUrl: api.origin, auth: new CallerTokenAuth() },
    { name: 'calendar', baseUrl: api.origin, auth: { provider } },
  ];
  @Module({
    imports: [ForgeAuthModule.forRoot({ services, shutdownGraceMs })],
    controllers: [Orders],
    providers: [{ provide: APP_FILTER, useClass: filter }],
  })
  class App {}
  const options = { host: '127.0.0.1', port: await freePort() };
  const logger = recordingLogger();
  app = await NestFactory.createMicroservice(App, { transport: Transport.TCP, options, logger, abortOnError: false });
  await app.listen();
  caller = ClientProxyFactory.create({ transport: Transport.TCP, options });
}

const ask = (pattern: string, payload: object = {}): Promise<unknown> => firstValueFrom(caller.send(pattern, payload));

describe('a microservice', () => {
  it('answers failures to its callers as problems', async () => {
    await start(ForgeAuthExceptionFilter);
    const required = { status: 401, code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED', service: 'calendar' };
    expect(await rejection(ask('events', { subject: 'user-1' }))).toMatchObject(required);
    const busy = { status: 503, code: 'FORGE_AUTH_HTTP_STATUS', service: 'orders', retryAfter: 17 };
    expect(await rejection(ask('fail'))).toMatchObject(busy);
  });

  it('answers by SignInRequiredFilter who must sign in, and nothing of the rest', async () => {
    await start(SignInRequiredFilter);
    const required = { title: 'Unauthorized', status: 401, code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' };
    const problem = await rejection(ask('events', { subject: 'user-1' }));
    expect(problem).toMatchObject(required);
    expect(JSON.stringify(problem)).not.toContain('user-1');
    expect(await rejection(ask('fail'))).toEqual({ status: 'error', message: 'Internal server error' });
  });

  it('acts for whoever a message names: 50 at once, each with their own token', async () => {
    await start(ForgeAuthExceptionFilter);
    release();
    const callers = times(50, (index) => ({ bearerToken: `token-of-${index}`, wait: index % 5 }));
    await Promise.all(callers.map((each) => ask('forward', each)));
    const seen = api.requests.map(({ headers, query }) => [headers.authorization, query.get('of')]);
    expect(seen).toHaveLength(50);
    for (const [authorization, of] of seen) expect(authorization).toBe(`Bearer ${of}`);
  });

  it.each([
    ['lets what it works on end before it closes, with a time of grace', 60_000, ['/1', '/2']],
    ['aborts it without one', 0, ['/1']],
  ])('%s', async (_name, shutdownGraceMs, paths) => {
    await start(ForgeAuthExceptionFilter, shutdownGraceMs);
    const asked = ask('ship').catch((error: unknown) => error);
    await api.received(1);
    const closed = app.close();
    setTimeout(release, 100);
    await closed;
    expect(api.requests.map(({ path }) => path)).toEqual(paths);
    await asked;
  });
});
