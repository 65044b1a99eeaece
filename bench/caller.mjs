/**
 * Calls the API in several ways that are compared with each other (their names joined by commas), in a process of its
 * own: given these, the API's origin and a token.
 */
import { Agent } from 'node:http';
import { HttpModule, HttpService } from '@nestjs/axios';
import { NestFactory } from '@nestjs/core';
import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  ExponentialBackoffRetryStrategy,
  ForgeAuthModule,
  getForgeClientToken,
} from '../dist/index.js';
import { create } from 'axios';
import { lastValueFrom } from 'rxjs';
import { answerInTurn, blockOf, CONCURRENCY } from './blocks.mjs';
import { PEER_WAYS } from './peer-ways.mjs';
import { UndiciTransport } from '../dist/undici/undici.entry.js';

const [names, origin, accessToken] = process.argv.slice(2);
/** The same for all, so that connections are kept in the same way. */
const agent = () => new Agent({ keepAlive: true });

function service(options) {
  const provider = new ClientCredentialsTokenProvider({
    tokenUrl: `${origin}/token`,
    clientId: 'bench',
    clientSecret: 'secret',
  });
  return { name: 'orders', baseUrl: origin, auth: { provider }, axios: { httpAgent: agent() }, ...options };
}

const boot = (...imports) => NestFactory.createApplicationContext({ module: class {}, imports }, { logger: false });

async function bare() {
  const app = await boot(HttpModule.register({ baseURL: origin, httpAgent: agent() }));
  const http = app.get(HttpService, { strict: false });
  const headers = { authorization: `Bearer ${accessToken}` };
  return () => lastValueFrom(http.get('/orders/7', { headers }));
}

async function injected(options) {
  const app = await boot(ForgeAuthModule.forRoot({ services: [service(options)] }));
  const client = app.get(getForgeClientToken('orders'), { strict: false });
  return () => client.get('/orders/7');
}

async function logging() {
  const logger = { log() {}, warn() {}, error() {} };
  const client = createForgeClient(service({ logging: true }), { logger });
  return () => client.get('/orders/7');
}

async function plainAxios() {
  const instance = create({
    baseURL: origin,
    httpAgent: agent(),
    headers: { authorization: `Bearer ${accessToken}` },
  });
  return () => instance.get('/orders/7');
}

async function axiosRef() {
  const client = createForgeClient(service());
  return () => client.axiosRef.get('/orders/7');
}

async function httpService() {
  const client = createForgeClient(service());
  return () => lastValueFrom(client.httpService.get('/orders/7'));
}

async function clientFetch() {
  const client = createForgeClient(service());
  return () => readJson(client.fetch('/orders/7'));
}

async function readJson(pending) {
  const response = await pending;
  return { status: response.status, data: await response.json() };
}

/** Alternatives that an app would write itself. */
async function byHand() {
  const client = createForgeClient(service());
  return {
    all: async (requests) => {
      const results = [];
      let next = 0;
      const worker = async () => {
        while (next < requests.length) {
          const index = next;
          next += 1;
          try {
            results[index] = { status: 'fulfilled', value: await client.request(requests[index]) };
          } catch (reason) {
            results[index] = { status: 'rejected', reason };
          }
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, worker));
      return results;
    },
  };
}

async function requestMany() {
  const client = createForgeClient(service());
  return { all: (requests) => client.requestMany(requests, { concurrency: CONCURRENCY }) };
}

const ways = {
  bare,
  plainAxios,
  axiosRef,
  httpService,
  clientFetch,
  byHand,
  requestMany,
  default: () => injected({}),
  undici: () => injected({ transport: new UndiciTransport() }),
  ownAgent: () => injected({ axios: {} }),
  retrying: () => injected({ retry: new ExponentialBackoffRetryStrategy() }),
  totalTimeout: () => injected({ totalTimeoutMs: 60_000 }),
  logging,
};

/** A call, or a bulk of calls, as a block of so many. */
function blocksOf(way, call) {
  if (typeof call !== 'function') return (count) => bulk(call.all, count);
  return blockOf(async () => {
    const { status, data } = await call();
    if (status !== 200 || data.id !== 7) throw new Error(`${way} answered ${status}.`);
  });
}

async function bulk(all, size) {
  const results = await all(Array.from({ length: size }, () => ({ url: '/orders/7' })));
  if (results.some(({ value }) => value?.data.id !== 7)) throw new Error('Not every call was answered.');
}

const blocks = {};
for (const way of names.split(','))
  blocks[way] = blocksOf(way, await (ways[way]?.() ?? PEER_WAYS[way].make({ origin, accessToken })));
answerInTurn(blocks);
