import { ownOptions } from '../option-check/own-options.js';
import type { HttpHeaders } from '../http/http-request.js';

/** Headers of which Node keeps the first, where a server sends several. */
const SINGLE: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

/** Headers as Node's own client hands them over: lists joined, cookies always a list. */
export function nodeHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): HttpHeaders {
  const result = ownOptions<HttpHeaders>({});
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined) continue;
    if (name === 'set-cookie') result[name] = [value].flat();
    else if (typeof value === 'string') result[name] = value;
    else result[name] = SINGLE.has(name) ? (value[0] ?? '') : value.join(', ');
  }
  return result;
}
