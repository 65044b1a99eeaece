import { ConfigurationError, InvalidRequestError } from '../errors.js';
import { redactUrl } from '../redaction/redact.js';
import { parse } from './origin.js';
import { serializeParams, type QueryParams } from './query-params.js';

/** A service's base URL, checked and normalised once. */
export interface BaseUrl {
  /** As the service was given it. */
  readonly given: string;
  /** The same, normalised: with its trailing slash, if it has one. */
  readonly href: string;
  readonly origin: string;
  /** Path without trailing slashes; '' at the root. */
  readonly path: string;
}

/** An absolute http(s) URL, up to the end of its authority. */
const HTTP_URL = /^https?:\/\/([^/?#]*)/i;
/** RFC 3986 §4.2: a relative path whose first segment holds a colon cannot be distinguished from a scheme. */
const SCHEME = /^[a-z][a-z\d+.-]*:/i;

/** A path that no URL parser would write otherwise: segments of unreserved characters that no dot begins, and a plain query. */
const PLAIN_PATH = /^(?:\/[\w~-][\w.~-]*)+(?:\?[\w.~=&%+,:;-]+)?$/;

/**
 * Checks and normalises a base URL.
 * @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when it is no absolute http(s) URL, or has user info, a query
 * or a fragment
 */
export function prepareBaseUrl(baseUrl: string, serviceName: string): BaseUrl {
  const refuse = (problem: string, cure: string): ConfigurationError =>
    new ConfigurationError(`Service "${serviceName}": baseUrl ${problem}. ${cure}`, { serviceName });
  const example = "Give one such as 'https://orders.example/api'.";
  if (typeof baseUrl !== 'string') throw refuse(`is no string but ${typeof baseUrl}`, example);
  const problem = problemOf(baseUrl);
  if (problem !== undefined) throw refuse(problem, example);
  if (!HTTP_URL.test(baseUrl)) throw refuse('is no absolute http or https URL', example);
  if (/[?#]/.test(baseUrl)) {
    throw refuse('has a query or a fragment', "Give the query as the service's params; a fragment is never sent.");
  }
  const url = parse(baseUrl);
  if (url === undefined) throw refuse('is no valid URL', example);
  return Object.freeze({ given: baseUrl, href: url.href, origin: url.origin, path: url.pathname.replace(/\/+$/, '') });
}

/**
 * The absolute, normalised URL that is sent, without a fragment. Relative URLs are put behind the base URL with exactly
 * one slash, as axios does ('' is the base URL itself); absolute ones are taken as they are.
 *
 * `..` may climb above the base's path, never to another origin: whoever judges the path judges the answer.
 * @throws {InvalidRequestError} FORGE_AUTH_INVALID_REQUEST on `//host`, a backslash before the query, user info, control
 * characters, surrounding whitespace, a scheme other than http(s), and a relative URL without a base
 */
export function resolveUrl(base: BaseUrl | undefined, url: string, params?: QueryParams): string {
  if (base !== undefined && params === undefined && PLAIN_PATH.test(url)) return base.origin + base.path + url;
  if (typeof url !== 'string') throw new InvalidRequestError(`The URL is no string but ${typeof url}.`);
  const asked = url.split('#', 1)[0] ?? '';
  const problem = problemOf(asked);
  if (problem !== undefined) throw new InvalidRequestError(`The URL ${problem}${shown(url)}.`);
  const whole = withParams(join(base, asked), params);
  const parsed = parse(whole);
  if (parsed === undefined) throw invalidUrl('The URL is no valid URL.');
  return parsed.href;
}

/**
 * The path of a URL below the base URL, with a leading slash and without query; undefined when the URL is not below it.
 * `/api` is above `/api/x`, not above `/apix`. Without a base the whole path.
 * @param url absolute and normalised, as {@link resolveUrl} answers it
 */
export function pathBelowBase(url: string, base: BaseUrl | undefined): string | undefined {
  const address = url.split(/[?#]/, 1)[0] ?? '';
  const prefix = base === undefined ? HTTP_URL.exec(address)?.[0] : base.origin + base.path;
  if (prefix === undefined || !address.startsWith(prefix)) return undefined;
  const path = address.slice(prefix.length);
  if (path === '') return '/';
  return path.startsWith('/') ? path : undefined;
}

/** Returns why a URL means something else to a parser than to its reader, in words that follow "The URL". */
function problemOf(url: string): string | undefined {
  if (/\p{Cc}/u.test(url) || url !== url.trim()) return 'holds control characters or surrounding whitespace';
  const address = url.split(/[?#]/, 1)[0] ?? '';
  if (address.includes('\\')) return 'holds a backslash, which a URL parser reads as a slash';
  if (address.startsWith('//')) return 'names a host without a scheme';
  const authority = HTTP_URL.exec(url)?.[1];
  if (authority === '') return 'names no host';
  if (authority?.includes('@')) return 'holds user info';
  if (authority === undefined && SCHEME.test(address)) {
    return 'starts with a scheme other than http:// or https:// (a path with a colon in its first segment needs a leading slash)';
  }
  return undefined;
}

/** Plain text as in axios: the parser then sees one absolute URL, whose authority is always the base's. */
function join(base: BaseUrl | undefined, url: string): string {
  if (HTTP_URL.test(url)) return url;
  if (base === undefined) {
    const path = url.split('?', 1)[0] ?? '';
    throw invalidUrl(`The URL "${path}" is relative, and the service has no base URL. Set its baseUrl.`);
  }
  return url === '' ? base.href : `${base.origin}${base.path}/${url.replace(/^\/+/, '')}`;
}

function withParams(url: string, params: QueryParams | undefined): string {
  const query = params ? serializeParams(params) : '';
  return query === '' ? url : url + (url.includes('?') ? '&' : '?') + query;
}

/** With the code that Node has for it. */
function invalidUrl(message: string): InvalidRequestError {
  const cause = Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL' });
  return new InvalidRequestError(message, { cause });
}

/** Only what is surely an address: anything else may hold user info or a query in disguise. */
function shown(url: string): string {
  return HTTP_URL.test(url) ? `: ${redactUrl(url)}` : '';
}
