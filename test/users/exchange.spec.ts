import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, type INestApplication, Module, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ForgeAuthModule,
  type ForgeHttpClient,
  ForgeRequestContext,
  InjectForgeClient,
  TokenExchangeProvider,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { BACKLOG, type RecordingServer, startServer } from '../support/recording-server.js';
import { times } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';

let issuer: RecordingServer;
let api: RecordingServer;
let app: INestApplication;
let origin: string;
/** Exchanged tokens that the API accepts no longer. */
let revoked: Set<string>;
/** Calls that carried the token of somebody else. */
let mistaken: string[];

@Controller()
class Gateway {
  constructor(@InjectForgeClient('orders') private readonly client: ForgeHttpClient) {}

  @Get('orders')
  async orders(@Req() request: { headers: Record<string, string> }): Promise<object> {
    const { status } = await this.client.get(`/orders/${request.headers['x-user']}`);
    return { status };
  }
}

beforeEach(async () => {
  revoked = new Set();
  mistaken = [];
  let issued = 0;
  issuer = await startServer((request, response) => {
    const form = request.form();
    const user = /^inbound-(\w+)-\d+$/.exec(form.get('subject_token') ?? '')?.[1];
    if (user === undefined) return json(response, 400, { error: 'invalid_request' });
    issued += 1;
    json(response, 200, { access_token: `exchanged-${user}-${issued}`, token_type: 'Bearer', expires_in: 3_600 });
  });
  api = await startServer((request, response) => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const owner = request.path.split('/').pop();
    if (!token.startsWith(`exchanged-${owner}-`)) mistaken.push(`${owner} got ${token}`);
    json(response, revoked.has(token) ? 401 : 200, {});
  });
  @Module({
    imports: [
      ForgeAuthModule.forRoot({
        requestContext: true,
        services: [
          {
            name: 'orders',
            baseUrl: api.origin,
            // Nothing here depends on how fast 1,000 calls at once are.
            timeoutMs: 100_000,
            auth: {
              deadlineMs: 100_000,
              provider: new TokenExchangeProvider({
                tokenUrl: `${issuer.origin}/token`,
                clientId: 'gateway',
                clientSecret: 'gateway-secret',
                subjectToken: ForgeRequestContext.bearerToken,
              }),
            },
          },
        ],
      }),
    ],
    controllers: [Gateway],
  })
  class App {}
  app = await NestFactory.create(App, { logger: recordingLogger(), abortOnError: false });
  await app.init();
  const server = app.getHttpServer() as Server;
  // A busy machine is no reason to close a connection that the next round goes on using, or to refuse one of 1,000 at once.
  server.keepAliveTimeout = 100_000;
  server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG });
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await app.close();
  await api.close();
  await issuer.close();
});

const call = async (user: string, version = 0): Promise<number> => {
  const headers = { authorization: `Bearer inbound-${user}-${version}`, 'x-user': user };
  return (await fetch(`${origin}/orders`, { headers })).status;
};

const USERS = times(1_000, (index) => `u${index}`);

/** The statuses of what all users get who call at once. */
async function callAll(versionOf: (user: string) => number = () => 0): Promise<Set<number>> {
  return new Set(await Promise.all(USERS.map((user) => call(user, versionOf(user)))));
}

describe('token exchange through one singleton client', () => {
  it('gives each of 1,000 users at once their own token, and each one token for all of their calls', async () => {
    for (let rounds = 0; rounds < 2; rounds += 1) expect(await callAll()).toEqual(new Set([200]));
    expect(mistaken).toEqual([]);
    expect(api.requests).toHaveLength(2_000);
    expect(issuer.requests).toHaveLength(1_000);
  }, 120_000);

  it('token exchange through one singleton client does so while 50 users come with new tokens and 3 of the exchanged ones are revoked', async () => {
    await callAll();
    const versions = new Map<string, number>();
    const versionOf = (user: string): number => versions.get(user) ?? 0;
    const rounds = (async () => {
      const statuses = new Set<number>();
      for (let round = 0; round < 3; round += 1) for (const status of await callAll(versionOf)) statuses.add(status);
      return statuses;
    })();
    // In the middle of the first round.
    await api.received(1_300, undefined, 100_000);
    for (const user of USERS.slice(0, 50)) versions.set(user, 1);
    for (const user of USERS.slice(50, 53)) {
      const theirs = api.requests.find(({ path }) => path === `/orders/${user}`);
      revoked.add((theirs?.headers.authorization ?? '').slice('Bearer '.length));
    }
    expect(await rounds).toEqual(new Set([200]));
    expect(mistaken).toEqual([]);
    expect(revoked.size).toBe(3);
    // Once for each user, once more for whoever came with a new token, and for whoever's was revoked.
    expect(issuer.requests).toHaveLength(1_053);
  }, 120_000);

  it('sends nothing for whoever comes without a token', async () => {
    expect((await fetch(`${origin}/orders`, { headers: { 'x-user': 'u1' } })).status).toBe(500);
    expect(issuer.requests).toHaveLength(0);
    expect(api.requests).toHaveLength(0);
  });
});
