import { ConfigurationError } from '../errors.js';
import type { LoggingOptions } from '../client/layers/log.layer.js';
import { POOL_RULES } from '../http/axios/axios-transport-options.js';
import { checkTls, TLS_RULES } from '../http/tls-options.js';
import {
  checkOptions,
  isRecord,
  type OptionPlace,
  type OptionRule,
  type OptionRules,
} from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { GRANT_RULES } from '../providers/grant-options.js';
import type { HookOptions } from './hook-options.js';
import type { ForgeAuthOptions, ForgeServiceDefaults, ForgeServiceOptions, RequestContextOptions } from './options.js';
import { TOKEN_AUTH_RULES } from './token-auth-rules.js';

const storage: OptionRule = {
  accepts: (value) => ['string', 'symbol', 'function', 'object'].includes(typeof value),
  what: 'a storage with get(key) and set(key, value), or the injection token of one',
};

const listOfTexts: OptionRule = {
  accepts: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Symbol.iterator in value &&
    Array.from(value as Iterable<unknown>).every((item) => typeof item === 'string'),
  what: 'a list of keys',
};

const DEFAULTS_RULES: OptionRules<ForgeServiceDefaults> = Object.freeze({
  auth: RULES.any,
  excludedPaths: RULES.any,
  excludedPathPatterns: RULES.any,
  headers: { accepts: isRecord, what: "an object of names and values, such as { 'X-Tenant': 'acme' }" },
  params: { accepts: isRecord, what: 'an object of names and values, such as { version: 2 }, or URLSearchParams' },
  timeoutMs: RULES.durationMs,
  totalTimeoutMs: RULES.durationMs,
  retry: RULES.requestRetry,
  hooks: { accepts: isRecord, what: 'an object of beforeRequest, afterResponse and onError' },
  logging: {
    accepts: (value) => typeof value === 'boolean' || isRecord(value),
    what: 'true, false, or { headers, body, sensitiveKeys, asObject }',
  },
  transport: RULES.transport,
  replaceCredential: RULES.switch,
  axios: RULES.axios,
  allowedOrigins: {
    accepts: (value) => Array.isArray(value) && value.every((origin) => typeof origin === 'string'),
    what: 'a list of origins, such as https://files.example',
  },
  maxRedirects: {
    accepts: (value) => value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && (value as number) >= 0),
    what: 'a whole number, zero or more',
  },
  maxContentLength: {
    accepts: (value) => typeof value === 'number' && value > 0,
    what: 'a number of bytes above zero',
  },
  tls: { accepts: (value) => isRecord(value) || typeof value === 'function', what: 'an object, or a function of one' },
  pool: { accepts: isRecord, what: 'an object such as { maxSockets: 16 }' },
  validateStatus: { ...RULES.function, what: 'a function (status) => boolean' },
  storage,
  lock: RULES.lock,
});

const SERVICE_RULES: OptionRules<ForgeServiceOptions> = Object.freeze({
  ...DEFAULTS_RULES,
  name: RULES.text,
  baseUrl: RULES.any,
  provideHttpService: RULES.switch,
});

const LOGGING_RULES: OptionRules<LoggingOptions> = Object.freeze({
  headers: RULES.switch,
  body: {
    accepts: (value) => typeof value === 'boolean' || listOfTexts.accepts(value),
    what: 'true, false, or a list of keys',
  },
  sensitiveKeys: listOfTexts,
  asObject: RULES.switch,
});

const HOOK_RULES: OptionRules<HookOptions> = Object.freeze({
  beforeRequest: RULES.any,
  afterResponse: RULES.any,
  onError: RULES.any,
});

const REQUEST_CONTEXT_RULES: OptionRules<RequestContextOptions> = Object.freeze({
  subject: { ...RULES.function, what: 'a function (request) => string' },
});

const ROOT_RULES: OptionRules<ForgeAuthOptions & { isGlobal?: boolean }> = Object.freeze({
  services: { accepts: Array.isArray, what: 'a list of services, each { name, … }' },
  defaults: RULES.record,
  storage,
  lock: RULES.lock,
  encryption: { accepts: isRecord, what: 'an object: { keys: [{ id, key }] }' },
  keyPrefix: RULES.text,
  nearCacheTtlMs: RULES.cacheMs,
  shutdownGraceMs: RULES.windowMs,
  requestContext: {
    accepts: (value) => typeof value === 'boolean' || isRecord(value),
    what: 'true, false, or an object: { subject: (request) => … }',
  },
  revealCauses: RULES.switch,
  isGlobal: RULES.switch,
});

/** Names of the options of a module. */
export const ROOT_OPTIONS: readonly string[] = Object.keys(ROOT_RULES);

