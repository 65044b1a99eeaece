import type { RecordedRequest } from './recorded-request.js';

/** Secrets by client id; `''` marks a public client. */
export type Clients = Readonly<Record<string, string>>;

/**
 * How a client must authenticate:
 * - `any`: in whichever of the other ways
 * - `client_secret_basic`: Basic, id and secret form-encoded first, as RFC 6749 §2.3.1 says
 * - `raw_basic`: Basic with id and secret as they are, as many servers want it
 * - `client_secret_post`: in the body
 * - `none`: a public client's id in the body, and no secret
 * - a function: one's own check
 */
export type ClientAuthentication =
  | 'any'
  | 'client_secret_basic'
  | 'raw_basic'
  | 'client_secret_post'
  | 'none'
  | ((request: RecordedRequest, params: Readonly<Record<string, string>>) => boolean);

type Credentials = readonly [clientId: string, clientSecret: string];

/** Tells whether a token request carries the credentials of one of the clients, in a way that is allowed. */
export function authenticatesClient(
  request: RecordedRequest,
  params: Readonly<Record<string, string>>,
  clients: Clients,
  allowed: ClientAuthentication = 'any',
): boolean {
  if (typeof allowed === 'function') return allowed(request, params);
  const raw = basicCredentials(request.headers.authorization);
  const body = params['client_id'];
  const found: Record<string, Credentials | undefined> = {
    client_secret_basic: raw && formDecoded(raw),
    raw_basic: raw,
    client_secret_post: body !== undefined && params['client_secret'] ? [body, params['client_secret']] : undefined,
    none: body !== undefined && !raw && !params['client_secret'] ? [body, ''] : undefined,
  };
  return Object.entries(found).some(
    ([method, credentials]) =>
      credentials && (allowed === 'any' || allowed === method) && clients[credentials[0]] === credentials[1],
  );
}

function basicCredentials(header: string | undefined): Credentials | undefined {
  const encoded = /^Basic (\S+)$/i.exec(header ?? '')?.[1];
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString()) ?? [];
  return id !== undefined && secret !== undefined ? [id, secret] : undefined;
}

function formDecoded([id, secret]: Credentials): Credentials | undefined {
  try {
    return [decoded(id), decoded(secret)];
  } catch {
    return undefined;
  }
}

function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
