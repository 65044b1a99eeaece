import { percentEncode, reencode } from './percent-encoding.js';

/** A request parameter, name and value percent-encoded as in the signature base string. */
export type Parameter = readonly [name: string, value: string];

/** A parameter of the protocol, from its plain text. */
export function parameter(name: string, value: string): Parameter {
  return [percentEncode(name), percentEncode(value)];
}

/**
 * The parameters of a query (without `?`) or a form body, one character for each octet.
 * @see [RFC 5849 §3.4.1.3.1](https://www.rfc-editor.org/rfc/rfc5849#section-3.4.1.3.1)
 */
export function parametersOf(formEncoded: string): Parameter[] {
  return pairsOf(formEncoded).map((pair) => {
    const end = pair.indexOf('=');
    return end < 0 ? [reencode(pair), ''] : [reencode(pair.slice(0, end)), reencode(pair.slice(end + 1))];
  });
}

/**
 * A query or form body without the parameters of these (encoded) names; what is left stays as it was written.
 * No protocol parameter may appear twice in a request.
 * @see [RFC 5849 §3.2](https://www.rfc-editor.org/rfc/rfc5849#section-3.2)
 */
export function withoutParameters(formEncoded: string, names: ReadonlySet<string>): string {
  const pairs = pairsOf(formEncoded);
  const kept = pairs.filter((pair) => !names.has(reencode(pair.split('=', 1)[0] ?? '')));
  return kept.length === pairs.length ? formEncoded : kept.join('&');
}

/** A query or form body with these parameters behind its own. */
export function withParameters(formEncoded: string, parameters: readonly Parameter[]): string {
  const own = formEncoded === '' ? [] : [formEncoded];
  return [...own, ...parameters.map(([name, value]) => `${name}=${value}`)].join('&');
}

/**
 * Sorts by name, then by value, and joins.
 * @see [RFC 5849 §3.4.1.3.2](https://www.rfc-editor.org/rfc/rfc5849#section-3.4.1.3.2)
 */
export function normalizeParameters(parameters: readonly Parameter[]): string {
  return [...parameters]
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function pairsOf(formEncoded: string): string[] {
  return formEncoded.split('&').filter((pair) => pair !== '');
}

/** By octets: what is encoded is ASCII. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
