import { randomBytes } from 'node:crypto';

const secret = (): string => randomBytes(24).toString('base64url');

/** Clients that the authorization server knows: one for each service that the app calls. */
export const CLIENTS = {
  orders: { id: 'orders-client', secret: secret(), grants: ['client_credentials'], tokenLifetime: 3_600 },
  prices: { id: 'prices-client', secret: secret(), grants: ['client_credentials'], tokenLifetime: 4 },
  invoices: { id: 'invoices-client', secret: secret(), grants: ['password', 'refresh_token'], tokenLifetime: 3_600 },
} as const;

export type ClientName = keyof typeof CLIENTS;

/** The technical user that invoices are read as. */
export const USER = { name: 'bookkeeper', password: secret() } as const;

/** The key that the weather service wants. */
export const API_KEY = secret();

/** Secret that the app shows the issuer of device tokens. */
export const PROFILE_SECRET = secret();

/** The device that the issuer of device tokens knows. */
export const DEVICE_ID = 'device-123';
