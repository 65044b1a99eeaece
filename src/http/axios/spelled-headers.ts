import type { HeaderSpelling, HttpHeaders } from '../http-request.js';

/** Adds the names of `given` to how those of `defaults` are written; undefined while all are in lower case. */
export function spellingOf(
  defaults: HeaderSpelling | undefined,
  given: object | undefined,
): HeaderSpelling | undefined {
  if (given === undefined) return defaults;
  let spelling: Record<string, string> | undefined;
  for (const name of Object.keys(given)) {
    const key = name.toLowerCase();
    if ((defaults?.[key] ?? key) === name) continue;
    // Without a prototype, any name may be looked up in it.
    spelling ??= Object.assign(Object.create(null) as Record<string, string>, defaults);
    spelling[key] = name;
  }
  return spelling ?? defaults;
}

/** Has the names in `added`, too, written as they were given. */
export function addSpelling(
  request: { spelling?: HeaderSpelling | undefined },
  added: HeaderSpelling | undefined,
): void {
  if (added === undefined) return;
  const { spelling } = request;
  request.spelling =
    spelling === undefined ? added : (Object.assign(Object.create(null), spelling, added) as HeaderSpelling);
}

/** Headers as they are written on the wire. Servers must not care (RFC 9110 §5.1); some do. */
export function spelledHeaders(headers: HttpHeaders, spelling: HeaderSpelling | undefined): HttpHeaders {
  if (spelling === undefined) return headers;
  const spelled: HttpHeaders = {};
  for (const name of Object.keys(headers)) spelled[spelling[name] ?? name] = headers[name] as string;
  return spelled;
}
