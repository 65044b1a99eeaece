import type { AxiosInstance, AxiosRequestConfig } from 'axios';
import { type Authenticator, isAuthenticator } from './auth/authenticator.js';
import { CompositeAuth } from './auth/composite.authenticator.js';
import { createPathExclusion } from './auth/path-exclusion.js';
import { TokenAuth } from './auth/token.authenticator.js';
import { OriginPolicy } from './client/origin-policy.js';
import type { RequestHeaders } from './client/request-config.js';
import { isSendable } from './client/request-headers.js';
import type { ResolvedService } from './client/resolved-service.js';
import type { Clock } from './clock.js';
import type { ForgeLogger } from './diagnostics.js';
import { ConfigurationError, ForgeAuthError } from './errors.js';
import { SERVICE_DEFAULTS, SUSPICIOUS_TIMEOUT_MS } from './forge-auth.defaults.js';
import { checkService, checkTokenAuth } from './forge-auth.service-rules.js';
import { joinHooks, resolveHooks } from './forge-auth.hooks.js';
import type { ForgeServiceDefaults, ForgeServiceOptions, TokenAuthOptions } from './forge-auth.options.js';
import { AxiosTransport, type PoolOptions } from './http/axios.transport.js';
import type { HttpHeaders } from './http/http-request.js';
import { prepareBaseUrl } from './http/url.js';
import { NoRetryStrategy } from './retry/no.retry.strategy.js';
import type { TokenManager } from './token/token-manager.js';

/** What resolving a service's options needs of its application. */
export interface ServiceContext {
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  /** An instance of a class: the app's own where it has one. */
  instantiate<T>(type: unknown, what: string): Promise<T>;
  /** The manager that token options stand for; the first set of a service is the one that is injected. */
  managerFor(options: TokenAuthOptions): TokenManager;
}

type AuthMember = Authenticator | TokenAuthOptions;

/**
 * Checks a service's options and makes them complete.
 * @throws {ConfigurationError} naming the service, the option, its problem and the cure
 */
export async function resolveService(
  given: ForgeServiceOptions,
  defaults: ForgeServiceDefaults,
  context: ServiceContext,
): Promise<ResolvedService> {
  const { name } = given;
  try {
    for (const options of [defaults, given]) checkService(options, (problem) => refusal(name, problem));
    return await resolve(withDefaults(given, defaults), context);
  } catch (error) {
    throw nameService(error, name);
  }
}

function refusal(name: string, problem: string): ConfigurationError {
  return new ConfigurationError(`Service "${name}": ${problem}`, { serviceName: name });
}

async function resolve(options: ForgeServiceOptions, context: ServiceContext): Promise<ResolvedService> {
  const { name } = options;
  const refuse = (problem: string): ConfigurationError => refusal(name, problem);
  if ('baseUrl' in options && options.baseUrl === undefined) {
    throw refuse(
      'baseUrl is undefined. Is the variable that it is read from set? Leave the option out if there is none.',
    );
  }
  const axios = axiosConfigOf(options.axios, refuse);
  const baseUrl = options.baseUrl ?? axios.baseURL;
  const base = baseUrl === undefined ? undefined : prepareBaseUrl(baseUrl, name);
  const auth = await authenticatorOf(options, context, refuse);
  const headers = { ...SERVICE_DEFAULTS.headers, ...lowerCase(options.headers, refuse) };
  checkWriters(auth.authenticator, headers, refuse);
  const timeoutMs = options.timeoutMs ?? SERVICE_DEFAULTS.timeoutMs;
  if (timeoutMs < SUSPICIOUS_TIMEOUT_MS) {
    context.logger.warn(
      `Service "${name}": timeoutMs is ${timeoutMs}. It is in milliseconds: was it meant in seconds?`,
    );
  }
  if (options.tls?.rejectUnauthorized === false) {
    context.logger.warn(`Service "${name}": tls.rejectUnauthorized is false: anybody can pose as the service.`);
  }
  const { retry, transport, validateStatus, logging } = options;
  return {
    name,
    base,
    origins: new OriginPolicy(name, base, options.allowedOrigins ?? []),
    excluded: exclusionOf(options),
    authenticator: auth.authenticator,
    usesTokens: auth.usesTokens,
    headers,
    params: options.params,
    timeoutMs,
    totalTimeoutMs: options.totalTimeoutMs,
    retry: retry === undefined || retry instanceof NoRetryStrategy ? undefined : retry,
    maxRedirects: options.maxRedirects ?? SERVICE_DEFAULTS.maxRedirects,
    maxContentLength: options.maxContentLength,
    validateStatus: validateStatus ?? SERVICE_DEFAULTS.validateStatus,
    hooks: await resolveHooks(options.hooks, context.instantiate.bind(context), refuse),
    logging: loggingOf(name, logging, refuse),
    transport:
      transport ??
      new AxiosTransport({ axios, ...definedOnly({ tls: options.tls, pool: poolOf(options, axios, refuse) }) }),
    clock: context.clock,
    logger: context.logger,
  };
}

