import { type ClientAuth, ClientSecretPost, None } from 'openid-client';
import { ConfigurationError } from '../errors.js';

/** A token request, as a client authentication of one's own sees it. */
export interface ClientAuthRequest {
  readonly url: string;
  readonly headers: Headers;
  readonly body: URLSearchParams;
}

/** Shows who the client is by changing the request's headers or body. */
export type ClientAuthFunction = (
  request: ClientAuthRequest,
  client: { clientId: string; clientSecret: string | undefined },
) => void;

/**
 * How the client shows who it is at the token endpoint (RFC 6749 §2.3).
 * `'body'` and `'header'` are other names of `client_secret_post` and of `client_secret_basic` with raw encoding.
 */
export type ClientAuthMethod =
  'client_secret_basic' | 'client_secret_post' | 'none' | 'body' | 'header' | ClientAuthFunction;

/** In the order in which they are preferred under discovery. */
const WITH_SECRET = ['client_secret_basic', 'client_secret_post'] as const;

/** What a server says it supports when it says nothing (RFC 8414 §2). */
const UNSAID = ['client_secret_basic'];

/** The method to use: as configured, else the first that both sides support. @throws {ConfigurationError} when there is none */
export function chooseAuthMethod(
  configured: ClientAuthMethod | undefined,
  hasSecret: boolean,
  supported: readonly string[] | undefined,
  owner: string,
): ClientAuthMethod {
  if (configured !== undefined) return configured;
  if (!hasSecret) return 'none';
  const offered = supported ?? UNSAID;
  const method = WITH_SECRET.find((name) => offered.includes(name));
  if (method !== undefined) return method;
  throw new ConfigurationError(
    `${owner}: the issuer supports none of ${WITH_SECRET.join(', ')}. Set authMethod to what it asks for.`,
  );
}

/** @throws {ConfigurationError} when `method` is unknown, or needs a secret that is not there */
export function checkAuthMethod(method: ClientAuthMethod | undefined, hasSecret: boolean, owner: string): void {
  if (method === undefined || typeof method === 'function' || method === 'none') return;
  const known = [...WITH_SECRET, 'body', 'header'];
  if (!known.includes(method)) {
    throw new ConfigurationError(
      `${owner}: authMethod must be a function or one of ${[...known, 'none'].join(', ')}, not ${String(method)}.`,
    );
  }
  if (!hasSecret) throw new ConfigurationError(`${owner}: authMethod ${method} needs a clientSecret.`);
}

/** The chosen method, as `openid-client` takes it. */
export function clientAuthentication(
  method: ClientAuthMethod,
  secret: string | undefined,
  encoding: 'rfc6749' | 'raw',
): ClientAuth {
  if (typeof method === 'function') {
    return (server, client, body, headers) =>
      method({ url: server.token_endpoint ?? '', headers, body }, { clientId: client.client_id, clientSecret: secret });
  }
  if (method === 'none' || secret === undefined) return None();
  if (method === 'client_secret_post' || method === 'body') return ClientSecretPost(secret);
  const encode = method === 'header' || encoding === 'raw' ? (text: string) => text : formEncode;
  return (_server, client, _body, headers) => {
    const credentials = Buffer.from(`${encode(client.client_id)}:${encode(secret)}`, 'utf8').toString('base64');
    headers.set('authorization', `Basic ${credentials}`);
  };
}

/** As `application/x-www-form-urlencoded` writes a value; issuers that do not decode can still read `-`, `_` and `.`. */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
