import { normalizeParameters, type Parameter } from './parameters.js';
import { percentEncode } from './percent-encoding.js';

/**
 * The text that is signed: method, address without query, and all parameters but `oauth_signature` and `realm`.
 * @param url absolute; its query is left to `parameters`
 * @param host of the `Host` header, where it is another than the URL's
 * @see [RFC 5849 §3.4.1](https://www.rfc-editor.org/rfc/rfc5849#section-3.4.1)
 */
export function signatureBaseString(
  method: string,
  url: string,
  parameters: readonly Parameter[],
  host?: string,
): string {
  return [method.toUpperCase(), baseStringUri(url, host), normalizeParameters(parameters)].map(percentEncode).join('&');
}

/**
 * Scheme and host in lower case, the port unless it is the scheme's own, and the path as it is sent.
 * @see [RFC 5849 §3.4.1.2](https://www.rfc-editor.org/rfc/rfc5849#section-3.4.1.2)
 */
function baseStringUri(url: string, host: string | undefined): string {
  const { protocol, host: own, pathname } = new URL(url);
  return `${protocol}//${host === undefined ? own : normalizedHost(`${protocol}//${host}`)}${pathname}`;
}

/** A URL drops the port that its scheme implies. */
function normalizedHost(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : origin.slice(origin.indexOf('//') + 2).toLowerCase();
}
