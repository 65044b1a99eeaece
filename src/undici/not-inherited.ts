import { type buildConnector, Client, type Dispatcher, Pool } from 'undici';
import { NOT_INHERITED_BY_SOCKETS } from '../http/node/not-inherited.js';

/**
 * Options that undici would read from `Object.prototype`, since it copies what it is given into objects that inherit.
 * Named, they are nobody's.
 */

/** Options of a connector. */
export const NOT_INHERITED_BY_CONNECTORS = Object.freeze({
  ...NOT_INHERITED_BY_SOCKETS,
  family: undefined,
  hints: undefined,
  keepAlive: undefined,
  keepAliveInitialDelay: undefined,
  localAddress: undefined,
  lookup: undefined,
  maxCachedSessions: undefined,
  servername: undefined,
  session: undefined,
  socketPath: undefined,
  timeout: undefined,
  useH2c: undefined,
});

/** Options of clients, pools, agents and agents of proxies. */
const NOT_INHERITED_BY_CLIENTS = Object.freeze({
  allowH2: undefined,
  auth: undefined,
  autoSelectFamily: undefined,
  autoSelectFamilyAttemptTimeout: undefined,
  bodyTimeout: undefined,
  clientTtl: undefined,
  connect: undefined,
  connections: undefined,
  connectionWindowSize: undefined,
  connectTimeout: undefined,
  eventSource: undefined,
  factory: undefined,
  headers: undefined,
  headersTimeout: undefined,
  httpProxy: undefined,
  httpsProxy: undefined,
  idleTimeout: undefined,
  initialWindowSize: undefined,
  interceptors: undefined,
  keepAlive: undefined,
  keepAliveMaxTimeout: undefined,
  keepAliveTimeout: undefined,
  keepAliveTimeoutThreshold: undefined,
  localAddress: undefined,
  maxCachedSessions: undefined,
  maxConcurrentStreams: undefined,
  maxHeaderSize: undefined,
  maxKeepAliveTimeout: undefined,
  maxOrigins: undefined,
  maxRequestsPerClient: undefined,
  maxResponseSize: undefined,
  noProxy: undefined,
  password: undefined,
  pingInterval: undefined,
  pipelining: undefined,
  requestTimeout: undefined,
  socketPath: undefined,
  socketTimeout: undefined,
  strictContentLength: undefined,
  tls: undefined,
  toJSON: undefined,
  token: undefined,
  useH2c: undefined,
  username: undefined,
  webSocket: undefined,
});

/** Changes the connector of each client that is made. */
type Adapt = (connector: buildConnector.connector) => buildConnector.connector;

/**
 * Returns options of undici's with nothing left to inherit; each pool and client below is made of such ones, too.
 * @param adapt is asked for each client's connector, those to a proxy included
 */
export function withoutInherited<T extends object>(options: T, adapt: Adapt): T {
  const clientOf = (origin: string | URL, given: { connect?: unknown }): Dispatcher => {
    const { connect } = given;
    const adapted = typeof connect === 'function' ? { connect: adapt(connect as buildConnector.connector) } : undefined;
    return new Client(origin as URL, { ...NOT_INHERITED_BY_CLIENTS, ...given, ...adapted } as object as Client.Options);
  };
  // As undici's agents make them by default.
  const poolOf = (origin: string | URL, given: object): Dispatcher => {
    const own = { ...NOT_INHERITED_BY_CLIENTS, ...given } as object as Pool.Options;
    return own.connections === 1 ? clientOf(origin, own) : new Pool(origin, { ...own, factory: clientOf });
  };
  return { ...NOT_INHERITED_BY_CLIENTS, factory: poolOf, clientFactory: poolOf, ...options };
}
