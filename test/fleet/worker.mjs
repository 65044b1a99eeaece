// One process of a fleet: a Nest app that calls one protected service. Driven by messages from the spec.
import 'reflect-metadata';
import { createKeyv } from '@keyv/redis';
import { CacheModule } from '@nestjs/cache-manager';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { answerCommands } from './answer-commands.mjs';

const { entry, redisUrl, apiUrl, provider, auth = {}, root = {} } = JSON.parse(process.env.FLEET_WORKER);
const forge = await import(entry);

class App {}
Module({
  imports: [
    CacheModule.register({ isGlobal: true, stores: [createKeyv(redisUrl, { namespace: 'fleet' })] }),
    forge.ForgeAuthModule.forRoot({
      ...root,
      services: [
        { name: 'orders', baseUrl: apiUrl, auth: { provider: new forge[provider.kind](provider.options), ...auth } },
      ],
    }),
  ],
})(App);

const lines = [];
const keep = (level) => (message) => void lines.push(`${level} ${String(message)}`);
const logger = {
  log: keep('log'),
  warn: keep('warn'),
  error: keep('error'),
  debug: () => undefined,
  verbose: () => undefined,
  fatal: keep('fatal'),
};
const app = await NestFactory.createApplicationContext(App, { logger });
const client = app.get(forge.ForgeAuthService).client('orders');
const expiries = {};
client.tokens.on('refreshed', ({ token }) => (expiries[token.fingerprint] = token.expiresAt));

async function callOnce(tally) {
  const startedAt = performance.now();
  try {
    await client.get('/orders');
    tally.succeeded += 1;
  } catch (error) {
    tally.failed += 1;
    tally.errors.push(`${error.name} ${error.code ?? ''} ${error.message}`);
  }
  tally.slowestMs = Math.max(tally.slowestMs, performance.now() - startedAt);
}

const newTally = () => ({ succeeded: 0, failed: 0, errors: [], slowestMs: 0 });

const commands = {
  async calls({ count }) {
    const tally = newTally();
    await Promise.all(Array.from({ length: count }, () => callOnce(tally)));
    return tally;
  },
  async load({ ms, concurrency = 2, pauseMs = 20 }) {
    const tally = newTally();
    const until = Date.now() + ms;
    const caller = async () => {
      while (Date.now() < until) {
        await callOnce(tally);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    };
    await Promise.all(Array.from({ length: concurrency }, caller));
    return tally;
  },
  async token() {
    const token = client.tokens.peek();
    return token && { fingerprint: token.fingerprint, expiresAt: token.expiresAt };
  },
  async expiries() {
    return expiries;
  },
  async refresh() {
    return (await client.tokens.forceRefresh()).fingerprint;
  },
  async invalidate() {
    await client.tokens.invalidate();
  },
  async lines() {
    return lines;
  },
  async close() {
    await app.close();
    setImmediate(() => process.disconnect());
  },
};

answerCommands(commands);
