import type { Attributes } from '@opentelemetry/api';

/** Methods of RFC 9110 and PATCH. */
const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'CONNECT',
]);
/** Value of the HTTP conventions for any other method, so that values stay few. */
export const OTHER_METHOD = '_OTHER';

/** A method as the HTTP conventions name it. */
export function methodAttribute(method: string | undefined): string {
  return method !== undefined && KNOWN_METHODS.has(method) ? method : OTHER_METHOD;
}

/** Returns where a request goes, as the HTTP conventions say it. */
export function addressAttributes(origin: string | undefined): Attributes {
  if (origin === undefined || !URL.canParse(origin)) return {};
  const { hostname, port, protocol } = new URL(origin);
  const scheme = protocol.slice(0, -1);
  return {
    'server.address': hostname,
    'server.port': port === '' ? (scheme === 'https' ? 443 : 80) : Number(port),
    'url.scheme': scheme,
  };
}
