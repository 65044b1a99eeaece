import { hasMethods, isClassWith, isRecord, type OptionRule } from './option-check.js';

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isNumberFrom =
  (least: number, most = Number.POSITIVE_INFINITY) =>
  (value: unknown): boolean =>
    typeof value === 'number' && value >= least && value <= most;

/** Timeouts and delays below this, and windows and lifetimes below ten and a hundred times it, were probably meant in seconds. */
const SUSPICIOUS_MS = 100;

const instanceOf = (method: string, name: string, example: string): OptionRule => ({
  accepts: (value) => typeof value === 'object' && hasMethods(value, method),
  what: `${name}, such as ${example}`,
  cure: (value) =>
    isClassWith(value, method)
      ? `${name[0]?.toUpperCase()}${name.slice(1)} is given as an instance, not as its class: ${example}.`
      : undefined,
});

/** Rules that many options have in common. */
export const RULES = Object.freeze({
  /** Value that is checked where it is used, or may be anything. */
  any: { accepts: () => true, what: 'anything' },
  durationMs: {
    accepts: (value) => typeof value === 'number' && value > 0,
    what: 'a number of milliseconds above zero',
    likelySecondsBelow: SUSPICIOUS_MS,
  },
  delayMs: {
    accepts: isNumberFrom(0, Number.MAX_VALUE),
    what: 'a number of milliseconds, zero or more',
    likelySecondsBelow: SUSPICIOUS_MS,
  },
  windowMs: {
    accepts: isNumberFrom(0),
    what: 'a number of milliseconds, zero or more',
    likelySecondsBelow: SUSPICIOUS_MS * 10,
  },
  cacheMs: {
    accepts: isNumberFrom(0),
    what: 'a number of milliseconds, zero or more',
    // To look at a store every few milliseconds is a choice that some make.
    likelySecondsBelow: SUSPICIOUS_MS / 10,
  },
  /** Of a command to a store on the same network: a few milliseconds are a choice, one or two are seconds. */
  commandMs: {
    accepts: isNumberFrom(Number.MIN_VALUE),
    what: 'a number of milliseconds above zero',
    likelySecondsBelow: 10,
  },
  lifetimeMs: {
    accepts: isNumberFrom(Number.MIN_VALUE, Number.MAX_VALUE),
    what: 'a number of milliseconds above zero',
    likelySecondsBelow: SUSPICIOUS_MS * 100,
  },
  count: {
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
    what: 'a whole number, 0 or more',
  },
  countFromOne: {
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
    what: 'a whole number, 1 or more',
  },
  multiplier: { accepts: isNumberFrom(1, Number.MAX_VALUE), what: 'a number, 1 or more' },
  switch: { accepts: (value) => typeof value === 'boolean', what: 'true or false' },
  text: { accepts: (value) => typeof value === 'string' && value !== '', what: 'a text that is not empty' },
  textOrEmpty: { accepts: (value) => typeof value === 'string', what: 'a text' },
  texts: {
    accepts: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
    what: 'a list of texts',
  },
  textOrTexts: {
    accepts: (value) =>
      typeof value === 'string' || (Array.isArray(value) && value.every((item) => typeof item === 'string')),
    what: 'a text or a list of texts',
  },
  identity: {
    accepts: (value) => {
      const parts = [value].flat();
      return parts.length > 0 && parts.every((part) => typeof part === 'string' && part !== '');
    },
    what: 'a text that is not empty, or a list of such',
  },
  function: { accepts: isFunction, what: 'a function' },
  record: { accepts: isRecord, what: 'an object' },
  recordOrFunction: {
    accepts: (value) => isRecord(value) || isFunction(value),
    what: 'an object, or a function that makes one',
  },
  axios: {
    accepts: (value) => isRecord(value) || isFunction(value),
    what: 'an axios config or an HttpService',
  },
  transport: instanceOf('send', 'a Transport with a method send(request)', 'new AxiosTransport()'),
  requestRetry: {
    accepts: (value) => typeof value === 'object' && hasMethods(value, 'nextDelayMs'),
    what: 'a request retry strategy, such as new ExponentialBackoffRetryStrategy()',
    cure: cureOfRetry,
  },
  logger: {
    accepts: (value) => hasMethods(value, 'log', 'warn', 'error'),
    what: 'a logger with log(), warn() and error()',
  },
  lock: instanceOf('acquire', 'a TokenLock', 'new RedisTokenLock(client)'),
  telemetry: instanceOf('attach', 'a Telemetry', 'new ForgeTelemetry()'),
} satisfies Record<string, OptionRule>);

function cureOfRetry(value: unknown): string | undefined {
  if (typeof value === 'number')
    return `retry must be a strategy, not a number. Use retry: new ExponentialBackoffRetryStrategy({ maxRetries: ${value} }).`;
  if (value === false) return 'retry must be a strategy. Use retry: new NoRetryStrategy(), or leave it out.';
  if (hasMethods(value, 'shouldRetry'))
    return 'retry must be a strategy for transient failures, not one for rejected credentials, which is given as auth: { retry: … }.';
  if (isClassWith(value, 'nextDelayMs'))
    return 'retry must be an instance, not a class: retry: new ExponentialBackoffRetryStrategy().';
  if (isRecord(value) && 'maxRetries' in value)
    return 'retry must be a strategy, not its options. Use retry: new ExponentialBackoffRetryStrategy({ maxRetries: … }).';
  return undefined;
}

/** One of a few words. */
export function oneOf(...words: readonly string[]): OptionRule {
  return {
    accepts: (value) => typeof value === 'string' && words.includes(value),
    what: `${words.length > 2 ? 'one of ' : ''}${words.map((word) => `'${word}'`).join(words.length > 2 ? ', ' : ' or ')}`,
  };
}
