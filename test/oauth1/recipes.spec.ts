import { generateKeyPairSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { createForgeClient, ForgeAuthModule, ForgeAuthService, OAuth1Flow } from 'nestjs-forge-auth';
import { Accounts, ConnectController } from './recipes/connect.controller.js';
import { jiraFlow, jiraService } from './recipes/jira.js';
import { xFlow, xService } from './recipes/x-api.js';
import { CLIENT, type OAuth1Server, startOAuth1Server } from './oauth1-server.js';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

let server: OAuth1Server;
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  server = await startOAuth1Server({ publicKey });
});

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
  await server.close();
});

const closeLater = <T extends { close(): Promise<void> }>(thing: T): T => {
  open.push(thing);
  return thing;
};

describe('X', () => {
  it('signs a user in, in a Nest app, and posts in their name', async () => {
    const saved: Parameters<Accounts['save']>[0][] = [];
    const module = await Test.createTestingModule({
      imports: [ForgeAuthModule.forRoot()],
      controllers: [ConnectController],
      providers: [
        {
          provide: OAuth1Flow,
          useFactory: () => closeLater(xFlow(CLIENT, 'https://app.example/connect/callback', server.origin)),
        },
        { provide: Accounts, useValue: { save: async (account: (typeof saved)[0]) => void saved.push(account) } },
      ],
    }).compile();
    const app: INestApplication = closeLater(module.createNestApplication());
    await app.listen(0, '127.0.0.1');
    const origin = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
    expect(app.get(ForgeAuthService).names()).toEqual([]);
    server.serveAt({
      '/oauth/request_token': '/initiate',
      '/oauth/access_token': '/token',
      '/1.1/statuses/update.json': '/photos',
    });

    const begun = await fetch(`${origin}/connect`, { redirect: 'manual' });
    const consented = new URL(server.consent(begun.headers.get('location') ?? ''));
    const finished = await fetch(`${origin}/connect/callback${consented.search}`);
    expect(await finished.text()).toBe('connected');
    expect(saved).toMatchObject([{ name: 'theSeanCook' }]);

    const [user] = saved;
    if (user === undefined) throw new Error('Nothing was saved.');
    const client = closeLater(createForgeClient(xService(CLIENT, user, server.origin)));
    const status = 'Hello Ladies + Gentlemen, a signed OAuth request!';
    await client.post('/1.1/statuses/update.json?include_entities=true', new URLSearchParams({ status }));
    expect(server.verified.map(({ found }) => found.oauth['oauth_version'])).toEqual(['1.0', '1.0', '1.0']);
  });
});

describe('Jira', () => {
  it('asks a user for consent, and reads an issue in their name', async () => {
    const base = '/plugins/servlet/oauth';
    server.serveAt({
      [`${base}/request-token`]: '/initiate',
      [`${base}/access-token`]: '/token',
      '/rest/api/2/issue/A-1': '/photos',
    });
    const link = { url: server.origin, consumerKey: CLIENT.clientId, privateKey };
    const flow = closeLater(jiraFlow(link, 'https://app.example/back'));
    const { token } = await flow.handleCallback(server.consent(flow.authorizationUrl(await flow.requestToken())));
    const client = closeLater(createForgeClient(jiraService(link, token)));
    await client.get('/issue/A-1', { params: { fields: 'summary,status' } });
    expect(server.verified.map(({ found }) => found.oauth['oauth_signature_method'])).toEqual(
      Array(3).fill('RSA-SHA1'),
    );
  });
});
