import { namesProxy } from '../environment.js';
import { Readable } from 'node:stream';
import type { AxiosRequestConfig } from 'axios';
import type { HttpRequest } from '../http-request.js';

/** Settings of a whole client without which, or with which alone, nothing of axios's adapter is needed. */
const INERT: ReadonlySet<string> = new Set([
  'adapter',
  'auth',
  'baseURL',
  'beforeRedirect',
  'cancelToken',
  'data',
  'env',
  'headers',
  'httpAgent',
  'httpsAgent',
  'maxContentLength',
  'maxRedirects',
  'method',
  'params',
  'proxy',
  'responseType',
  'signal',
  'timeout',
  'transformRequest',
  'transformResponse',
  'url',
  'validateStatus',
  'xsrfCookieName',
  'xsrfHeaderName',
]);

/** An address that `URL` would surely write the same, with a path: no segment is one dot, or two. */
const PLAIN_URL =
  /^https?:\/\/(?:[a-z\d._-]+|\[[\da-f:.]+\])(?::\d{1,5})?\/(?!(?:.*\/)?(?:\.|%2[eE]){1,2}(?:[/?]|$))[\w!$%&()*+,./:;=?@[\]|~-]*(?<!\?)$/;

/** Checks whether requests of a client with these settings, in this environment, need nothing of axios's adapter. */
export function isPlain(given: AxiosRequestConfig): boolean {
  const settings = Object.entries(given).filter(([, value]) => value !== undefined);
  if (settings.some(([name]) => !INERT.has(name))) return false;
  if (given.proxy === undefined) return !namesProxy();
  // Node's own agents may know of a proxy, too.
  return given.proxy === false && given.httpAgent === undefined && given.httpsAgent === undefined;
}

/** Checks whether one request needs nothing of axios's adapter, which also corrects URLs that Node would refuse. */
export function isPlainRequest(request: HttpRequest, limit: number | undefined): boolean {
  const { axios: settings, body, freshConnection, responseType, url } = request;
  if (settings !== undefined && settings['readHere'] !== true) return false;
  if (freshConnection === true || body instanceof Readable) return false;
  if (responseType === 'stream' && limit !== undefined) return false;
  return PLAIN_URL.test(url);
}
