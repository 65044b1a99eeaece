import type { ServerResponse } from 'node:http';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Controller, Get, type INestApplication, Inject, Param, Res } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Args, GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  AuthenticationError,
  AuthorizationCodeTokenProvider,
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  ConnectionError,
  ForgeAuthExceptionFilter,
  ForgeAuthModule,
  ForgeAuthService,
  SignInRequiredFilter,
  TlsError,
  TokenRefreshError,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { recordingLogger } from '../support/recording-logger.js';

const SECRET = 'canary-secret-of-the-service';

let api: RecordingServer;
const apps: INestApplication[] = [];

beforeAll(async () => {
  api = await startServer(({ path }, response) => {
    const [, status, retryAfter] = /^\/status\/(\d+)(?:\/(\d+))?/.exec(path) ?? [];
    if (status === undefined) return; // It never answers.
    const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
    json(response, Number(status), { token: SECRET }, headers);
  });
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});
afterAll(() => api.close());

/** A failure of each kind, as an app meets it. */
function failures(forge: ForgeAuthService): Readonly<Record<string, () => Promise<unknown>>> {
  const client = forge.client('orders');
  return {
    upstream404: () => client.get(`/status/404?secret=${SECRET}`),
    upstream401: () => client.get('/status/401'),
    upstream500: () => client.get('/status/500'),
    upstream503: () => client.get('/status/503/17'),
    upstream429: () => client.get('/status/429/5'),
    upstream504: () => client.get('/status/504'),
    ofAxios: () => client.axiosRef.get('/status/500'),
    timeout: () => client.get('/hangs', { timeoutMs: 150 }),
    refused: () => forge.client('nowhere').get('/'),
    circuit: async () => {
      await forge
        .client('broken')
        .get('/status/500')
        .catch(() => undefined);
      return forge.client('broken').get('/status/500');
    },
    noToken: () => forge.client('untokened').get('/'),
    foreign: () => forge.client('untokened').get(`https://elsewhere.example/?secret=${SECRET}`),
    required: async () => {
      throw new AuthenticationError(`nobody signed in ${SECRET}`, { code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' });
    },
    ofAxiosRequired: () => forge.client('calendar').axiosRef.get('/'),
    refresh: async () => {
      throw new TokenRefreshError(SECRET, { serviceName: 'orders' });
    },
    backoff: async () => {
      throw new AuthenticationError(SECRET, { code: 'FORGE_AUTH_BACKOFF', retryAfterMs: 2_500 });
    },
    tls: async () => {
      throw new TlsError(SECRET);
    },
    connection: async () => {
      throw new ConnectionError(SECRET, { serviceName: 'orders' });
    },
    other: async () => {
      throw new Error('of the app');
    },
  };
}

const EXPECTED: [failure: string, status: number, code: string, retryAfter?: string][] = [
  ['upstream404', 502, 'FORGE_AUTH_HTTP_STATUS'],
  ['upstream401', 502, 'FORGE_AUTH_HTTP_STATUS'],
  ['upstream500', 502, 'FORGE_AUTH_HTTP_STATUS'],
  ['upstream503', 503, 'FORGE_AUTH_HTTP_STATUS', '17'],
  ['upstream429', 503, 'FORGE_AUTH_HTTP_STATUS', '5'],
  ['upstream504', 504, 'FORGE_AUTH_HTTP_STATUS'],
  ['ofAxios', 502, 'FORGE_AUTH_HTTP_STATUS'],
  ['timeout', 504, 'FORGE_AUTH_TIMEOUT'],
  ['refused', 502, 'FORGE_AUTH_CONNECTION'],
  ['circuit', 503, 'FORGE_AUTH_CIRCUIT_OPEN', '60'],
  ['noToken', 502, 'FORGE_AUTH_TOKEN_REQUEST_FAILED'],
  ['foreign', 500, 'FORGE_AUTH_ORIGIN_NOT_ALLOWED'],
  ['required', 401, 'FORGE_AUTH_AUTHORIZATION_REQUIRED'],
  ['ofAxiosRequired', 401, 'FORGE_AUTH_AUTHORIZATION_REQUIRED'],
  ['refresh', 401, 'FORGE_AUTH_REFRESH_FAILED'],
  ['backoff', 503, 'FORGE_AUTH_BACKOFF', '3'],
  ['tls', 502, 'FORGE_AUTH_TLS'],
  ['connection', 502, 'FORGE_AUTH_CONNECTION'],
];

@Controller()
class Failing {
  constructor(@Inject(ForgeAuthService) readonly forge: ForgeAuthService) {}

  @Get('fail/:how')
  async fail(@Param('how') how: string): Promise<unknown> {
    return failures(this.forge)[how]?.();
  }
}

@Resolver()
class FailingResolver {
  constructor(@Inject(ForgeAuthService) readonly forge: ForgeAuthService) {}

  @Query('fail')
  async fail(@Args('how') how: string): Promise<string> {
    await failures(this.forge)[how]?.();
    return 'done';
  }
}

const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({
  driver: ApolloDriver,
  typeDefs: 'type Query { fail(how: String!): String }',
});

async function start(
  adapter: ExpressAdapter | FastifyAdapter,
  logger = recordingLogger(),
  filter: object = { provide: APP_FILTER, useClass: ForgeAuthExceptionFilter },
): Promise<string> {
  const services = [
    { name: 'orders', baseUrl: api.origin },
    {
      name: 'calendar',
      baseUrl: api.origin,
      auth: {
        provider: new AuthorizationCodeTokenProvider({
          tokenUrl: 'http://127.0.0.1:1/token',
          authorizationUrl: 'http://127.0.0.1:1/authorize',
          clientId: 'client',
          authMethod: 'none',
          redirectUri: 'https://app.example/callback',
        }),
      },
    },
    { name: 'nowhere', baseUrl: 'http://127.0.0.1:1' },
    {
      name: 'broken',
      baseUrl: api.origin,
      retry: new CircuitBreakerRetryStrategy({ maxRetries: 0, failureThreshold: 1, recoveryTimeoutMs: 60_000 }),
    },
    {
      name: 'untokened',
      baseUrl: api.origin,
      auth: {
        provider: new ClientCredentialsTokenProvider({
          tokenUrl: 'http://127.0.0.1:1/token',
          clientId: 'client',
          clientSecret: SECRET,
        }),
      },
    },
  ];
  const module = await Test.createTestingModule({
    imports: [ForgeAuthModule.forRoot({ services }), graphql],
    controllers: [Failing],
    providers: [FailingResolver, filter as never],
  })
    .setLogger(logger)
    .compile();
  const app = module.createNestApplication(adapter as ExpressAdapter);
  await app.listen(0, '127.0.0.1');
  apps.push(app);
  return app.getUrl();
}

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('on %s', (_name, adapter) => {
  it('failures of services are answered as problem details', async () => {
    const logger = recordingLogger();
    const url = await start(adapter(), logger);
    for (const [failure, status, code, retryAfter] of EXPECTED) {
      const response = await fetch(`${url}/fail/${failure}`);
      const text = await response.text();
      expect([failure, response.status]).toEqual([failure, status]);
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect([failure, response.headers.get('retry-after')]).toEqual([failure, retryAfter ?? null]);
      expect(response.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null);
      expect(JSON.parse(text)).toMatchObject({ type: 'about:blank', status, code, title: expect.any(String) });
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain('127.0.0.1');
    }
    expect(logger.warnings.join('\n')).toContain('GET');
    expect(logger.warnings.filter((line) => line.includes('/status/500')).join()).not.toContain(SECRET);
  });

  it('other errors are not touched', async () => {
    const response = await fetch(`${await start(adapter())}/fail/other`);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ statusCode: 500, message: 'Internal server error' });
  });

  it('passes on the statuses that mean the same to the app’s own callers', async () => {
    const useValue = new ForgeAuthExceptionFilter({ passStatuses: [404] });
    const url = await start(adapter(), recordingLogger(), { provide: APP_FILTER, useValue });
    const statuses = ['upstream404', 'upstream401'].map(async (how) => (await fetch(`${url}/fail/${how}`)).status);
    expect(await Promise.all(statuses)).toEqual([404, 502]);
  });

  it('GraphQL reports them in the extensions of its errors', async () => {
    const url = await start(adapter());
    for (const [failure, status, code, retryAfter] of EXPECTED) {
      const text = await query(url, failure);
      const { data, errors } = JSON.parse(text);
      expect(data).toEqual({ fail: null });
      expect(errors[0].extensions).toMatchObject({ status, code });
      expect(errors[0].extensions.retryAfter).toBe(retryAfter === undefined ? undefined : Number(retryAfter));
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain('127.0.0.1');
    }
  });

  it('SignInRequiredFilter alone answers who must sign in, and leaves other errors to Nest', async () => {
    const url = await start(adapter(), recordingLogger(), { provide: APP_FILTER, useClass: SignInRequiredFilter });
    const answers = async (failure: string): Promise<[Response, { errors: { extensions: object }[] }]> => {
      const [overHttp, overGraphql] = [await fetch(`${url}/fail/${failure}`), await query(url, failure)];
      return [overHttp, JSON.parse(overGraphql)];
    };
    for (const [failure, code] of [
      ['required', 'FORGE_AUTH_AUTHORIZATION_REQUIRED'],
      ['refresh', 'FORGE_AUTH_REFRESH_FAILED'],
      ['ofAxiosRequired', 'FORGE_AUTH_AUTHORIZATION_REQUIRED'],
    ] as const) {
      const [response, { errors }] = await answers(failure);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      const problem = { type: 'about:blank', title: 'Unauthorized', status: 401, code };
      expect([response.status, await response.json()]).toEqual([401, expect.objectContaining(problem)]);
      expect(errors[0]?.extensions).toMatchObject(problem);
    }
    const [other] = await answers('timeout');
    expect([other.status, await other.json()]).toEqual([500, { statusCode: 500, message: 'Internal server error' }]);
  });
});

async function query(url: string, failure: string): Promise<string> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: `{ fail(how: "${failure}") }` }),
  });
  return response.text();
}

/** An answer that fails when half of its body is sent. */
@Controller()
class HalfController {
  @Get('half')
  async half(@Res() response: ServerResponse): Promise<void> {
    response.write('half, ');
    setTimeout(() => response.end('and the rest'), 50);
    throw new AuthenticationError('nobody has signed in', { code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' });
  }
}

it('a body that is half sent is left alone', async () => {
  const module = await Test.createTestingModule({ controllers: [HalfController] }).compile();
  const app = module.createNestApplication({ logger: recordingLogger() });
  apps.push(app);
  app.useGlobalFilters(new SignInRequiredFilter({ redirectTo: '/sign-in' }));
  await app.listen(0);
  const response = await fetch(`${await app.getUrl()}/half`, { headers: { accept: 'text/html' } });
  expect(await response.text()).toBe('half, and the rest');
});
