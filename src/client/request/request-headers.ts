import { InvalidRequestError } from '../../errors.js';
import type { HttpHeaders } from '../../http/http-request.js';
import type { RequestHeaders } from './request-config.js';

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

/** What Node sends as it is. axios would drop everything else without a word. */
const HEADER_VALUE = /^[\t\x20-\x7E\x80-\xFF]*$/;

/** Whether a header can be sent as it is. */
export function isSendable(name: string, values: readonly string[]): boolean {
  return HEADER_NAME.test(name) && name !== '__proto__' && values.every((text) => HEADER_VALUE.test(text));
}

/** The headers of a request: the defaults, and what is given over them. @throws {InvalidRequestError} */
export function headersOf(defaults: Readonly<HttpHeaders>, given: RequestHeaders | undefined): Readonly<HttpHeaders> {
  if (given === undefined) return defaults;
  const headers: HttpHeaders = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    const key = name.toLowerCase();
    if (value === null || value === undefined) delete headers[key];
    else headers[key] = headerValue(name, value);
  }
  return headers;
}

function headerValue(name: string, value: string | number | boolean | readonly string[]): string | string[] {
  const values = Array.isArray(value) ? value.map(String) : [String(value)];
  if (!isSendable(name, values)) {
    throw new InvalidRequestError(
      'A header has a name or a value that cannot be sent (a line break? a character beyond Latin-1?).',
    );
  }
  return Array.isArray(value) ? values : (values[0] ?? '');
}
