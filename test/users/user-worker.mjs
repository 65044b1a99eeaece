// One process of a fleet that people sign in to, and that calls a service for them. Driven by messages: see user-fleet.ts.
import 'reflect-metadata';
import { createKeyv } from '@keyv/redis';
import { CacheModule } from '@nestjs/cache-manager';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const {
  entry,
  redisUrl,
  apiUrl,
  provider: { kind = 'AuthorizationCodeTokenProvider', ...signInOptions },
} = JSON.parse(process.env.USER_WORKER);
const forgeAuth = await import(entry);
const { ForgeAuthModule, ForgeAuthService, Token } = forgeAuth;

if (kind === 'DeviceCodeTokenProvider') signInOptions.onUserCode = (code) => process.send({ code });
const provider = new forgeAuth[kind](signInOptions);
class App {}
Module({
  imports: [
    CacheModule.register({ isGlobal: true, stores: [createKeyv(redisUrl, { namespace: 'users' })] }),
    ForgeAuthModule.forRoot({ services: [{ name: 'calendar', baseUrl: apiUrl, auth: { provider } }] }),
  ],
})(App);
const app = await NestFactory.createApplicationContext(App, { logger: false });
const forge = app.get(ForgeAuthService);
const calendar = forge.client('calendar');
const signIn = forge.provider('calendar');

const commands = {
  /** Takes a token of each user, as a sign-in would have brought it. */
  async take({ tokens }) {
    for (const [subject, response] of Object.entries(tokens))
      await calendar.tokens.forSubject(subject).setToken(Token.fromResponse(response));
  },
  /** Calls once for each user, some at a time, and tells what failed. */
  async round({ subjects }) {
    const waiting = subjects.toSorted(() => Math.random() - 0.5);
    const failures = [];
    const work = async () => {
      for (let subject = waiting.pop(); subject !== undefined; subject = waiting.pop()) {
        const user = subject;
        await calendar
          .get(`/of/${user}`, { auth: { subject: user } })
          .catch((error) => failures.push(`${error.name} ${error.code} ${error.message}`));
      }
    };
    await Promise.all(Array.from({ length: 20 }, work));
    return failures;
  },
  start: (asked) => signIn.authorizationUrl(asked),
  /** Ends a sign-in, and tells whose it was. */
  async finish({ callback }) {
    const { subject, claims } = await signIn.handleCallback(callback);
    return { subject, claims };
  },
  call: async ({ subject }) => (await calendar.get('/events', { auth: { subject } })).status,
  /** Calls for a user several times at once. */
  async calls({ subject, count }) {
    const calls = Array.from({ length: count }, () => calendar.get('/events', { auth: { subject } }));
    return (await Promise.all(calls)).map(({ status }) => status);
  },
  /** Has the user's token renewed. */
  refresh: async ({ subject }) => void (await calendar.tokens.forceRefresh({ subject })),
  invalidate: () => calendar.tokens.invalidate(),
  has: ({ subject }) => calendar.tokens.forSubject(subject).has(),
  logout: ({ token, url }) =>
    url === undefined ? signIn.handleLogoutToken(token) : signIn.handleFrontChannelLogout(url),
  async close() {
    await app.close();
    process.disconnect();
  },
};

process.on('message', async ({ id, command, ...options }) => {
  try {
    process.send({ id, value: await commands[command](options) });
  } catch (error) {
    process.send?.({ id, error: `${error.code ?? ''} ${error}` });
  }
});
process.send({ id: 0 });
