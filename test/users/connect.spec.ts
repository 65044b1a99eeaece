import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  type INestApplication,
  Module,
  Req,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  AuthorizationCodeTokenProvider,
  ConfigurationError,
  ForgeAuthModule,
  ForgeAuthService,
  ForgeConnectModule,
  type ForgeHttpClient,
  InjectForgeClient,
  SignInRequiredFilter,
} from 'nestjs-forge-auth';
import { ForgeDashboardModule } from 'nestjs-forge-auth/dashboard';
import { ForgeTelemetry } from 'nestjs-forge-auth/opentelemetry';
import { ForgeTestingModule } from 'nestjs-forge-auth/testing';
import { type Api, startApi } from '../support/api.js';
import { recordingLogger } from '../support/recording-logger.js';
import { APP, type PeopleServer, startPeopleServer } from './people-server.js';

let issuer: PeopleServer;
let api: Api;
let app: INestApplication;
let origin: string;
let logger: ReturnType<typeof recordingLogger>;

type Platform = 'express' | 'fastify';

/** The app's own session, as far as this test goes: a header that names the user. */
@Injectable()
class SessionGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; user?: { id: string } }>();
    const id = request.headers['x-user'];
    if (id !== undefined) request.user = { id };
    return id !== undefined;
  }
}

@Controller('calendar')
@UseGuards(SessionGuard)
@UseFilters(new SignInRequiredFilter({ redirectTo: (service) => `/connect/${service}?redirectTo=/calendar` }))
class CalendarController {
  constructor(@InjectForgeClient('calendar') private readonly client: ForgeHttpClient) {}

  @Get()
  async events(@Req() request: { user: { id: string } }): Promise<unknown> {
    return (await this.client.get('/events', { auth: { subject: request.user.id } })).data;
  }

  @Get('nobody')
  async nobody(): Promise<unknown> {
    return (await this.client.get('/events', { auth: { subject: 'nobody' }, timeoutMs: 5_000 })).data;
  }
}

