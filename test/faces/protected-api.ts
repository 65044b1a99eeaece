import { ClientCredentialsTokenProvider, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import type { ForgeLogger, ForgeServiceOptions } from 'nestjs-forge-auth';
import { type Api, startApi } from '../support/api.js';
import type { Handler } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';

/** A service that wants a token, the endpoint that issues it, and a client that gets it there. */
export interface ProtectedApi {
  readonly api: Api;
  readonly tokens: TokenEndpoint;
  readonly client: ForgeHttpClient;
  /** Another client of the same service. */
  createClient(options?: Partial<ForgeServiceOptions>, logger?: ForgeLogger): ForgeHttpClient;
  close(): Promise<void>;
}

/** @param handler answers those who have a token; left out, an echo of what came */
export async function startProtectedApi(handler: Handler = echo): Promise<ProtectedApi> {
  const tokens = await startTokenEndpoint();
  const api = await startApi(tokens, { handler });
  const clients: ForgeHttpClient[] = [];
  const createClient = (options: Partial<ForgeServiceOptions> = {}, logger?: ForgeLogger): ForgeHttpClient => {
    const service: ForgeServiceOptions = {
      name: 'orders',
      baseUrl: api.origin,
      auth: { provider: new ClientCredentialsTokenProvider({ tokenUrl: tokens.url, ...CLIENT }) },
      ...options,
    };
    const client = createForgeClient(service, logger && { logger });
    clients.push(client);
    return client;
  };
  return {
    api,
    tokens,
    client: createClient(),
    createClient,
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await Promise.all([api.close(), tokens.close()]);
    },
  };
}

/** Answers with what was asked. */
export const echo: Handler = ({ method, url, headers, text }, response) => {
  const body = JSON.stringify({ method, url, contentType: headers['content-type'], body: text });
  response.writeHead(200, { 'content-type': 'application/json', 'x-echo': 'yes' }).end(body);
};
