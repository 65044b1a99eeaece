import { ConfigurationError } from '../errors.js';
import { checkOptions, hasMethods, isRecord, type OptionRule, type Refuse, RULES } from '../http/option-rules.js';
import type { ForgeAuthOptions, ForgeServiceDefaults, ForgeServiceOptions, TokenAuthOptions } from './options.js';
import { checkTls } from '../http/tls-options.js';
import { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';

const zeroOrMoreMs: OptionRule = {
  accepts: (value) => typeof value === 'number' && value >= 0,
  what: 'a number of milliseconds, zero or more',
};

const lock: OptionRule = {
  accepts: (value) => hasMethods(value, 'acquire'),
  what: 'a TokenLock, such as new RedisTokenLock(client)',
};

const storage: OptionRule = {
  accepts: (value) => ['string', 'symbol', 'function', 'object'].includes(typeof value),
  what: 'a storage with get(key) and set(key, value), or the injection token of one',
};

const SERVICE_RULES: Partial<Record<keyof ForgeServiceOptions, OptionRule>> = {
  headers: { accepts: isRecord, what: "an object of names and values, such as { 'X-Tenant': 'acme' }" },
  params: { accepts: isRecord, what: 'an object of names and values, such as { version: 2 }, or URLSearchParams' },
  timeoutMs: RULES.durationMs,
  totalTimeoutMs: RULES.durationMs,
  retry: RULES.requestRetry,
  hooks: { accepts: isRecord, what: 'an object of beforeRequest, afterResponse and onError' },
  transport: RULES.transport,
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
  pool: { accepts: isRecord, what: 'an object such as { maxSockets: 16 }' },
  validateStatus: { ...RULES.function, what: 'a function (status) => boolean' },
  lock,
  storage,
  provideHttpService: RULES.switch,
};

const TOKEN_AUTH_RULES: Partial<Record<keyof TokenAuthOptions, OptionRule>> = {
  tokenManager: {
    accepts: (value) => typeof value === 'string' || hasMethods(value, 'getToken'),
    what: 'a TokenManager, or the name of the service whose manager is shared',
  },
  pipeline: {
    accepts: (value) => value instanceof TokenFetchPipeline || (isRecord(value) && Array.isArray(value['steps'])),
    what: 'a TokenFetchPipeline, or its options: { steps: [ … ] }',
  },
  retry: {
    accepts: (value) => hasMethods(value, 'shouldRetry'),
    what: 'an auth retry strategy, such as new SimpleAuthRetryStrategy()',
  },
  scheme: { accepts: (value) => typeof value === 'string', what: 'one word, or empty' },
  warmUp: RULES.switch,
};

const isOptionalFunction = (value: unknown): boolean => value === undefined || typeof value === 'function';

const ROOT_RULES: Partial<Record<keyof ForgeAuthOptions | 'isGlobal', OptionRule>> = {
  services: { accepts: Array.isArray, what: 'a list of services, each { name, … }' },
  defaults: RULES.record,
  keyPrefix: RULES.text,
  nearCacheTtlMs: zeroOrMoreMs,
  encryption: { accepts: isRecord, what: 'an object: { keys: [{ id, key }] }' },
  lock,
  storage,
  isGlobal: RULES.switch,
  requestContext: {
    accepts: (value) => typeof value === 'boolean' || (isRecord(value) && isOptionalFunction(value['subject'])),
    what: 'true, false, or an object: { subject: (request) => … }',
  },
};

/** What is wrong at first sight with the options of a service. @throws {ConfigurationError} */
export function checkService(options: ForgeServiceDefaults, refuseService: Refuse): void {
  checkOptions(options, SERVICE_RULES, refuseService);
  checkTls(options.tls, refuseService);
}

/** What is wrong at first sight with token options. @throws {ConfigurationError} */
export function checkTokenAuth(options: TokenAuthOptions, refuseAuth: Refuse): void {
  checkOptions(options, TOKEN_AUTH_RULES, refuseAuth, 'auth.');
}

const refuse: Refuse = (problem) => new ConfigurationError(`ForgeAuthModule: ${problem}`);

/** What is wrong at first sight with the options of a module. @throws {ConfigurationError} */
export function checkRoot(options: unknown): void {
  if (!isRecord(options)) throw refuse('there are no options. Give an object, such as { services: [ … ] }.');
  checkOptions(options, ROOT_RULES, refuse);
  for (const service of (options['services'] ?? []) as readonly unknown[]) {
    if (isRecord(service) && RULES.text.accepts(service['name'])) continue;
    throw refuse('a service has no name. Give it one: { name: "orders", baseUrl: … }.');
  }
}