function poolOf(
  { pool, transport }: ForgeServiceDefaults,
  axios: AxiosRequestConfig,
  refuse: (problem: string) => ConfigurationError,
): PoolOptions | undefined {
  if (pool === undefined) return undefined;
  const { maxSockets } = pool;
  if (maxSockets !== undefined && !(Number.isInteger(maxSockets) && maxSockets > 0))
    throw refuse(`pool.maxSockets must be a whole number above zero, not ${String(maxSockets)}.`);
  const bringsAgents = axios.httpAgent !== undefined || axios.httpsAgent !== undefined;
  if (transport !== undefined || bringsAgents)
    throw refuse(
      `pool means nothing beside ${bringsAgents ? 'the agents of axios' : 'a transport'}. Leave one of them out.`,
    );
  return pool;
}

function definedOnly<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function keysOf(keys: Iterable<string>): ReadonlySet<string> {
  return new Set(Array.from(keys, (key) => key.toLowerCase()));
}

function loggingOf(
  serviceName: string,
  logging: ForgeServiceDefaults['logging'],
  refuse: (problem: string) => ConfigurationError,
): ResolvedService['logging'] {
  if (logging === undefined || logging === false) return undefined;
  const options = logging === true ? {} : logging;
  const known = ['headers', 'body', 'sensitiveKeys'];
  if (typeof options !== 'object' || options === null || Object.keys(options).some((key) => !known.includes(key)))
    throw refuse('logging must be true, false, or { headers, body, sensitiveKeys }.');
  const { headers = false, body = false, sensitiveKeys = [] } = options;
  if (typeof headers !== 'boolean') throw refuse('logging.headers must be true or false.');
  if (!isListOfTexts(sensitiveKeys) || (typeof body !== 'boolean' && !isListOfTexts(body)))
    throw refuse('logging.sensitiveKeys and logging.body must be lists of keys.');
  const sensitive = keysOf(sensitiveKeys);
  const shown = body === false ? undefined : keysOf(body === true ? [] : body);
  return { serviceName, headers, body: shown && { sensitive, shown }, sensitiveKeys: sensitive };
}

function isListOfTexts(value: unknown): boolean {
  const isList = typeof value === 'object' && value !== null && Symbol.iterator in value;
  return isList && Array.from(value as Iterable<unknown>).every((item) => typeof item === 'string');
}

/** `headers` are merged, `hooks` concatenated, everything else is replaced. An option that is there but undefined is told, not replaced. */
function withDefaults(options: ForgeServiceOptions, defaults: ForgeServiceDefaults): ForgeServiceOptions {
  const headers = { ...defaults.headers, ...options.headers };
  const hooks = joinHooks(defaults.hooks, options.hooks);
  return {
    ...defaults,
    ...options,
    ...(Object.keys(headers).length === 0 ? undefined : { headers }),
    ...(hooks === undefined ? undefined : { hooks }),
  };
}

async function authenticatorOf(
  options: ForgeServiceOptions,
  context: ServiceContext,
  refuse: (problem: string) => ConfigurationError,
): Promise<{ authenticator: Authenticator | false; usesTokens: boolean }> {
  const { auth } = options;
  if (auth === undefined) {
    if ('auth' in options) throw refuse('auth is undefined. Leave it out if the service needs no credential.');
    return { authenticator: false, usesTokens: false };
  }
  if (auth instanceof CompositeAuth) {
    const composite = auth as CompositeAuth<AuthMember>;
    const usesTokens = composite.members.some((member) => !isAuthenticator(member) || member instanceof TokenAuth);
    const resolved = composite.resolve((member) => {
      refuseExclusions(member, refuse);
      return memberOf(member, context, refuse);
    });
    return { authenticator: resolved, usesTokens };
  }
  if (typeof auth === 'function') {
    const made = isClass(auth)
      ? await context.instantiate<Authenticator>(auth, 'auth')
      : (auth as () => Authenticator)();
    if (!isAuthenticator(made)) throw refuse('auth must make something with a method authenticate(request).');
    return { authenticator: made, usesTokens: made instanceof TokenAuth };
  }
  return {
    authenticator: memberOf(auth, context, refuse),
    usesTokens: !isAuthenticator(auth) || auth instanceof TokenAuth,
  };
}

