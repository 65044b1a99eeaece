import { InvalidRequestError } from '../../errors.js';
import type { HttpHeaders } from '../../http/http-request.js';
import { ownOptions } from '../../option-check/own-options.js';
import type { RequestHeaders } from './request-config.js';

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

/** Values that Node sends as they are. axios would drop everything else without a word. */
const HEADER_VALUE = /^[\t\x20-\x7E\x80-\xFF]*$/;

/**
 * Returns the value of a header as text, a list as texts; undefined where name or value cannot be sent as they are.
 * An object has no text of its own but for such as `Date` and `URL`.
 */
export function sendableValue(name: string, value: unknown): string | string[] | undefined {
  if (!HEADER_NAME.test(name) || name === '__proto__') return undefined;
  if (!Array.isArray(value)) return textOf(value);
  const texts = value.map(textOf);
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  const text = String(value);
  return text !== '[object Object]' && HEADER_VALUE.test(text) ? text : undefined;
}

/** The headers of a request: the defaults, and what is given over them. @throws {InvalidRequestError} */
export function headersOf(defaults: Readonly<HttpHeaders>, given: RequestHeaders | undefined): Readonly<HttpHeaders> {
  if (given === undefined) return defaults;
  const headers: HttpHeaders = ownOptions(defaults as HttpHeaders);
  for (const [name, value] of Object.entries(given)) {
    const key = name.toLowerCase();
    if (value === null || value === undefined) delete headers[key];
    else headers[key] = headerValue(name, value);
  }
  return headers;
}

function headerValue(name: string, value: unknown): string | string[] {
  const sendable = sendableValue(name, value);
  if (sendable === undefined)
    throw new InvalidRequestError(
      'A header has a name or a value that cannot be sent (a line break? a character beyond Latin-1? an object?).',
    );
  return sendable;
}
