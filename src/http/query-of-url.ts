/**
 * The URL with one query parameter more, in place of others of that name. The rest of the query stays as it is written:
 * `URLSearchParams` would rewrite it.
 */
export function withQueryParam(url: string, name: string, value: string): string {
  const others = withoutQueryParams(url, new Set([name]));
  return `${others}${others.includes('?') ? '&' : '?'}${new URLSearchParams([[name, value]]).toString()}`;
}

/** The URL without the query parameters of these names. The rest of the query stays as it is written. */
export function withoutQueryParams(url: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return url;
  const [address = '', query = ''] = url.split(/\?(.*)/s, 2);
  const others = query
    .split('&')
    .filter((pair) => pair !== '' && [...queryNames(pair)].every((name) => !names.has(name)));
  return others.length === 0 ? address : `${address}?${others.join('&')}`;
}

/** Names of the parameters of a query. */
export function queryNames(query: string): ReadonlySet<string> {
  return new Set(new URLSearchParams(query).keys());
}
