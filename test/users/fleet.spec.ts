import { type Api, startApi } from '../support/api.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint, USER } from '../support/token-endpoint.js';
import { times } from '../support/async.js';
import { UserProcess } from './user-fleet.js';

const PROCESSES = 8;
const USERS = 200;

let redis: RedisServer;
let endpoint: TokenEndpoint;
let api: Api;
let workers: UserProcess[];

beforeAll(async () => {
  redis = await startRedis();
  endpoint = await startTokenEndpoint({ refreshTokens: 'rotate', expiresIn: 3_600 });
  api = await startApi(endpoint);
  const { url } = endpoint;
  const redirectUri = 'https://app.example/callback';
  const provider = { ...CLIENT, tokenUrl: url, authorizationUrl: url, redirectUri };
  workers = await UserProcess.start(PROCESSES, { redisUrl: redis.url, apiUrl: api.origin, provider });
}, 120_000);

afterAll(async () => {
  for (const worker of workers) worker.kill();
  await api.close();
  await endpoint.close();
  await redis.stop();
});

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
  it('sends each one-time refresh token once: 8 processes, 200 users, every token replaced three times', async () => {
    const subjects = times(USERS, (index) => `user-${index}`);
    const [first] = workers as [UserProcess];
    const tokens: Record<string, unknown> = {};
    for (const subject of subjects) tokens[subject] = await consent();
    await first.take(tokens);
    for (let round = 0; round < 4; round += 1) {
      const failures = await Promise.all(workers.map((worker) => worker.round(subjects)));
      expect(failures.flat()).toEqual([]);
      expect(endpoint.refreshTokenReuses).toBe(0);
      const refreshed = endpoint.grantTypes.filter((grant) => grant === 'refresh_token').length;
      expect(refreshed).toBe(round * USERS);
      endpoint.revokeAll();
    }
    expect(new Set(endpoint.grantTypes)).toEqual(new Set(['password', 'refresh_token']));
  }, 240_000);
});
