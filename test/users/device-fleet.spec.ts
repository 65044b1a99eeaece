import { Redis } from 'ioredis';
import { DeviceCodeTokenProvider, RedisTokenStorage, TokenManager } from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { type RedisEndpoint, sharedRedis } from '../support/redis-server.js';
import { times } from '../support/async.js';

let redis: RedisEndpoint;
let server: RecordingServer;
const clients: Redis[] = [];

beforeAll(async () => {
  redis = await sharedRedis();
  let polls = 0;
  server = await startServer((request, response) => {
    if (request.path === '/device') {
      const code = { device_code: 'device-code', user_code: 'WXYZ', verification_uri: 'https://issuer.example/device' };
      return json(response, 200, { ...code, expires_in: 600, interval: 1 });
    }
    polls += 1;
    if (polls < 3) return json(response, 400, { error: 'authorization_pending' });
    json(response, 200, { access_token: 'the-token', token_type: 'Bearer', expires_in: 3_600 });
  });
});

afterAll(async () => {
  for (const client of clients) client.disconnect();
  await server.close();
  await redis.stop();
});

it('one sign-in on another device serves a whole fleet that waits for it', async () => {
  let shown = 0;
  const managers = times(3, () => {
    const provider = new DeviceCodeTokenProvider({
      tokenUrl: `${server.origin}/token`,
      deviceAuthorizationUrl: `${server.origin}/device`,
      clientId: 'tv',
      authMethod: 'none',
      onUserCode: () => void (shown += 1),
    });
    const client = new Redis(redis.url);
    clients.push(client);
    return new TokenManager({ name: 'tv', provider, storage: new RedisTokenStorage(client), deadlineMs: 1_000 });
  });
  const tokens = await Promise.all(managers.flatMap((manager) => times(5, () => manager.getToken())));
  expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(['the-token']));
  expect([shown, server.count('/device'), server.count('/token')]).toEqual([1, 1, 3]);
  for (const manager of managers) await manager.close();
}, 30_000);
