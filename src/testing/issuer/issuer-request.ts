import type { IncomingMessage } from 'node:http';

/** Bytes after which a request's body is no token request. */
const MAX_BODY = 1_048_576;

/** One request that an issuer has received. Holds what was sent, secrets included: it is a test's. */
export interface IssuerRequest {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text. */
  readonly body: string;
  /** The body's parameters, of a form or of JSON. */
  readonly form: Readonly<Record<string, string>>;
  /** `grant_type` of a token request. */
  readonly grantType: string | undefined;
}

/** Reads a request to its end. */
export async function readRequest(message: IncomingMessage): Promise<IssuerRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY) chunks.push(chunk);
  }
  const body = Buffer.concat(chunks).toString('utf8');
  const url = new URL(message.url ?? '/', 'http://issuer');
  const headers = Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : `${value}`,
    ]),
  );
  const form = parametersOf(body, headers['content-type']);
  return {
    method: message.method ?? 'GET',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers,
    body,
    form,
    grantType: form['grant_type'],
  };
}

function parametersOf(body: string, type = ''): Readonly<Record<string, string>> {
  if (!type.includes('json')) return Object.fromEntries(new URLSearchParams(body));
  try {
    return JSON.parse(body) as Record<string, string>;
  } catch {
    return {};
  }
}
