import type { ForgeHttpClient } from 'nestjs-forge-auth';
import createClient, { type Client } from 'openapi-fetch';

/** What openapi-typescript writes from the service's OpenAPI document. */
export interface paths {
  '/orders/{id}': {
    get: {
      parameters: { path: { id: number } };
      responses: { 200: { content: { 'application/json': { id: number } } } };
    };
  };
}

export function createOrders(client: ForgeHttpClient, baseUrl: string): Client<paths> {
  return createClient<paths>({ baseUrl, fetch: client.fetch });
}
