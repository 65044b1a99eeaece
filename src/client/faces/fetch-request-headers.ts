import { InvalidRequestError } from '../../errors.js';

function headersOf(headers: NonNullable<RequestInit['headers']>): Record<string, string> {
  if (headers instanceof Headers) return Object.fromEntries(headers);
  if (Symbol.iterator in headers) return joined([...headers] as [string, string][]);
  return Object.fromEntries(
    Object.entries(headers as Record<string, unknown>).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join() : value,
    ]),
  ) as Record<string, string>;
}

/** As fetch joins them, under the first spelling of each name. */
function joined(pairs: [string, string][]): Record<string, string> {
  const spelling = new Map(pairs.map(([name]) => [String(name).toLowerCase(), name] as const).toReversed());
  return Object.fromEntries(Array.from(new Headers(pairs), ([name, value]) => [spelling.get(name) ?? name, value]));
}

/** Options that Node's `fetch` reads, and that its types leave out. */
interface Asked {
  readonly cache?: string;
  readonly referrer?: string;
  readonly referrerPolicy?: string;
}

/** Headers of a request that is given by its parts, those that `fetch` itself would write among them; undefined where there are none. */
export function headersAsked(url: string, init: RequestInit): Record<string, string> | undefined {
  const headers = init.headers === undefined ? undefined : headersOf(init.headers);
  const { cache, referrer, referrerPolicy } = init as Asked;
  const ranged = headers !== undefined && Object.keys(headers).some((name) => /^range$/i.test(name));
  if (cache === undefined && referrer === undefined && !ranged) return headers;
  return withImplied(headers ?? {}, impliedBy(url, { cache, referrer, referrerPolicy }));
}

/** The platform's own rules of what may be asked; its words may quote what was. */
function impliedBy(url: string, options: object): Asked & { url: string } {
  const address = /^https?:/i.test(url) && URL.canParse(url) ? new URL(url).origin : 'http://localhost/';
  const asked = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  try {
    return new Request(address, asked as RequestInit);
  } catch {
    throw new InvalidRequestError('cache or referrer is not one that fetch knows.');
  }
}

/** The headers that `fetch` writes for what a request says of caches, of where it comes from, and of ranges. */
export function withImplied(
  headers: Record<string, string>,
  { cache, referrer = '', referrerPolicy = '', url }: Asked & { url: string },
): Record<string, string> {
  const written = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const implied: Record<string, string> = {};
  if (cache === 'no-store' || cache === 'reload')
    Object.assign(implied, { pragma: 'no-cache', 'cache-control': 'no-cache' });
  if (cache === 'no-cache') implied['cache-control'] = 'max-age=0';
  if (written.has('range')) implied['accept-encoding'] = 'identity';
  const referer = /^https?:/.test(referrer) ? refererOf(new URL(referrer), url, referrerPolicy) : undefined;
  if (referer !== undefined) implied['referer'] = referer;
  const missing = Object.entries(implied).filter(([name]) => !written.has(name));
  return { ...headers, ...Object.fromEntries(missing) };
}

/** Returns the referrer as another origin may see it: the origin alone; and as its policy has it. */
function refererOf(referrer: URL, url: string, policy: string): string | undefined {
  const elsewhere = referrer.origin !== new URL(url).origin;
  if (policy === 'no-referrer' || (elsewhere && policy === 'same-origin')) return undefined;
  if (elsewhere || policy === 'origin' || policy === 'strict-origin') return `${referrer.origin}/`;
  return referrer.origin + referrer.pathname + referrer.search;
}

/** The values that headers were given, and the words of each: what the platform says of one may quote it. */
export function valuesOf(headers: RequestInit['headers']): string[] {
  if (headers === undefined || headers instanceof Headers) return [];
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  return pairs.flatMap(([, value]) => (typeof value === 'string' ? [value, ...value.split(/\s+/)] : []));
}
