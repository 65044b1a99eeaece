import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Headers,
  Injectable,
  type INestApplication,
  Module,
  type ModuleMetadata,
  Post,
  Query,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ExpressAdapter } from '@nestjs/platform-express';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Field, GqlExecutionContext, GraphQLModule, ObjectType, Query as GraphQuery, Resolver } from '@nestjs/graphql';
import {
  CallerTokenAuth,
  type ForgeAuthRootOptions,
  ForgeAuthModule,
  type ForgeHttpClient,
  ForgeRequestContext,
  InjectForgeClient,
} from 'nestjs-forge-auth';
import { inspect } from 'node:util';
import { type Api, startApi } from '../support/api.js';
import { rejection, times } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';

let api: Api;
const closing: { close(): Promise<unknown> }[] = [];

beforeEach(async () => {
  api = await startApi((token) => token.startsWith('token-of-'));
});

afterEach(async () => {
  for (const open of closing.splice(0).toReversed()) await open.close();
  await api.close();
});

@Injectable()
class Guard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ user?: unknown; seenByGuard?: unknown }>();
    request.seenByGuard = ForgeRequestContext.bearerToken();
    request.user = { id: 'alice' };
    return true;
  }
}

@Controller()
class Orders {
  constructor(@InjectForgeClient('orders') readonly client: ForgeHttpClient) {}

  @Get('me')
  @UseGuards(Guard)
  me(): object {
    return { token: ForgeRequestContext.bearerToken() ?? null, subject: ForgeRequestContext.subject() ?? null };
  }

  @Post('orders')
  async create(): Promise<object> {
    await this.client.post('/orders', { id: 1 });
    return { token: ForgeRequestContext.bearerToken() ?? null };
  }

  @Get('orders')
  async orders(@Query('wait') wait = '0', @Headers('x-user') user: string): Promise<object> {
    await new Promise((resolve) => setTimeout(resolve, Number(wait)));
    const { status } = await this.client.get(`/orders/${user}`);
    return { status };
  }
}

/** Knows the user of a GraphQL operation. */
@Injectable()
class GraphGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { req } = GqlExecutionContext.create(context).getContext<{ req: { headers: object; user?: unknown } }>();
    req.user = { id: (req.headers as Record<string, string>)['x-user'] };
    return true;
  }
}

@ObjectType()
class Me {
  @Field(() => String, { nullable: true })
  token?: string;

  @Field(() => String, { nullable: true })
  subject?: string;
}

@Resolver(() => Me)
class MeResolver {
  @GraphQuery(() => Me)
  @UseGuards(GraphGuard)
  me(): object {
    return { token: ForgeRequestContext.bearerToken(), subject: ForgeRequestContext.subject() };
  }
}

type Platform = 'express' | 'fastify';

async function start(
  platform: Platform,
  more: ModuleMetadata = {},
  options: Partial<ForgeAuthRootOptions> = {},
  prefix?: string,
): Promise<{ origin: string; app: INestApplication }> {
  @Module({
    ...more,
    imports: [
      ...(more.imports ?? []),
      ForgeAuthModule.forRoot({
        requestContext: true,
        services: [{ name: 'orders', baseUrl: api.origin, auth: new CallerTokenAuth() }],
        ...options,
      }),
    ],
    controllers: [Orders],
  })
  class App {}
  const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  const app = await NestFactory.create(App, adapter, { logger: recordingLogger(), abortOnError: false });
  closing.push(app);
  if (prefix !== undefined) app.setGlobalPrefix(prefix);
  await app.listen(0, '127.0.0.1');
  return { origin: await app.getUrl(), app };
}

/** A body whose end comes long after its headers. */
const slowBody = (): ReadableStream<Uint8Array> =>
  new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from('{"a":'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      controller.enqueue(Buffer.from('1}'));
      controller.close();
    },
  });

const bearer = (user: string): Record<string, string> => ({ authorization: `Bearer token-of-${user}`, 'x-user': user });

