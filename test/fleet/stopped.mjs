// A process that is stopped and let go on by the spec: one client, driven by messages.
import { createRequire } from 'node:module';
import { answerCommands } from './answer-commands.mjs';

const {
  entry,
  redisUrl,
  baseUrl,
  tokenUrl,
  client: credentials,
  options,
  storageDeadlineMs,
} = JSON.parse(process.env.STOPPED_WORKER);
const forge = await import(entry);
const { Redis } = createRequire(import.meta.url)('ioredis');

const seen = { failed: [], lines: [] };
const note = (line) => void seen.lines.push(String(line));
const logger = { log: () => undefined, warn: note, error: note, debug: () => undefined };
const redis = redisUrl === undefined ? undefined : new Redis(redisUrl);
redis?.on('error', () => undefined);
const provider = new forge.ClientCredentialsTokenProvider({
  tokenUrl,
  ...credentials,
  retry: new forge.NoRetryStrategy(),
});
const client = forge.createForgeClient(
  { name: 'orders', baseUrl, retry: new forge.NoRetryStrategy(), ...options, auth: { provider, ...options.auth } },
  { logger, ...(redis && { storage: new forge.RedisTokenStorage(redis, { deadlineMs: storageDeadlineMs }) }) },
);
client.tokens.on('failed', ({ error }) => seen.failed.push(error.message));

const { now } = Date;
const commands = {
  get: async ({ path }) => (await client.get(path)).status,
  fetch: async ({ path }) => {
    const response = await client.fetch(path);
    await response.text();
    return response.status;
  },
  token: async () => (await client.tokens.getToken()).accessToken,
  renew: async () => (await client.tokens.forceRefresh()).accessToken,
  peek: async () => client.tokens.peek()?.accessToken,
  forward: async ({ ms }) => void (Date.now = () => now() + ms),
  seen: async () => seen,
  close: async () => {
    await client.close();
    redis?.disconnect();
    setImmediate(() => process.disconnect());
  },
};

answerCommands(commands);
