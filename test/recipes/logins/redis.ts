import type { TokenManager } from 'nestjs-forge-auth';
import { createClient } from 'redis';

/** node-redis asks for the credentials whenever it connects, after a lost connection, too. */
export function createRedis(tokens: TokenManager, url: string, username: string) {
  return createClient({
    url,
    credentialsProvider: {
      type: 'async-credentials-provider',
      credentials: async () => ({ username, password: (await tokens.getToken()).accessToken }),
    },
  });
}
