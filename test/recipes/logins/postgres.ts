import type { TokenManager } from 'nestjs-forge-auth';
import { Pool, type PoolConfig } from 'pg';

/** The password of each new connection is the token that is valid then. A database that takes tokens wants TLS: `ssl: true`. */
export function createPool(tokens: TokenManager, config: PoolConfig): Pool {
  return new Pool({ ...config, password: async () => (await tokens.getToken()).accessToken });
}
