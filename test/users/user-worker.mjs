// One process of a fleet that calls a service for many users. Driven by messages from fleet.spec.ts.
import 'reflect-metadata';
import { createKeyv } from '@keyv/redis';
import { CacheModule } from '@nestjs/cache-manager';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const { entry, redisUrl, apiUrl, tokenUrl, client } = JSON.parse(process.env.USER_WORKER);
const { AuthorizationCodeTokenProvider, ForgeAuthModule, ForgeAuthService, Token } = await import(entry);

const provider = new AuthorizationCodeTokenProvider({
  tokenUrl,
  authorizationUrl: tokenUrl,
  ...client,
  redirectUri: 'https://app.example/callback',
});
class App {}
Module({
  imports: [
    CacheModule.register({ isGlobal: true, stores: [createKeyv(redisUrl, { namespace: 'users' })] }),
    ForgeAuthModule.forRoot({ services: [{ name: 'calendar', baseUrl: apiUrl, auth: { provider } }] }),
  ],
})(App);
const app = await NestFactory.createApplicationContext(App, { logger: false });
const calendar = app.get(ForgeAuthService).client('calendar');

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
  async close() {
    await app.close();
    process.disconnect();
  },
};

process.on('message', async ({ id, command, ...options }) => {
  try {
    process.send({ id, value: await commands[command](options) });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});
process.send({ id: 0 });