describe.each<Platform>(['express', 'fastify'])('the request context on %s', (platform) => {
  it('knows the bearer token of each of 200 requests at once, over kept connections', async () => {
    const { origin } = await start(platform);
    const users = times(200, (index) => `user-${index}`);
    const answers = await Promise.all(
      users.map((user, index) => fetch(`${origin}/orders?wait=${index % 7}`, { headers: bearer(user) })),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(api.server.requests).toHaveLength(200);
    for (const request of api.server.requests) {
      expect(request.headers.authorization).toBe(`Bearer token-of-${request.path.split('/').pop()}`);
    }
  });

  it('knows it after a body has been read, whoever else uses the connection', async () => {
    const { origin } = await start(platform);
    for (const user of ['alice', 'bob']) {
      const headers = { ...bearer(user), 'content-type': 'application/json' };
      const answer = await fetch(`${origin}/orders`, { method: 'POST', headers, body: slowBody(), duplex: 'half' });
      expect(await answer.json()).toEqual({ token: `token-of-${user}` });
    }
    expect(api.tokens).toEqual(['token-of-alice', 'token-of-bob']);
  });

  it('knows it below a global prefix, and in guards', async () => {
    const { origin } = await start(platform, {}, {}, 'api');
    const answer = await fetch(`${origin}/api/me`, { headers: bearer('alice') });
    expect(await answer.json()).toEqual({ token: 'token-of-alice', subject: null });
  });

  it('knows the caller of a GraphQL query, and whom guards have found', async () => {
    const driver = { driver: ApolloDriver, autoSchemaFile: true, path: '/graphql' } satisfies ApolloDriverConfig;
    const { origin } = await start(
      platform,
      { imports: [GraphQLModule.forRoot<ApolloDriverConfig>(driver)], providers: [MeResolver] },
      { requestContext: { subject: (request: { user?: { id: string } }) => request.user?.id } },
    );
    const answers = times(20, async (index) => {
      const headers = { ...bearer(`user-${index}`), 'content-type': 'application/json' };
      const body = JSON.stringify({ query: '{ me { token subject } }' });
      return (await fetch(`${origin}/graphql`, { method: 'POST', headers, body })).json();
    });
    expect(await Promise.all(answers)).toEqual(
      times(20, (index) => ({ data: { me: { token: `token-of-user-${index}`, subject: `user-${index}` } } })),
    );
  });

  it('asks who the caller is when guards have run', async () => {
    const { origin } = await start(
      platform,
      {},
      { requestContext: { subject: (request: { user?: { id: string } }) => request.user?.id } },
    );
    const answer = await fetch(`${origin}/me`, { headers: bearer('alice') });
    expect(await answer.json()).toEqual({ token: 'token-of-alice', subject: 'alice' });
  });

  it.each([
    ['no header', undefined],
    ['another scheme', 'Basic YTpi'],
    ['nothing behind the scheme', 'Bearer '],
    ['characters that no token has', 'Bearer a b'],
    ['a bound token', 'DPoP token-of-alice'],
  ])('a call in the context of a request has no token of %s, and sends nothing', async (_what, authorization) => {
    const { origin } = await start(platform);
    const headers = { 'x-user': 'x', ...(authorization === undefined ? undefined : { authorization }) };
    const answer = await fetch(`${origin}/orders`, { headers });
    expect(answer.status).toBe(500);
    expect(api.server.requests).toHaveLength(0);
  });

  it('the request context knows nobody unless it is switched on', async () => {
    const { origin } = await start(platform, {}, { requestContext: false });
    const answer = await fetch(`${origin}/me`, { headers: bearer('alice') });
    expect(await answer.json()).toEqual({ token: null, subject: null });
  });
});

describe('the request context', () => {
  it('runs work on behalf of a caller, and of nobody else', async () => {
    const seen = await Promise.all(
      times(100, (index) =>
        ForgeRequestContext.run({ bearerToken: `token-${index}`, subject: `user-${index}` }, async () => {
          await new Promise((resolve) => setTimeout(resolve, index % 5));
          return [ForgeRequestContext.bearerToken(), ForgeRequestContext.subject()];
        }),
      ),
    );
    expect(seen).toEqual(times(100, (index) => [`token-${index}`, `user-${index}`]));
    expect(ForgeRequestContext.bearerToken()).toBeUndefined();
    ForgeRequestContext.run({ bearerToken: 'outer', subject: 'outer' }, () =>
      ForgeRequestContext.run({ subject: 'inner' }, () => {
        expect(ForgeRequestContext.bearerToken()).toBeUndefined();
        expect(ForgeRequestContext.subject()).toBe('inner');
      }),
    );
  });

  it.each([
    [{ bearerToken: '' }],
    [{ bearerToken: 'Bearer abc' }],
    [{ bearerToken: 'a\r\nb' }],
    [{ subject: '' }],
    [{ subject: 7 as never }],
  ])('refuses a caller that is none: %j', (caller) => {
    expect(() => ForgeRequestContext.run(caller, () => 0)).toThrow(/ForgeRequestContext\.run/);
  });

  it('the request context is an option that is checked', () => {
    expect(() => ForgeAuthModule.forRoot({ requestContext: 'yes' as never })).toThrow(/requestContext must be true/);
  });
});

describe('CallerTokenAuth', () => {
  it('fails with a typed error where there is no caller', async () => {
    const { app } = await start('express');
    const { client } = app.get(Orders);
    expect(await rejection(client.get('/orders'))).toMatchObject({
      name: 'AuthenticationError',
      code: 'FORGE_AUTH_CALLER_TOKEN_MISSING',
      serviceName: 'orders',
    });
    expect(api.server.requests).toHaveLength(0);
  });

  it('keeps the token on the origins of the service', async () => {
    const stranger = await startApi(() => true);
    closing.push(stranger);
    const { app } = await start('express');
    const { client } = app.get(Orders);
    await ForgeRequestContext.run({ bearerToken: 'token-of-alice' }, async () => {
      expect(await rejection(client.get(`${stranger.origin}/x`))).toMatchObject({
        code: 'FORGE_AUTH_ORIGIN_NOT_ALLOWED',
      });
      api.answerNext({ status: 302, headers: { location: `${stranger.origin}/public/y` } });
      await client.get('/orders');
    });
    expect(stranger.server.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it('lets a rejection stand: the token is not ours to renew', async () => {
    const { app } = await start('express');
    const { client } = app.get(Orders);
    const error = await rejection(ForgeRequestContext.run({ bearerToken: 'expired' }, () => client.get('/orders')));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_HTTP_STATUS' });
    expect(api.server.requests).toHaveLength(1);
    expect(inspect(error, { depth: 9 })).not.toContain('expired');
  });

  it('CallerTokenAuth goes without a credential where it is optional', async () => {
    const auth = new CallerTokenAuth({ optional: true });
    const { app } = await start('express', {}, { services: [{ name: 'orders', baseUrl: api.origin, auth }] });
    await app.get(Orders).client.get('/public/x');
    expect(api.server.requests[0]?.headers.authorization).toBeUndefined();
    expect(() => new CallerTokenAuth({ optional: 'no' as never })).toThrow(/optional/);
  });
});
