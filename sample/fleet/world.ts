import { type AuthorizationServer, startAuthorizationServer } from '../upstream/authorization-server.js';
import { CLIENTS } from '../upstream/clients.js';
import { bearerToken, type ProtectedApi, startProtectedApi } from '../upstream/protected-api.js';

/** So short that a story sees several of them. */
export const PRICES_LIFETIME_S = 2;

/** Services that the fleet calls, where the calls are counted. */
export interface FleetWorld {
  readonly issuer: AuthorizationServer;
  readonly orders: ProtectedApi;
  readonly prices: ProtectedApi;
  /** Environment of a process of the fleet. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ends the life of every token that an API has seen. */
  revokeAll(api: ProtectedApi): Promise<void>;
  forget(): void;
  close(): Promise<void>;
}

export async function startFleetWorld(): Promise<FleetWorld> {
  const issuer = await startAuthorizationServer({ prices: PRICES_LIFETIME_S });
  const byToken = { credentialOf: bearerToken, isValid: issuer.isValid };
  const orders = await startProtectedApi(byToken);
  const prices = await startProtectedApi(byToken);
  const servers = [issuer, orders, prices];
  return {
    issuer,
    orders,
    prices,
    environment: {
      ISSUER: issuer.issuer,
      ORDERS_URL: orders.origin,
      ORDERS_CLIENT_ID: CLIENTS.orders.id,
      ORDERS_CLIENT_SECRET: CLIENTS.orders.secret,
      PRICES_URL: prices.origin,
      PRICES_CLIENT_ID: CLIENTS.prices.id,
      PRICES_CLIENT_SECRET: CLIENTS.prices.secret,
    },
    revokeAll: async (api) => void (await Promise.all(api.credentials.map(issuer.revoke))),
    forget: () => servers.forEach((server) => server.forget()),
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  };
}
