import { type AccountIssuer, CALENDAR_CLIENT, startAccountIssuer } from './account-issuer.js';
import { type AuthorizationServer, startAuthorizationServer } from './authorization-server.js';
import { API_KEY, CLIENTS, DEVICE_ID, PROFILE_SECRET, USER } from './clients.js';
import { type DeviceIssuer, startDeviceIssuer } from './device-issuer.js';
import { apiKey, bearerToken, type ProtectedApi, startProtectedApi } from './protected-api.js';

/** All that the app calls. Where it does so, the servers count. */
export interface World {
  readonly issuer: AuthorizationServer;
  readonly orders: ProtectedApi;
  readonly prices: ProtectedApi;
  readonly invoices: ProtectedApi;
  readonly weather: ProtectedApi;
  readonly deviceIssuer: DeviceIssuer;
  readonly profile: ProtectedApi;
  /** Issuer at which people have accounts. */
  readonly accounts: AccountIssuer;
  readonly calendar: ProtectedApi;
  /** Environment of the app: where everything is, and its credentials. */
  readonly environment: Readonly<Record<string, string>>;
  /** Every server forgets what it counted. */
  forget(): void;
  close(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const issuer = await startAuthorizationServer();
  const byToken = { credentialOf: bearerToken, isValid: issuer.isValid };
  const orders = await startProtectedApi(byToken);
  const prices = await startProtectedApi(byToken);
  const invoices = await startProtectedApi(byToken);
  const weather = await startProtectedApi({ credentialOf: apiKey, isValid: (key) => key === API_KEY });
  const deviceIssuer = await startDeviceIssuer(DEVICE_ID);
  const profile = await startProtectedApi({ credentialOf: bearerToken, isValid: deviceIssuer.isValid });
  const accounts = await startAccountIssuer();
  const calendar = await startProtectedApi({ credentialOf: bearerToken, isValid: accounts.isValid });
  const servers = [issuer, orders, prices, invoices, weather, deviceIssuer, profile, accounts, calendar];
  return {
    issuer,
    orders,
    prices,
    invoices,
    weather,
    deviceIssuer,
    profile,
    accounts,
    calendar,
    environment: {
      ISSUER: issuer.issuer,
      ORDERS_URL: orders.origin,
      ORDERS_CLIENT_ID: CLIENTS.orders.id,
      ORDERS_CLIENT_SECRET: CLIENTS.orders.secret,
      PRICES_URL: prices.origin,
      PRICES_CLIENT_ID: CLIENTS.prices.id,
      PRICES_CLIENT_SECRET: CLIENTS.prices.secret,
      INVOICES_URL: invoices.origin,
      INVOICES_CLIENT_ID: CLIENTS.invoices.id,
      INVOICES_CLIENT_SECRET: CLIENTS.invoices.secret,
      INVOICES_USERNAME: USER.name,
      INVOICES_PASSWORD: USER.password,
      WEATHER_URL: weather.origin,
      WEATHER_API_KEY: API_KEY,
      DEVICE_ISSUER_URL: deviceIssuer.origin,
      DEVICE_ID,
      PROFILE_URL: profile.origin,
      PROFILE_CLIENT_SECRET: PROFILE_SECRET,
      ACCOUNT_ISSUER: accounts.issuer,
      CALENDAR_URL: calendar.origin,
      CALENDAR_CLIENT_ID: CALENDAR_CLIENT.id,
      CALENDAR_CLIENT_SECRET: CALENDAR_CLIENT.secret,
    },
    forget: () => servers.forEach((server) => server.forget()),
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  };
}
