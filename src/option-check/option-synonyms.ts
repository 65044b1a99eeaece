/**
 * Names that other libraries give an option, in small letters: axios, got, ky, simple-oauth2, client-oauth2, passport,
 * openid-client, MSAL, Auth0, Spring, Authlib, httpx, requests, p-retry, cockatiel, opossum, ioredis, cache-manager.
 * Names that differ only in case, separators or unit need no entry. Where a name stands twice, the first of ours that is
 * known is meant.
 */
const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  endpoint: 'endpointurl path',
  baseUrl: 'url uri host hostname origin prefixurl base basepath baseuri rooturl apiurl endpointurl path domain',
  issuer: 'host issuerurl issueruri issuerbaseurl discoveryurl wellknown wellknownurl authority domain',
  tokenUrl:
    'url uri accesstokenuri accesstokenurl accesstokenendpoint tokenuri tokenendpoint tokenpath tokenhost authurl',
  accessTokenUrl: 'accesstokenuri',
  authorizationUrl: 'authurl authorizationuri authorizationendpoint authorizeurl',
  revocationUrl: 'revocationendpoint revokeurl',
  introspectionUrl: 'introspectionendpoint',
  deviceAuthorizationUrl: 'deviceauthorizationendpoint',
  userInfoUrl: 'userinfoendpoint',
  jwksUrl: 'jwksuri',
  endSessionUrl: 'endsessionendpoint logouturl',
  redirectUri: 'callbackurl redirecturl',
  clientId: 'id appid applicationid consumerkey',
  name: 'id servicename service',
  clientSecret: 'secret appsecret consumersecret',
  username: 'user userid login',
  password: 'pass passwd pwd',
  clientKey: 'privatekey signingkey',
  key: 'secret privatekey signingkey',
  services: 'service clients apis',
  tokenManager: 'manager tokens',
  auth: 'token authentication authorization authenticator authenticators credentials apikey bearer bearertoken accesstoken oauth oauth2 tokenprovider tokens',
  provider: 'token tokenprovider',
  authMethod:
    'tokenauthmethod tokenendpointauthmethod clientauthmethod clientauthentication clientauthenticationmethod authorizationmethod',
  revocationAuthMethod: 'revocationendpointauthmethod revokeauthmethod',
  introspectionAuthMethod: 'introspectionendpointauthmethod',
  revokeOnClose: 'revokeonshutdown revokeonexit',
  grantType: 'grant',
  scope: 'scopeseparator permissions',
  resource: 'resources',
  data: 'body payload json form',
  requestData: 'body payload json form',
  extraParams: 'extra extras additionalparams additionalparameters extraparameters endpointparams body',
  params: 'query querystring queryparams searchparams qs parameters',
  headers: 'header defaultheaders',
  headerName: 'header authheader tokenheader',
  requestHeaders: 'header',
  scheme: 'headerprefix tokenprefix authscheme type',
  tokenType: 'type',
  placement: 'location tokenplacement position',
  in: 'location position',
  allowInsecure: 'insecure allowhttp allowinsecurerequests allowinsecurehttp',
  timeoutMs: 'requesttimeout responsetimeout connecttimeout sockettimeout readtimeout timeout',
  deadlineMs: 'timelimit deadline timeout',
  totalTimeoutMs: 'timelimit overalltimeout calltimeout deadline',
  recoveryTimeoutMs: 'timeout resettimeout halfopenafter breakduration cooldown',
  lifetimeMs: 'expiresin lifetime',
  ttlMs: 'ttl cachettl expiresin expires lifetime maxage',
  defaultTtlMs: 'ttl expiresin expires lifetime',
  nearCacheTtlMs: 'ttl cachettl maxage',
  clockToleranceMs: 'leeway clockskew skew clocktolerance',
  expiryLeewayMs: 'leeway expirationleeway clockskew skew clocktolerance expirationwindow expirythreshold',
  shutdownGraceMs: 'gracefulshutdown graceperiod shutdowntimeout',
  baseDelayMs: 'interval retryinterval retrydelay wait delay backoff initialdelay startingdelay mintimeout',
  delayMs: 'interval retryinterval retrydelay wait delay backoff initialdelay startingdelay mintimeout',
  refreshWindowMs: 'refreshbefore refreshbeforeexpiry refreshthreshold refreshbuffer refreshmargin interval',
  maxDelayMs: 'maxtimeout backofflimit maxbackoff maxinterval maxwait',
  multiplier: 'factor backofffactor exponent timemultiple',
  jitter: 'randomize',
  statuses: 'statuscodes status statusforcelist retryon',
  shouldRetry: 'retryon retryif retrycondition condition predicate',
  failureThreshold: 'threshold failures errorthreshold maxfailures volumethreshold',
  maxRedirects: 'followredirects followredirect allowredirects redirect redirects follow',
  maxSockets: 'maxconnections connections limit',
  pool: 'maxconnections connections',
  max: 'limit maxsize size maxentries',
  maxRetries: 'retries retrycount retrylimit maxretry maxattempts attempts numofattempts tries total limit',
  concurrency: 'total limit parallel parallelism maxconcurrency',
  retry:
    'retries retrycount retrylimit retrystrategy retrypolicy retryoptions retryconfig authretry maxretry maxattempts attempts numofattempts tries backoff retrycondition circuitbreaker',
  failFast: 'stoponerror',
  http: 'httpoptions',
  axios:
    'client httpclient httpservice httpoptions http agent agents httpagent httpsagent proxy proxies adapter lookup socketpath',
  provideHttpService: 'httpservice',
  transport: 'client httpclient dispatcher fetch adapter',
  beforeRequest: 'before onrequest request prerequest',
  afterResponse: 'after onresponse response postresponse',
  onError: 'error beforeerror errorhandler onfailure',
  hooks: 'interceptors requestinterceptor middleware onrequest onresponse errorhandler',
  rejectUnauthorized: 'verify verifyssl strictssl',
  cert: 'certificate',
  ca: 'certificates cacert',
  tls: 'insecure ssl https verify verifyssl strictssl certificate certificates cacert',
  logging: 'log logger loglevel debug verbose',
  sensitiveKeys: 'redact mask masked sensitiveheaders',
  storage: 'cache cachemanager store tokenstorage tokencache redis',
  lock: 'mutex locker tokenlock distributedlock',
  keyPrefix: 'prefix cacheprefix cachekeyprefix namespace',
  cacheKeyPrefix: 'prefix cacheprefix namespace',
  encryption: 'encrypt encryptionkey encryptionkeys',
  isGlobal: 'global',
  defaults: 'defaultoptions shared',
  maxContentLength: 'maxbodysize maxbodylength maxresponsesize maxsize',
  allowedOrigins: 'whitelist allowlist origins allowedhosts alloweddomains trustedorigins',
  excludedPaths:
    'whitelist allowlist exclude excludes excluded ignore ignorepaths skippaths publicpaths publicroutes unauthenticatedpaths',
  excludedPathPatterns: 'patterns excludepatterns excludedpatterns excludedpathglobs',
  validateStatus: 'throwhttperrors raiseforstatus okstatuses',
  warmUp: 'eager preload prefetch',
  steps: 'fetchers stages',
  dependsOn: 'depends dependencies requires',
  resultStep: 'result outputstep',
  tokenField: 'tokenkey accesstokenfield',
  tokenHeader: 'tokenkey',
  expiresInField: 'expiresfield expiryfield',
  bodyFormat: 'contenttype format',
  useFactory: 'factory usevalue',
  inject: 'injects',
  extraProviders: 'providers',
};

let oursByForeign: ReadonlyMap<string, readonly string[]> | undefined;

/** Returns the names of ours that a foreign one, in small letters, may mean. */
export function synonymsOf(foreign: string): readonly string[] | undefined {
  // Made with the first name that is unknown: most applications have none.
  oursByForeign ??= invertNames();
  return oursByForeign.get(foreign);
}

function invertNames(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [ours, foreign] of Object.entries(FOREIGN_NAMES)) {
    for (const name of foreign.split(' ')) found.set(name, [...(found.get(name) ?? []), ours]);
  }
  return found;
}
