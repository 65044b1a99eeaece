import type { TlsOptions } from '../http/tls-options.js';

/** Options of an `UndiciTransport`; what else an undici `Agent` takes is handed on to it. */
export interface UndiciTransportOptions {
  /** Number of connections open at once to one origin; further requests wait. @default no limit */
  connections?: number;
  /** Number of requests under way at once on one connection. @default 1 */
  pipelining?: number;
  /**
   * URL of a proxy for all requests; `false`: none.
   * @default what `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (in either case) say, read before the first request
   */
  proxy?: string | URL | false;
  /** Certificates, and whether those of servers are checked. Left out: Node's own. */
  tls?: TlsOptions;
  /**
   * Options of undici's connector (`timeout`, `lookup`, `socketPath` …), over `tls`; or a connector. Left out: undici's
   * own.
   */
  connect?: object | ((options: never, callback: never) => void);
  /** Milliseconds that an idle connection is kept, unless the server says less. @default 4_000 */
  keepAliveTimeout?: number;
  /** True when HTTP/2 is spoken where a server offers it. @default false */
  allowH2?: boolean;
  /** Bytes of a body, compressed or not, after which it is given up, where neither call nor service says. @default the service's */
  maxContentLength?: number;
}