function memberOf(
  auth: AuthMember,
  context: ServiceContext,
  refuse: (problem: string) => ConfigurationError,
): Authenticator {
  if (isAuthenticator(auth)) return auth;
  if (typeof auth !== 'object' || auth === null)
    throw refuse('auth must be an authenticator, its class, or token options.');
  checkTokenAuth(auth, refuse);
  const sources = ['provider', 'tokenManager', 'pipeline'].filter(
    (name) => (auth as Record<string, unknown>)[name] !== undefined,
  );
  if (sources.length !== 1) {
    const undefinedOne = ['provider', 'tokenManager', 'pipeline'].find((name) => name in auth);
    throw refuse(
      undefinedOne !== undefined && sources.length === 0
        ? `auth.${undefinedOne} is undefined. Give it, or leave auth out if the service needs no credential.`
        : `auth must have exactly one of provider, tokenManager and pipeline, or a method authenticate(request).`,
    );
  }
  return new TokenAuth(context.managerFor(auth), auth);
}

/** Excluded paths go out bare: one member cannot decide that for the others. */
function refuseExclusions(member: AuthMember, refuse: (problem: string) => ConfigurationError): void {
  for (const name of ['excludedPaths', 'excludedPathPatterns']) {
    if (typeof member === 'object' && member !== null && name in member && !isAuthenticator(member))
      throw refuse(`auth.${name} is not read in a member of a CompositeAuth. Give it to the service.`);
  }
}

function exclusionOf(options: ForgeServiceOptions): ResolvedService['excluded'] {
  const auth = options.auth as TokenAuthOptions | undefined;
  const own = createPathExclusion({
    serviceName: options.name,
    excludedPaths: options.excludedPaths,
    excludedPathPatterns: options.excludedPathPatterns,
  });
  if (auth === undefined || isAuthenticator(auth) || typeof auth === 'function') return own;
  const more = createPathExclusion({
    serviceName: options.name,
    excludedPaths: auth.excludedPaths,
    excludedPathPatterns: auth.excludedPathPatterns,
  });
  if (own === undefined || more === undefined) return own ?? more;
  return (path) => own(path) || more(path);
}

function axiosConfigOf(
  given: ForgeServiceDefaults['axios'],
  refuse: (problem: string) => ConfigurationError,
): AxiosRequestConfig {
  if (given === undefined) return {};
  const instance = (given as { axiosRef?: AxiosInstance }).axiosRef;
  const { headers: _headers, ...defaults } = (instance?.defaults ?? given) as AxiosRequestConfig;
  if (defaults.auth !== undefined) throw refuse('axios.auth is not read. Use auth: new BasicAuth(username, password).');
  return defaults;
}

/** Two writers of one header: one of them would be lost, and nobody would know which. */
function checkWriters(
  authenticator: Authenticator | false,
  headers: HttpHeaders,
  refuse: (problem: string) => ConfigurationError,
): void {
  const header = authenticator === false ? undefined : authenticator.credentialHeader;
  if (header !== undefined && headers[header] !== undefined) {
    throw refuse(`headers sets ${header}, which auth writes, too. Leave one of them out.`);
  }
}

function lowerCase(headers: RequestHeaders | undefined, refuse: (problem: string) => ConfigurationError): HttpHeaders {
  const result: HttpHeaders = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value === undefined) throw refuse(`headers.${name} is undefined. Is the variable that it is read from set?`);
    if (value === null) continue;
    const values = Array.isArray(value) ? value.map(String) : [String(value)];
    if (!isSendable(name, values)) {
      throw refuse(
        `headers.${/^[\w-]{1,64}$/.test(name) ? name : '[invalid name]'} has a name or a value that no header can carry (a line break? a character beyond Latin-1?).`,
      );
    }
    result[name.toLowerCase()] = Array.isArray(value) ? values : (values[0] ?? '');
  }
  return result;
}

function isClass(value: unknown): boolean {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}

/** An error from deep inside knows the option, not the service. */
export function nameService(error: unknown, name: string): unknown {
  if (!(error instanceof ConfigurationError) || error.serviceName !== undefined) return error;
  const named = error.message.includes(`"${name}"`) ? error.message : `Service "${name}": ${error.message}`;
  return new ConfigurationError(named, {
    serviceName: name,
    ...(error.cause instanceof ForgeAuthError ? { cause: error.cause } : undefined),
  });
}