/** Names of the options of a service. */
export const SERVICE_OPTIONS: readonly string[] = Object.keys(SERVICE_RULES);

/** Places of options that are given to a service in error. */
const NEAR_SERVICE = [
  { known: Object.keys(TOKEN_AUTH_RULES), as: (name: string) => `auth: { ${name}: … }` },
  {
    known: Object.keys(GRANT_RULES),
    as: (name: string) => `auth: { provider: new ClientCredentialsTokenProvider({ ${name}: … }) }`,
  },
  { known: ['username', 'password'], as: () => 'auth: new BasicAuth(username, password)' },
  {
    known: ['maxRetries', 'baseDelayMs', 'maxDelayMs', 'multiplier', 'jitter', 'statuses'],
    as: (name: string) => `retry: new ExponentialBackoffRetryStrategy({ ${name}: … })`,
  },
  { known: ['delayMs'], as: () => 'retry: new SimpleRetryStrategy({ delayMs: … })' },
  {
    known: ['failureThreshold', 'recoveryTimeoutMs', 'halfOpenMaxCalls'],
    as: (name: string) => `retry: new CircuitBreakerRetryStrategy({ ${name}: … })`,
  },
  { known: Object.keys(TLS_RULES), as: (name: string) => `tls: { ${name}: … }` },
  { known: Object.keys(POOL_RULES), as: (name: string) => `pool: { ${name}: … }` },
  { known: Object.keys(HOOK_RULES), as: (name: string) => `hooks: { ${name}: … }` },
  { known: ['sensitiveKeys', 'asObject'], as: (name: string) => `logging: { ${name}: … }` },
  { known: Object.keys(ROOT_RULES), as: (name: string) => `ForgeAuthModule.forRoot({ ${name}: … })` },
];

/** Places of options that are given to `defaults` in error. */
const NEAR_DEFAULTS = [
  { known: ['name', 'baseUrl', 'provideHttpService'], as: (name: string) => `${name} of each service` },
  ...NEAR_SERVICE,
];

/** Places of options that are given to a module in error. */
const NEAR_ROOT = [
  { known: Object.keys(DEFAULTS_RULES), as: (name: string) => `defaults: { ${name}: … }` },
  { known: Object.keys(SERVICE_RULES), as: (name: string) => `services: [{ ${name}: … }]` },
];

/** Checks at first sight the options of a service, defaults included or not. @throws {ConfigurationError} */
export function checkService(options: ForgeServiceOptions, place: OptionPlace): void {
  checkOptions(options, SERVICE_RULES, { ...place, nearby: NEAR_SERVICE });
  checkParts(options, place);
}

/** Checks at first sight what services take over. @throws {ConfigurationError} */
export function checkDefaults(options: ForgeServiceDefaults, place: OptionPlace): void {
  checkOptions(options, DEFAULTS_RULES, { ...place, prefix: 'defaults.', nearby: NEAR_DEFAULTS });
  checkParts(options, { ...place, prefix: 'defaults.' });
}

function checkParts({ tls, pool, hooks, logging }: ForgeServiceDefaults, place: OptionPlace): void {
  const { prefix = '' } = place;
  checkTls(tls, place);
  if (pool !== undefined) checkOptions(pool, POOL_RULES, { ...place, prefix: `${prefix}pool.` });
  if (hooks !== undefined) checkOptions(hooks, HOOK_RULES, { ...place, prefix: `${prefix}hooks.` });
  if (isRecord(logging)) checkOptions(logging, LOGGING_RULES, { ...place, prefix: `${prefix}logging.` });
}

const refuse = (problem: string): ConfigurationError => new ConfigurationError(`ForgeAuthModule: ${problem}`);

/** Checks at first sight the options of a module. @throws {ConfigurationError} */
export function checkRoot(options: unknown, warn?: OptionPlace['warn']): void {
  if (!isRecord(options)) throw refuse('there are no options. Give an object, such as { services: [ … ] }.');
  checkOptions(options, ROOT_RULES, {
    refuse,
    warn: warn && ((problem) => warn(`ForgeAuthModule: ${problem}`)),
    nearby: NEAR_ROOT,
  });
  if (isRecord(options['requestContext']))
    checkOptions(options['requestContext'], REQUEST_CONTEXT_RULES, { refuse, prefix: 'requestContext.' });
  for (const [index, service] of ((options['services'] ?? []) as readonly unknown[]).entries()) {
    if (isRecord(service) && RULES.text.accepts(service['name'])) continue;
    if (isRecord(service)) checkOptions(service, SERVICE_RULES, { refuse, prefix: `services[${index}].` });
    throw refuse('a service has no name. Give it one: { name: "orders", baseUrl: … }.');
  }
}
