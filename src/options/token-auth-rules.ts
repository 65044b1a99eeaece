import { PLACEMENT_RULES } from '../auth/token.authenticator.js';
import {
  hasMethods,
  isClassWith,
  isRecord,
  checkOptions,
  type OptionPlace,
  type OptionRules,
} from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import { GRANT_RULES } from '../providers/grant-options.js';
import { TOKEN_SETTINGS_RULES } from '../token/token-settings.js';
import type { TokenAuthOptions } from './options.js';

/** The options of {@link TokenAuthOptions}. */
export const TOKEN_AUTH_RULES: OptionRules<TokenAuthOptions> = Object.freeze({
  ...TOKEN_SETTINGS_RULES,
  ...PLACEMENT_RULES,
  provider: {
    accepts: (value) => hasMethods(value, 'fetchToken') || (typeof value === 'function' && !isArrow(value)),
    what: 'a token provider with a method fetchToken(), or its class',
    cure: cureOfProvider,
  },
  tokenManager: {
    accepts: (value) => typeof value === 'string' || hasMethods(value, 'getToken'),
    what: 'a TokenManager, or the name of the service whose manager is shared',
    cure: (value) =>
      hasMethods(value, 'fetchToken')
        ? 'auth.tokenManager is a token provider. Give it as auth: { provider }.'
        : undefined,
  },
  pipeline: {
    accepts: (value) => value instanceof TokenFetchPipeline || (isRecord(value) && Array.isArray(value['steps'])),
    what: 'a TokenFetchPipeline, or its options: { steps: [ … ] }',
    cure: cureOfPipeline,
  },
  excludedPaths: RULES.any,
  excludedPathPatterns: RULES.any,
  warmUp: RULES.switch,
});

/** Options that belong to the provider, or to the pipeline. */
const NEARBY = [
  {
    known: Object.keys(GRANT_RULES),
    as: (name: string) => `auth: { provider: new ClientCredentialsTokenProvider({ ${name}: … }) }`,
  },
  {
    known: ['username', 'password'],
    as: (name: string) => `auth: { provider: new PasswordGrantTokenProvider({ ${name}: … }) }`,
  },
  {
    known: ['steps', 'refreshFromStep', 'resultStep', 'cacheKeyPrefix'],
    as: (name: string) => `auth: { pipeline: { ${name}: … } }`,
  },
  {
    known: ['maxRetries', 'delayMs', 'statuses'],
    as: (name: string) => `auth: { retry: new SimpleAuthRetryStrategy({ ${name}: … }) }`,
  },
];

/** Checks at first sight token options. @throws {ConfigurationError} */
export function checkTokenAuth(options: unknown, place: OptionPlace): void {
  checkOptions(options, TOKEN_AUTH_RULES, { ...place, prefix: 'auth.', nearby: NEARBY });
}

/** A sentence for an `auth` that is neither an authenticator nor token options; undefined where nothing is known of it. */
export function cureOfAuth(auth: unknown): string | undefined {
  if (hasMethods(auth, 'authenticate') || isClassWith(auth, 'authenticate')) return undefined;
  if (typeof auth === 'string')
    return 'auth is a text. Use auth: new BearerAuth(token), new ApiKeyAuth(key) or new BasicAuth(username, password).';
  if (Array.isArray(auth)) return 'auth is a list. Use auth: new CompositeAuth([ … ]).';
  if (hasMethods(auth, 'fetchToken') || isClassWith(auth, 'fetchToken'))
    return 'auth is a token provider. Give it as auth: { provider: … }.';
  if (hasMethods(auth, 'getToken')) return 'auth is a TokenManager. Give it as auth: { tokenManager: … }.';
  if (auth instanceof TokenFetchPipeline) return 'auth is a pipeline. Give it as auth: { pipeline: … }.';
  if (isFetcher(auth)) return 'auth is a step of a pipeline. Give it as auth: { pipeline: { steps: [ … ] } }.';
  if (hasMethods(auth, 'shouldRetry')) return 'auth is a retry strategy. Give it as auth: { provider: …, retry: … }.';
  return undefined;
}

function cureOfProvider(provider: unknown): string | undefined {
  if (typeof provider === 'string')
    return 'auth.provider is a text. Use auth: { provider: new StaticTokenProvider(token) }, or auth: new BearerAuth(token).';
  if (typeof provider === 'function')
    return 'auth.provider is a function. Give an object with it: auth: { provider: { fetchToken: async () => new Token({ … }) } }; a function that reads a token is auth: new BearerAuth(readToken).';
  if (provider instanceof TokenFetchPipeline) return 'auth.provider is a pipeline. Give it as auth: { pipeline: … }.';
  if (hasMethods(provider, 'getToken')) return 'auth.provider is a TokenManager. Give it as auth: { tokenManager: … }.';
  if (hasMethods(provider, 'authenticate')) return 'auth.provider is an authenticator. Give it as auth itself.';
  if (isFetcher(provider))
    return 'auth.provider is a step of a pipeline. Give it as auth: { pipeline: { steps: [ … ] } }.';
  return undefined;
}

function cureOfPipeline(pipeline: unknown): string | undefined {
  if (Array.isArray(pipeline)) return 'auth.pipeline is a list. Give it as auth: { pipeline: { steps: [ … ] } }.';
  if (hasMethods(pipeline, 'fetchToken')) return 'auth.pipeline is a token provider. Give it as auth: { provider: … }.';
  if (isFetcher(pipeline)) return 'auth.pipeline is one step. Give it as auth: { pipeline: { steps: [ … ] } }.';
  return undefined;
}

function isFetcher(value: unknown): boolean {
  return (
    typeof value === 'object' && hasMethods(value, 'fetch') && typeof (value as { name?: unknown }).name === 'string'
  );
}

/** A function that cannot be a class: it has no prototype. */
function isArrow(value: unknown): boolean {
  return (value as { prototype?: unknown }).prototype === undefined;
}
