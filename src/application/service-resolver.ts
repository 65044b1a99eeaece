import type { AxiosRequestConfig } from 'axios';
import type { Authenticator } from '../auth/authenticator.js';
import { OriginPolicy } from '../client/layers/origin-policy.js';
import type { RequestHeaders } from '../client/request/request-config.js';
import { mountedDataFault } from '../option-check/mounted-text.js';
import { spellingOf } from '../http/axios/spelled-headers.js';
import { sendableValue } from '../client/request/request-headers.js';
import type { ResolvedService } from '../client/resolved-service.js';
import { ConfigurationError } from '../errors.js';
import { type OptionPlace, type Refuse, warningsOf } from '../option-check/option-check.js';
import { declared, ownOptions } from '../option-check/own-options.js';
import { resolveAuth, resolveExclusion } from './auth-resolver.js';
import { withServiceName } from './with-service-name.js';
import { SERVICE_DEFAULTS } from '../options/defaults.js';
import { type HookOptions, resolveHooks } from '../options/hook-options.js';
import type { ForgeServiceDefaults, ForgeServiceOptions, TokenAuthOptions } from '../options/options.js';
import { axiosConfigOf, withDefaults } from '../options/service-defaults.js';
import { checkDefaults, checkService } from '../options/service-rules.js';
import { AxiosTransport } from '../http/axios/axios.transport.js';
import { type AxiosTransportOptions, contentLimitOf, type PoolOptions } from '../http/axios/axios-transport-options.js';
import type { HttpHeaders } from '../http/http-request.js';
import { prepareBaseUrl } from '../http/url.js';
import { NoRetryStrategy } from '../retry/no.retry.strategy.js';
import { noteSecret } from '../redaction/known-secrets.js';
import { writtenBy } from '../auth/credential-headers.js';
import type { Runtime } from '../token/runtime.js';
import type { TokenManager } from '../token/token-manager.js';

/**
 * Checks a service's options and makes them complete.
 * @param managerFor finds the manager that token options stand for
 * @throws {ConfigurationError} naming the service, the option, its problem and the cure
 */
export async function resolveService(
  given: ForgeServiceOptions,
  defaults: ForgeServiceDefaults,
  runtime: Runtime,
  managerFor: (auth: TokenAuthOptions) => TokenManager,
): Promise<ResolvedService> {
  const { name } = given;
  try {
    const refuse = (problem: string): ConfigurationError => refusal(name, problem);
    const place = { refuse, warn: (problem: string) => runtime.logger.warn(`Service "${name}": ${problem}`) };
    const options = takesNothingOver(given, defaults) ? given : merged(given, defaults, refuse);
    checkService(options, place);
    for (const warning of warningsOf(options.retry)) place.warn(warning);
    return await resolve(options, runtime, managerFor, place);
  } catch (error) {
    throw withServiceName(error, name);
  }
}

/** Checks for a service whose options are complete as they are: of many services, most are. */
function takesNothingOver({ axios, headers, hooks }: ForgeServiceOptions, defaults: ForgeServiceDefaults): boolean {
  return Object.keys(defaults).length === 0 && (axios ?? headers ?? hooks) === undefined;
}

function merged(given: ForgeServiceOptions, defaults: ForgeServiceDefaults, refuse: Refuse): ForgeServiceOptions {
  checkDefaults(defaults, { refuse });
  checkService(given, { refuse });
  return withDefaults(given, defaults, refuse);
}

function refusal(name: string, problem: string): ConfigurationError {
  return new ConfigurationError(`Service "${name}": ${problem}`, { serviceName: name });
}

async function resolve(
  options: ForgeServiceOptions,
  runtime: Runtime,
  managerFor: (auth: TokenAuthOptions) => TokenManager,
  place: OptionPlace,
): Promise<ResolvedService> {
  const { name, baseUrl } = options;
  const { refuse } = place;
  if ('baseUrl' in options && baseUrl === undefined) {
    throw refuse(
      'baseUrl is undefined. Is the variable that it is read from set? Leave the option out if there is none.',
    );
  }
  const base = baseUrl === undefined ? undefined : prepareBaseUrl(baseUrl, name);
  const auth = await resolveAuth(options, runtime, managerFor, place);
  const headers = ownOptions<HttpHeaders>({ ...SERVICE_DEFAULTS.headers, ...lowerCase(options.headers, refuse) });
  checkWriters(auth.authenticator, headers, refuse);
  checkParams(options.params, refuse);
  if ((options.headers ?? options.params) !== undefined) noteSecrets(headers, options.params);
  const timeoutMs = options.timeoutMs ?? SERVICE_DEFAULTS.timeoutMs;
  if (typeof options.tls === 'object' && options.tls.rejectUnauthorized === false) {
    runtime.logger.warn(`Service "${name}": tls.rejectUnauthorized is false: anybody can pose as the service.`);
  }
  const axios = axiosConfigOf(options.axios);
  const { retry, transport, validateStatus, logging } = options;
  if (transport !== undefined && options.tls !== undefined)
    throw refuse('tls means nothing beside a transport: give the transport its tls, and leave it out here.');
  return {
    name,
    base,
    origins: new OriginPolicy(name, base, options.allowedOrigins ?? []),
    excluded: resolveExclusion(options),
    authenticator: auth.authenticator,
    usesTokens: auth.usesTokens,
    replaceCredential: options.replaceCredential ?? false,
    headers,
    spelling: spellingOf(undefined, options.headers),
    params: options.params,
    timeoutMs,
    totalTimeoutMs: options.totalTimeoutMs,
    retry: retry === undefined || retry instanceof NoRetryStrategy ? undefined : retry,
    maxRedirects: options.maxRedirects ?? SERVICE_DEFAULTS.maxRedirects,
    maxContentLength:
      options.maxContentLength ??
      contentLimitOf(ownOptions(axios)) ??
      (transport && declared(transport, 'maxContentLength')),
    validateStatus: validateStatus ?? SERVICE_DEFAULTS.validateStatus,
    hooks: options.hooks && (await hooksOf(name, options.hooks, runtime, refuse)),
    logging: loggingOf(name, logging),
    transport: transport ?? new AxiosTransport(transportOptions(axios, options.tls, poolOf(options, axios, refuse))),
    ownsTransport: transport === undefined,
    revealCauses: runtime.revealCauses,
    clock: runtime.clock,
    observer: runtime.observer,
    logger: runtime.logger,
  };
}

