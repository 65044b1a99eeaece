import type { IncomingMessage } from 'node:http';

/** Bytes after which a request's body is no token request. */
const MAX_BODY = 1_048_576;
/** Parameters that may be sent more than once. @see [RFC 8707 §2](https://www.rfc-editor.org/rfc/rfc8707#section-2) */
const REPEATABLE: ReadonlySet<string> = new Set(['resource', 'audience']);

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
  /** Reason for which its body holds no parameters, as an endpoint answers it; left out where it does, or is empty. */
  readonly malformed?: string;
}

/** Parameters of a body, or why it has none. */
interface Parameters {
  readonly form: Readonly<Record<string, string>>;
  readonly malformed?: string;
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
  const target = message.url ?? '/';
  const url = URL.canParse(target, 'http://issuer') ? new URL(target, 'http://issuer') : undefined;
  const headers = Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : `${value}`,
    ]),
  );
  const { form, malformed }: Parameters =
    size > MAX_BODY
      ? { form: {}, malformed: `The body is longer than ${MAX_BODY} bytes.` }
      : parametersOf(body, headers['content-type']);
  return {
    method: message.method ?? 'GET',
    path: url?.pathname ?? target,
    query: Object.fromEntries(url?.searchParams ?? []),
    headers,
    body,
    form,
    grantType: form['grant_type'],
    ...(malformed === undefined ? undefined : { malformed }),
  };
}

/** Checks whether a parameter is missing: without a value it counts as omitted (RFC 6749 §3.2). */
export function isMissing(value: string | undefined): value is undefined {
  return value === undefined || value === '';
}

function parametersOf(body: string, type = ''): Parameters {
  if (body === '') return { form: {} };
  if (/[/+]json\b/i.test(type)) return jsonParameters(body);
  if (!/^application\/x-www-form-urlencoded\b/i.test(type))
    return { form: {}, malformed: 'The content type is not application/x-www-form-urlencoded.' };
  const parameters = new URLSearchParams(body);
  const form = Object.fromEntries(parameters);
  const repeated = Object.keys(form).find((name) => parameters.getAll(name).length > 1 && !REPEATABLE.has(name));
  return { form, ...(repeated === undefined ? undefined : { malformed: `${repeated} is sent more than once.` }) };
}

function jsonParameters(body: string): Parameters {
  try {
    const members = Object.entries(JSON.parse(body) as object).map(([name, value]: [string, unknown]) => {
      if (typeof value === 'object') throw new TypeError(`${name} is no text.`);
      return [name, String(value)] as const;
    });
    return { form: Object.fromEntries(members) };
  } catch {
    return { form: {}, malformed: 'The body is no JSON object of texts.' };
  }
}
