import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import type { IssuerRequest } from './issuer-request.js';
import type { TestClient, TestIssuerOptions } from './test-issuer.options.js';

/**
 * The client that a request comes from, by Basic, body, or a signed assertion; undefined where it is not who it says.
 * @see [RFC 6749 §2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)
 * @see [RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)
 */
export async function authenticateClient(
  request: IssuerRequest,
  clients: TestIssuerOptions['clients'],
): Promise<string | undefined> {
  const { form } = request;
  const assertion = form['client_assertion'];
  if (assertion !== undefined) return authenticateByAssertion(assertion, clients);
  const basic = basicOf(request.headers['authorization']);
  if (basic === 'malformed') return undefined;
  const id = basic?.id ?? form['client_id'] ?? '';
  const secret = basic?.secret ?? form['client_secret'];
  if (clients === undefined) return id;
  const client = clientOf(clients, id);
  if (client === undefined || client.jwks !== undefined) return undefined;
  return client.secret === undefined || client.secret === secret ? id : undefined;
}

async function authenticateByAssertion(
  assertion: string,
  clients: TestIssuerOptions['clients'],
): Promise<string | undefined> {
  try {
    const id = decodeJwt(assertion).sub ?? '';
    if (clients === undefined) return id;
    const client = clientOf(clients, id);
    if (client === undefined) return undefined;
    if (client.jwks !== undefined) await jwtVerify(assertion, createLocalJWKSet(client.jwks as JSONWebKeySet));
    else await jwtVerify(assertion, new TextEncoder().encode(client.secret ?? ''));
    return id;
  } catch {
    return undefined;
  }
}

function clientOf(clients: NonNullable<TestIssuerOptions['clients']>, id: string): TestClient | undefined {
  const client = Object.hasOwn(clients, id) ? clients[id] : undefined;
  return typeof client === 'string' ? { secret: client } : client;
}

/** Checks whether a client authenticates in more than one way. @see [RFC 6749 §2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3) */
export function authenticatesTwice({ form, headers }: IssuerRequest): boolean {
  const ways = [basicOf(headers['authorization']), form['client_secret'], form['client_assertion']];
  return ways.filter((way) => way !== undefined).length > 1;
}

/** Id and secret are form-encoded; what is no encoding is taken as it is. */
function basicOf(header: string | undefined): { id: string; secret: string } | 'malformed' | undefined {
  if (!/^basic(?: |$)/i.test(header ?? '')) return undefined;
  const encoded = /^basic +([\w+/-]+=*)$/i.exec(header ?? '')?.[1];
  const [id = '', ...secret] = Buffer.from(encoded ?? '', 'base64')
    .toString('utf8')
    .split(':');
  if (secret.length === 0) return 'malformed';
  return { id: decode(id), secret: decode(secret.join(':')) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
