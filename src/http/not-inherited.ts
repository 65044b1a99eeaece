/**
 * Options that Node would read from `Object.prototype`, since it copies what it is given into objects that inherit.
 * Named, they are nobody's: what anybody has written there, a `ca` for one, would else be read as one of these.
 */

/** Options of a request. */
export const NOT_INHERITED_BY_REQUESTS = Object.freeze({
  auth: undefined,
  createConnection: undefined,
  defaultPort: undefined,
  family: undefined,
  insecureHTTPParser: false,
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

/** Options of a socket, and of TLS over it, as far as no request sets them, and Node sets no default before it reads them. */
export const NOT_INHERITED_BY_SOCKETS = Object.freeze({
  allowPartialTrustChain: undefined,
  ALPNCallback: undefined,
  autoSelectFamily: undefined,
  autoSelectFamilyAttemptTimeout: undefined,
  ca: undefined,
  cert: undefined,
  clientCertEngine: undefined,
  crl: undefined,
  dhparam: undefined,
  ecdhCurve: undefined,
  enableTrace: undefined,
  fd: undefined,
  handle: undefined,
  honorCipherOrder: undefined,
  isServer: undefined,
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
  readableObjectMode: undefined,
  requestOCSP: undefined,
  secureContext: undefined,
  secureOptions: undefined,
  secureProtocol: undefined,
  sessionIdContext: undefined,
  signal: undefined,
  sigalgs: undefined,
  socket: undefined,
  ticketKeys: undefined,
  writableObjectMode: undefined,
});
