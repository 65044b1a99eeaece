import { inspect } from 'node:util';
import {
  AuthorizationCodeTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeHttpClient,
  type SignInProvider,
} from 'nestjs-forge-auth';
import { boot } from '../module/boot.js';
import { type Api, startApi } from '../support/api.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { APP, type PeopleServer, startPeopleServer } from './people-server.js';

/** Names that stand out, wherever they turn up. */
const USERS = ['canary-alice-7f3a', 'canary-bob-9c1e'] as const;

let issuer: PeopleServer;
let api: Api;

beforeEach(async () => {
  issuer = await startPeopleServer();
  api = await startApi(issuer);
});

afterEach(async () => {
  await api.close();
  await issuer.close();
});

describe('two users of one service', () => {
  it('two users of one service find nothing of each other, nor of themselves, in log lines, errors, storage keys and answers', async () => {
    const storage = new Map<string, unknown>();
    const logger = recordingLogger();
    const provider = new AuthorizationCodeTokenProvider({
      issuer: issuer.issuer,
      ...APP,
      scope: 'openid offline_access read',
      prompt: 'consent',
    });
    const services = [
      { name: 'calendar', baseUrl: api.origin, auth: { provider }, logging: { headers: true, body: true } },
    ];
    const app = await boot({ imports: [ForgeAuthModule.forRoot({ storage, services })] }, { logger });
    const forge = app.get(ForgeAuthService);
    const [client, signIn]: [ForgeHttpClient, SignInProvider] = [forge.client('calendar'), forge.provider('calendar')];
    const shown: unknown[] = [];
    const secrets: string[] = [];
    const tokens = new Map<string, Set<string>>();
    const note = ({
      accessToken,
      refreshToken = '',
      idToken = '',
    }: {
      accessToken: string;
      refreshToken?: string | undefined;
      idToken?: string | undefined;
    }): number => secrets.push(accessToken, refreshToken, idToken);

    for (const user of USERS) shown.push(await rejection(client.get('/events', { auth: { subject: user } })));
    for (const user of USERS) {
      const started = await signIn.authorizationUrl({ subject: user, loginHint: user });
      const callback = await issuer.visit(started.url);
      const finished = await signIn.handleCallback(callback, { subject: user });
      shown.push(await rejection(signIn.handleCallback(callback)), finished.token);
      note(finished.token);
      secrets.push(
        started.state,
        started.nonce,
        started.codeVerifier,
        new URL(callback).searchParams.get('code') ?? '',
      );
      tokens.set(user, new Set([finished.token.accessToken]));
    }
    await issuer.revokeAll();
    await Promise.all(
      USERS.flatMap((user) =>
        [1, 2, 3].map(() => client.get(`/of/${user === USERS[0] ? 'a' : 'b'}`, { auth: { subject: user } })),
      ),
    );
    for (const user of USERS) {
      const token = await client.tokens?.forSubject(user).getToken();
      if (token === undefined) continue;
      tokens.get(user)?.add(token.accessToken);
      note(token);
      await issuer.revoke(token.refreshToken ?? '');
    }
    await issuer.revokeAll();
    for (const user of USERS) shown.push(await rejection(client.get('/events', { auth: { subject: user } })));
    shown.push(forge.describe());

    const strangers = api.server.requests.filter(({ path, headers }) => {
      const owner = path === '/of/a' ? USERS[0] : USERS[1];
      return path.startsWith('/of/') && tokens.get(owner)?.has((headers.authorization ?? '').slice(7)) !== true;
    });
    // What goes out first may be the token that was just revoked: the user's own, too.
    expect(strangers).toEqual([]);
    const seen = [
      ...shown.map((item) => inspect(item, { depth: 12, showHidden: true })),
      JSON.stringify(shown),
      inspect(logger.lines, { depth: 12, maxArrayLength: null }),
      JSON.stringify([...storage.keys()]),
    ].join('\n');
    await app.close();
    for (const secret of [...secrets.filter((text) => text !== ''), ...USERS]) expect(seen).not.toContain(secret);
    expect(secrets.length).toBeGreaterThan(15);
  });
});