async function start(platform: Platform, more: object = {}): Promise<void> {
  issuer = await startPeopleServer();
  api = await startApi(issuer);
  const provider = new AuthorizationCodeTokenProvider({
    issuer: issuer.issuer,
    ...APP,
    scope: 'openid offline_access read',
    prompt: 'consent',
    ...more,
  });
  @Module({
    imports: [
      ForgeAuthModule.forRoot({ services: [{ name: 'calendar', baseUrl: api.origin, auth: { provider } }] }),
      ForgeConnectModule.forFeature({
        service: 'calendar',
        path: '/connect/calendar',
        subject: (request: { user: { id: string } }) => request.user.id,
        guards: [SessionGuard],
      }),
    ],
    controllers: [CalendarController],
  })
  class App {}
  const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  logger = recordingLogger();
  app = await NestFactory.create(App, adapter, { logger, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  origin = await app.getUrl();
}

async function stop(): Promise<void> {
  await app.close();
  await api.close();
  await issuer.close();
}

const as = (user: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${origin}${path}`, { redirect: 'manual', ...init, headers: { 'x-user': user, ...init.headers } });

/** Returns the path that the app is called back at: its redirect URI is of another origin than this test's app. */
const callbackPath = (url: string): string => `/connect/calendar/callback${new URL(url).search}`;

const location = (response: Response): string => response.headers.get('location') ?? '';

async function connect(user: string, hint = ''): Promise<Response> {
  const started = await as(user, `/connect/calendar${hint}`);
  return as(user, callbackPath(await issuer.visit(location(started))));
}

const CONNECT = { service: 'calendar', path: '/connect/calendar', subject: () => 'user-1' };

describe.each<Platform>(['express', 'fastify'])('connecting an account on %s', (platform) => {
  afterEach(stop);

  it('leads from "sign in" over the issuer back to what was asked for, and to "sign in" when it is undone', async () => {
    await start(platform);
    const page = await as('user-1', '/calendar', { headers: { accept: 'text/html' } });
    expect([page.status, location(page)]).toEqual([302, '/connect/calendar?redirectTo=/calendar']);
    const finished = await connect('user-1', '?redirectTo=/calendar');
    expect([finished.status, location(finished)]).toEqual([303, '/calendar']);
    expect((await as('user-1', '/calendar')).status).toBe(200);
    const undone = await as('user-1', '/connect/calendar/disconnect', { method: 'POST' });
    expect([undone.status, location(undone)]).toEqual([303, '/']);
    const again = await as('user-1', '/calendar');
    expect(again.status).toBe(401);
    expect(again.headers.get('www-authenticate')).toBe('Bearer');
    expect(again.headers.get('content-type')).toContain('application/problem+json');
    expect(await again.json()).toEqual({
      type: 'about:blank',
      title: 'Unauthorized',
      status: 401,
      detail: 'The user must sign in.',
      code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
      service: 'calendar',
    });
  });

  it('starts at /start, too', async () => {
    await start(platform);
    expect((await as('user-1', '/connect/calendar/start')).status).toBe(303);
  });

  it('asks to sign in again when the refresh token is refused', async () => {
    await start(platform);
    await connect('user-1');
    const token = await app.get(ForgeAuthService).tokens('calendar').forSubject('user-1').getToken();
    await issuer.revoke(token.refreshToken as string);
    await issuer.revokeAll();
    const refused = await as('user-1', '/calendar');
    expect(await refused.json()).toMatchObject({ status: 401, code: 'FORGE_AUTH_REFRESH_FAILED' });
  });

  it('lets in nobody whom the guards do not, and finishes nobody else’s sign-in', async () => {
    await start(platform);
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/callback?code=a&state=b'],
      ['POST', '/disconnect'],
    ] as const)
      expect((await fetch(`${origin}/connect/calendar${path}`, { method, redirect: 'manual' })).status).toBe(403);
    const started = await as('mallory', '/connect/calendar');
    const callback = callbackPath(await issuer.visit(location(started)));
    const swapped = await as('user-1', callback);
    expect(swapped.status).toBe(400);
    expect(await swapped.json()).toMatchObject({ code: 'FORGE_AUTH_SIGN_IN_FAILED' });
    for (const user of ['user-1', 'mallory']) expect((await as(user, '/calendar')).status).toBe(401);
  });

  it('a callback reports to the browser that the issuer failed, and logs why: addresses are not for whoever signs in', async () => {
    await start(platform);
    const callback = callbackPath(await issuer.visit(location(await as('user-1', '/connect/calendar'))));
    await issuer.close();
    const failed = await as('user-1', callback);
    expect(failed.status).toBe(502);
    expect(await failed.json()).toMatchObject({ message: 'The service "calendar" failed.' });
    expect(logger.warnings).toEqual([
      expect.stringMatching(/^Service "calendar": a sign-in failed: .*connection failed/),
    ]);
  });

  it('a callback reports to the browser that the issuer cannot be found, and logs why', async () => {
    await start(platform);
    await issuer.close();
    const failed = await as('user-1', '/connect/calendar');
    expect(failed.status).toBe(502);
    expect(await failed.text()).not.toContain(new URL(issuer.issuer).host);
    expect(logger.warnings).toEqual([
      expect.stringMatching(/^Service "calendar": a sign-in failed: .*discovery of .*connection failed/),
    ]);
  });

  it('sends the browser to no other site', async () => {
    await start(platform);
    for (const target of ['https://evil.example/', '//evil.example', '/\\evil.example', '/%09/evil', 'javascript:1']) {
      const finished = await connect('user-1', `?redirectTo=${encodeURIComponent(target)}`);
      expect(new URL(location(finished), origin).origin).toBe(new URL(origin).origin);
    }
  });

  it('takes a callback that the browser posts', async () => {
    await start(platform, { responseMode: 'form_post' });
    const started = await as('user-1', '/connect/calendar');
    expect(new URL(location(started)).searchParams.get('response_mode')).toBe('form_post');
    const parameters = new URLSearchParams({ error: 'access_denied', iss: issuer.issuer });
    parameters.set('state', new URL(location(started)).searchParams.get('state') ?? '');
    const posted = await as('user-1', '/connect/calendar/callback', { method: 'POST', body: parameters });
    expect(posted.status).toBe(400);
    expect(await posted.json()).toMatchObject({ error: 'access_denied' });
  });
});

describe('options of modules and filters', () => {
  it.each([
    [
      () => ForgeConnectModule.forFeature({ ...CONNECT, guard: [SessionGuard] } as never),
      'ForgeConnectModule: there is no option guard. Did you mean guards?',
    ],
    [() => ForgeConnectModule.forFeature({ ...CONNECT, service: undefined } as never), 'service is missing'],
    [
      () => ForgeConnectModule.forFeature({ ...CONNECT, redirectTo: 'https://evil.example' }),
      'redirectTo must be a path',
    ],
    [() => new SignInRequiredFilter({ redirect: '/' } as never), 'Did you mean redirectTo?'],
    [() => ForgeDashboardModule.forRoot({ guard: false, maxStream: 3 } as never), 'Did you mean maxStreams?'],
    [() => new ForgeTelemetry({ meterprovider: {} } as never), 'Did you mean meterProvider?'],
    [() => new ForgeTelemetry({ meterProvider: {} as never }), 'meterProvider must be a MeterProvider'],
    [() => ForgeTestingModule.forRoot({ clocks: {} } as never), 'Did you mean clock?'],
    [() => ForgeTestingModule.forRoot({ issuer: {} as never }), 'issuer must be a TestIssuer'],
  ])('options of modules and filters that are unknown or malformed are refused by name: %#', (make, problem) => {
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(problem);
  });
});
