import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Api, startApi } from '../support/api.js';
import { builtPackage } from '../support/built-package.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint, USER } from '../support/token-endpoint.js';
import { times } from '../tokens/world.js';

const SCRIPT = fileURLToPath(new URL('user-worker.mjs', import.meta.url));
const PROCESSES = 8;
const USERS = 200;

let redis: RedisServer;
let endpoint: TokenEndpoint;
let api: Api;
let workers: ChildProcess[];

beforeAll(async () => {
  redis = await startRedis();
  endpoint = await startTokenEndpoint({ refreshTokens: 'rotate', expiresIn: 3_600 });
  api = await startApi(endpoint);
  const entry = await builtPackage();
  const USER_WORKER = JSON.stringify({
    entry,
    redisUrl: redis.url,
    apiUrl: api.origin,
    tokenUrl: endpoint.url,
    client: CLIENT,
  });
  const env = { ...process.env, NODE_OPTIONS: '', USER_WORKER };
  workers = times(PROCESSES, () => fork(SCRIPT, { env }));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
}, 120_000);

afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await api.close();
  await endpoint.close();
  await redis.stop();
});

async function ask<T>(worker: ChildProcess, command: string, options: object = {}): Promise<T> {
  const answer = once(worker, 'message');
  worker.send({ id: 1, command, ...options });
  const [{ value, error }] = (await answer) as [{ value: T; error?: string }];
  if (error !== undefined) throw new Error(error);
  return value;
}

/** A token of a user's own, with a refresh token that is good for one use. */
async function consent(): Promise<unknown> {
  const body = new URLSearchParams({
    grant_type: 'password',
    ...USER,
    client_id: CLIENT.clientId,
    client_secret: CLIENT.clientSecret,
  });
  return (await fetch(endpoint.url, { method: 'POST', body })).json();
}

describe('a fleet that acts for users', () => {
  it('redeems each one-time refresh token once: 8 processes, 200 users, every token replaced three times', async () => {
    const subjects = times(USERS, (index) => `user-${index}`);
    const [first] = workers as [ChildProcess];
    const tokens: Record<string, unknown> = {};
    for (const subject of subjects) tokens[subject] = await consent();
    await ask(first, 'take', { tokens });
    for (let round = 0; round < 4; round += 1) {
      const failures = await Promise.all(workers.map((worker) => ask<string[]>(worker, 'round', { subjects })));
      expect(failures.flat()).toEqual([]);
      expect(endpoint.refreshTokenReuses).toBe(0);
      const refreshed = endpoint.grantTypes.filter((grant) => grant === 'refresh_token').length;
      expect(refreshed).toBe(round * USERS);
      endpoint.revokeAll();
    }
    expect(new Set(endpoint.grantTypes)).toEqual(new Set(['password', 'refresh_token']));
  }, 240_000);
});
