import { EventEmitter } from 'node:events';

/**
 * Options that Node would read from `Object.prototype`, since it copies what it is given into objects that inherit.
 * Named, they are nobody's: what anybody has written there, a `ca` for one, would else be read as one of these.
 */

/** Options of a request. Whoever adds one adds it to {@link anyIsInherited}, too. */
const NOT_INHERITED_BY_REQUESTS = Object.freeze({
  auth: undefined,
  createConnection: undefined,
  defaultPort: undefined,
  family: undefined,
  insecureHTTPParser: undefined,
  localAddress: undefined,
  lookup: undefined,
  joinDuplicateHeaders: undefined,
  maxHeaderSize: undefined,
  setDefaultHeaders: undefined,
  setHost: undefined,
  signal: undefined,
  socketPath: undefined,
  timeout: undefined,
  uniqueHeaders: undefined,
});

/** The `Object.prototype` of Node's own objects: code that runs in a context of its own, as in Jest, has another one. */
const INHERITED_BY_NODE = Object.getPrototypeOf(EventEmitter.prototype) as object;

/**
 * Returns the options of one request, of which Node inherits none. Hardly ever is there anything to inherit, and Node
 * copies what it is given several times: the names alone would be a tenth of a call.
 */
export function ownRequestOptions<T extends object>(options: T): T {
  return anyIsInherited() ? { ...NOT_INHERITED_BY_REQUESTS, ...options } : options;
}

/**
 * Checked for each request, since anybody may write there at any time. Name by name: V8 compiles that to nearly nothing, a
 * loop over the names is fifty times as slow.
 */
function anyIsInherited(): boolean {
  return (
    'auth' in INHERITED_BY_NODE ||
    'createConnection' in INHERITED_BY_NODE ||
    'defaultPort' in INHERITED_BY_NODE ||
    'family' in INHERITED_BY_NODE ||
    'insecureHTTPParser' in INHERITED_BY_NODE ||
    'localAddress' in INHERITED_BY_NODE ||
    'lookup' in INHERITED_BY_NODE ||
    'joinDuplicateHeaders' in INHERITED_BY_NODE ||
    'maxHeaderSize' in INHERITED_BY_NODE ||
    'setDefaultHeaders' in INHERITED_BY_NODE ||
    'setHost' in INHERITED_BY_NODE ||
    'signal' in INHERITED_BY_NODE ||
    'socketPath' in INHERITED_BY_NODE ||
    'timeout' in INHERITED_BY_NODE ||
    'uniqueHeaders' in INHERITED_BY_NODE
  );
}

/** Options of a socket, and of TLS over it, as far as no request sets them, and Node sets no default before it reads them. */
export const NOT_INHERITED_BY_SOCKETS = Object.freeze({
  allowPartialTrustChain: undefined,
  ALPNCallback: undefined,
  autoSelectFamily: undefined,
  autoSelectFamilyAttemptTimeout: undefined,
  ca: undefined,
  captureRejections: undefined,
  cert: undefined,
  clientCertEngine: undefined,
  construct: undefined,
  crl: undefined,
  decodeStrings: undefined,
  defaultEncoding: undefined,
  destroy: undefined,
  dhparam: undefined,
  ecdhCurve: undefined,
  enableTrace: undefined,
  encoding: undefined,
  fd: undefined,
  final: undefined,
  handle: undefined,
  highWaterMark: undefined,
  honorCipherOrder: undefined,
  isServer: undefined,
  keepAlive: undefined,
  keepAliveInitialDelay: undefined,
  key: undefined,
  localPort: undefined,
  maxVersion: undefined,
  minVersion: undefined,
  objectMode: undefined,
  onread: undefined,
  passphrase: undefined,
  pfx: undefined,
  privateKeyEngine: undefined,
  privateKeyIdentifier: undefined,
  pskCallback: undefined,
  read: undefined,
  readableHighWaterMark: undefined,
  readableObjectMode: undefined,
  requestOCSP: undefined,
  secureContext: undefined,
  secureOptions: undefined,
  secureProtocol: undefined,
  sessionIdContext: undefined,
  sigalgs: undefined,
  signal: undefined,
  socket: undefined,
  ticketKeys: undefined,
  writableHighWaterMark: undefined,
  writableObjectMode: undefined,
  write: undefined,
  writev: undefined,
});

/** Returns the options of a connection of a request's, of which Node inherits none: it may be opened long after that was sent. */
export function ownSocketOptions<T extends object>(options: T): T {
  return { ...NOT_INHERITED_BY_REQUESTS, ...NOT_INHERITED_BY_SOCKETS, ...options };
}