function hooksOf(
  name: string,
  hooks: HookOptions,
  runtime: Runtime,
  refuse: Refuse,
): Promise<ResolvedService['hooks']> {
  return resolveHooks(hooks, (type, what) => runtime.instantiate(type, `Service "${name}": ${what}`), refuse);
}

function poolOf(
  { pool, transport }: ForgeServiceDefaults,
  axios: AxiosRequestConfig,
  refuse: (problem: string) => ConfigurationError,
): PoolOptions | undefined {
  if (pool === undefined) return undefined;
  const bringsAgents = axios.httpAgent !== undefined || axios.httpsAgent !== undefined;
  if (transport !== undefined || bringsAgents)
    throw refuse(
      `pool means nothing beside ${bringsAgents ? 'the agents of axios' : 'a transport'}. Leave one of them out.`,
    );
  return pool;
}

/** A key of the service's may be among them, read from a file. */
function checkParams(params: ForgeServiceOptions['params'], refuse: (problem: string) => ConfigurationError): void {
  const fault = mountedDataFault(params instanceof URLSearchParams ? Object.fromEntries(params) : params, 'params');
  if (fault !== undefined) throw refuse(`${fault}.`);
}

/** Notes the values that a service always sends: each may be a key of its own, unless it is a plain word. */
function noteSecrets(headers: HttpHeaders, params: ForgeServiceOptions['params']): void {
  const values = [...Object.values(headers), ...Object.values(params ?? {})].flat();
  for (const value of values)
    if (!/^[a-z]*$/i.test(String(value)) && value !== SERVICE_DEFAULTS.headers.accept) noteSecret(value);
}

function transportOptions(
  axios: AxiosRequestConfig,
  tls: ForgeServiceDefaults['tls'],
  pool: PoolOptions | undefined,
): AxiosTransportOptions {
  const options: AxiosTransportOptions = { axios };
  if (tls !== undefined) options.tls = tls;
  if (pool !== undefined) options.pool = pool;
  return options;
}

function keysOf(keys: Iterable<string>): ReadonlySet<string> {
  return new Set(Array.from(keys, (key) => key.toLowerCase()));
}

function loggingOf(serviceName: string, logging: ForgeServiceDefaults['logging']): ResolvedService['logging'] {
  if (logging === undefined || logging === false) return undefined;
  const { headers = false, body = false, sensitiveKeys = [], asObject = false } = logging === true ? {} : logging;
  const sensitive = keysOf(sensitiveKeys);
  const shown = body === false ? undefined : keysOf(body === true ? [] : body);
  return { serviceName, headers, body: shown && { sensitive, shown }, sensitiveKeys: sensitive, asObject };
}

/** Two writers of one header: one of them would be lost, and nobody would know which. */
function checkWriters(
  authenticator: Authenticator | false,
  headers: HttpHeaders,
  refuse: (problem: string) => ConfigurationError,
): void {
  const written = authenticator === false ? [] : writtenBy(authenticator);
  const doubled = written.find((name) => headers[name] !== undefined);
  if (doubled !== undefined) throw refuse(`headers sets ${doubled}, which auth writes, too. Leave one of them out.`);
}

function lowerCase(headers: RequestHeaders | undefined, refuse: (problem: string) => ConfigurationError): HttpHeaders {
  const result: HttpHeaders = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value === undefined) throw refuse(`headers.${name} is undefined. Is the variable that it is read from set?`);
    if (value === null) continue;
    const sendable = sendableValue(name, value);
    if (sendable === undefined) {
      throw refuse(
        `headers.${/^[\w-]{1,64}$/.test(name) ? name : '[invalid name]'} has a name or a value that no header can carry (a line break? a character beyond Latin-1? an object?).`,
      );
    }
    result[name.toLowerCase()] = sendable;
  }
  return result;
}
