import type { ForgeHttpClient } from 'nestjs-forge-auth';
import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './orders-paths.js';

/** `orders-paths.ts` is what `npx openapi-typescript openapi.json -o orders-paths.ts` writes. */
export function createOrders(client: ForgeHttpClient, baseUrl: string): Client<paths> {
  return createClient<paths>({ baseUrl, fetch: client.fetch });
}
