// More than 250 lines: steps by a fetcher, by a provider and by another service's token differ in these lines alone.
import { Instant } from '../clock.js';
import { shownWord } from '../option-check/option-suggestion.js';
import { OptionThrew } from '../option-check/option-threw.js';
import { declared, ownOptions } from '../option-check/own-options.js';
import { checkOptions, type OptionRules, RULES, warningsOf } from '../option-check/option-check.js';
import { ConfigurationError, ForgeAuthError } from '../errors.js';
import { HttpRequester } from '../http/http-requester.js';
import { isTransient } from '../token/token-failure.js';
import { obtainToken } from '../token/obtain-token.js';
import type { FlightReport } from '../token/slot/slot-observer.js';
import type { ClaimRefreshToken } from '../token/slot/refresh-token-claims.js';
import type { ServiceScope } from '../token/runtime.js';
import type { TakenOutListener } from '../token/shared-tokens.js';
import { closeProvider } from '../token/close-provider.js';
import { revokeAll, revokesAtClose } from '../token/revocation-at-close.js';
import {
  bindProvider,
  type TokenProvider,
  type TokenRequestContext,
  type TokenRequest,
} from '../token/token-provider.js';
import { originOfProvider } from '../token/provider-origin.js';
import type { TokenOrigin } from '../token/token-source.js';
import type { Token } from '../token/token.js';
import { TokenRequestRetry } from '../providers/token-request-retry.js';
import { type StepContext, TokenWanted } from './fetch-context.js';
import { certificateIdentity, fetcherIdentity, opaqueOf, originOfFetcher } from './step-identity.js';
import type { FetchContext, TokenFetcher } from './token-fetcher.js';
import { withTtl } from './token-ttl.js';
import { ownCause, revealOwnCause } from '../redaction/own-cause.js';

/** A step whose token comes from a grant or a provider of one's own. */
export interface ProviderStep {
  name: string;
  provider: TokenProvider;
  dependsOn?: readonly string[];
  /** Milliseconds that its token is good for, where the provider does not set an earlier end. */
  ttlMs?: number;
}

/** A step whose token is that of another service: obtained once, and shared with it. */
export interface SharedStep {
  name: string;
  /** Name of the service. */
  tokenManager: string;
  dependsOn?: readonly string[];
}

/** A step as the app writes it. */
export type GivenStep = TokenFetcher | ProviderStep | SharedStep;

const SHARED_STEP_RULES: OptionRules<SharedStep> = Object.freeze({
  name: RULES.text,
  tokenManager: RULES.text,
  dependsOn: { ...RULES.texts, what: 'a list of step names' },
});

const STEP_RULES: OptionRules<ProviderStep> = Object.freeze({
  name: RULES.text,
  provider: RULES.any,
  dependsOn: { ...RULES.texts, what: 'a list of step names' },
  ttlMs: RULES.lifetimeMs,
});

/** Values that one fetch of a step is given. */
export interface StepRequest {
  readonly context: StepContext;
  readonly signal: AbortSignal;
  readonly deadline: number;
  readonly previous: Token | undefined;
  readonly claim: ClaimRefreshToken;
  readonly report: FlightReport;
}

/** A step of a bound pipeline, whatever it was given as. */
export interface PipelineStep {
  readonly name: string;
  readonly dependsOn: readonly string[];
  readonly ttlMs: number | undefined;
  readonly deadlineMs: number | undefined;
  readonly refreshWindowMs: number | undefined;
  /** For observers. */
  readonly grantType: string | undefined;
  /** Left out where the tokens are another service's. */
  readonly origin?: TokenOrigin;
  /** Returns what distinguishes it from a step of the same name, secrets only as fingerprints. */
  identity(): Promise<readonly string[]>;
  /** One fetch, with its retries. @throws {TokenWanted} when the token of an indirect dependency is asked for */
  obtain(request: StepRequest): Promise<Token>;
  onFetchError?(error: unknown, context: FetchContext): void | Promise<void>;
  /** Has a listener called with tokens that another service takes out of use. Left out where the tokens are the step's own. */
  onTakenOut?(listener: TakenOutListener): void;
  /** @param last the step's last token, where it is good for anything: it may have to be revoked */
  close?(last: Token | undefined): void | Promise<void>;
}

/** Service, or manager, that steps are bound to. */
export interface StepScope extends ServiceScope {
  /** True when tokens are stored under a name that the app chooses: instances of one class are then taken as alike. */
  readonly named: boolean;
}

/** Binds a step. @throws {ConfigurationError} when it is neither a fetcher nor `{ name, provider }` */
export async function bindStep(given: GivenStep, scope: StepScope, owner: string): Promise<PipelineStep> {
  for (const warning of warningsOf(given)) scope.logger.warn(warning);
  if (isObject(given) && typeof declared(given as Partial<TokenFetcher>, 'fetch') === 'function')
    return fetcherStep(given as TokenFetcher, scope, owner);
  const step = ownOptions(given as ProviderStep & SharedStep);
  const place = {
    refuse: (problem: string): ConfigurationError => new ConfigurationError(`${owner}: ${problem}`),
    warn: (problem: string): void => scope.logger.warn(`${owner}: ${problem}`),
    prefix: `step "${shownWord(step.name)}": `,
  };
  if (isObject(step.provider) && typeof declared(step.provider, 'fetchToken') === 'function') {
    checkOptions<ProviderStep>(step, STEP_RULES, place);
    return providerStep(step, scope);
  }
  if (typeof step.tokenManager === 'string') {
    checkOptions<SharedStep>(step, SHARED_STEP_RULES, place);
    return sharedStep(step, scope, owner);
  }
  throw new ConfigurationError(
    `${owner}: a step must have a method fetch(), or be { name, provider } or { name, tokenManager }.`,
  );
}

function fetcherStep(fetcher: TokenFetcher, scope: StepScope, owner: string): PipelineStep {
  const { clock, named, revealCauses, logger, storage } = scope;
  const opaque = opaqueOf(fetcher);
  if (opaque.length > 0 && storage()?.inProcess !== true)
    logger.log(
      `${owner}: step "${shownWord(fetcher.name)}": ${opaque.join(', ')} may change what is asked for, so its tokens stay in this process. To share them, add identity: 'a name for what it does' to the fetcher's options.`,
    );
  const retry = new TokenRequestRetry(declared(fetcher, 'retry'));
  let identity: Promise<readonly string[]> | undefined;
  return {
    name: fetcher.name,
    dependsOn: declared(fetcher, 'dependsOn') ?? [],
    ttlMs: declared(fetcher, 'ttlMs'),
    deadlineMs: declared(fetcher, 'deadlineMs'),
    refreshWindowMs: declared(fetcher, 'refreshWindowMs'),
    grantType: undefined,
    origin: originOfFetcher(fetcher),
    identity: async () => [
      ...(await (identity ??= fetcherIdentity(fetcher, named))),
      ...(await certificateIdentity(fetcher)),
    ],
    obtain: async ({ context, signal, deadline }) => {
      const token = await retry.run(
        () => {
          context.beginAttempt();
          return fetch(fetcher, context, revealCauses);
        },
        { clock, signal, deadline },
        (error) => !(error instanceof TokenWanted) && isTransient(error),
      );
      return withTtl(token, declared(fetcher, 'ttlMs'), context.requestedAt);
    },
    onFetchError: (error, context) => declared(fetcher, 'onFetchError')?.call(fetcher, error, context),
  };
}

async function fetch(fetcher: TokenFetcher, context: FetchContext, reveal: boolean): Promise<Token> {
  try {
    return await fetcher.fetch(context);
  } catch (error) {
    revealOwnCause(error, reveal);
    // It may be a function of the fetcher's that asks for the token.
    const wanted = OptionThrew.original(error);
    if (wanted instanceof TokenWanted) throw wanted;
    if (error instanceof ForgeAuthError || context.signal.aborted) throw error;
    const secrets = fetcher.dependsOn?.filter((name) => context.has(name)).map((name) => context.accessToken(name));
    throw ownCause(error, { reveal, secrets: secrets ?? [] });
  }
}

async function providerStep(step: ProviderStep, scope: StepScope): Promise<PipelineStep> {
  const { clock, logger, serviceName } = scope;
  const provider = await bindProvider(step.provider, scope);
  const http = declared(provider, 'http') ?? new HttpRequester({}, clock);
  const contextOf = (signal: AbortSignal, deadline: number): TokenRequestContext => ({
    http,
    signal,
    deadline,
    clock,
    logger,
    request: ownOptions<TokenRequest>({}),
    ...(serviceName === undefined ? undefined : { serviceName }),
  });
  return {
    name: step.name,
    dependsOn: step.dependsOn ?? [],
    ttlMs: step.ttlMs,
    deadlineMs: undefined,
    refreshWindowMs: undefined,
    grantType: declared(provider, 'grantType'),
    origin: originOfProvider(provider, step.provider),
    identity: async () => [
      ...((await declared(provider, 'keyParts')?.call(provider)) ?? [provider.constructor.name]),
      ...(declared(provider, 'identity') ?? []),
    ],
    obtain: async ({ previous, signal, deadline, claim, report }) => {
      const requestedAt = new Instant(clock);
      return withTtl(
        await obtainToken(provider, previous, contextOf(signal, deadline), claim, report, scope.revealCauses),
        step.ttlMs,
        requestedAt.epochMs,
      );
    },
    close: async (last) => {
      if (last !== undefined && revokesAtClose(provider, scope))
        await revokeAll(provider, [last], scope, (signal) =>
          contextOf(signal, clock.now() + scope.settings.deadlineMs),
        );
      await Promise.all([closeProvider(provider, scope), http.close()]);
    },
  };
}

/** Its token stays where it is: a refresh token least of all is kept twice. */
function sharedStep(step: SharedStep, scope: StepScope, owner: string): PipelineStep {
  const { name, tokenManager, dependsOn = [] } = step;
  const source = declared(scope, 'sharedSource')?.(tokenManager, `step "${shownWord(name)}": tokenManager`);
  if (source === undefined)
    throw new ConfigurationError(
      `${owner}: step "${shownWord(name)}": tokenManager names a service, and there are none here.`,
    );
  return {
    name,
    dependsOn,
    ttlMs: undefined,
    deadlineMs: undefined,
    refreshWindowMs: undefined,
    grantType: undefined,
    identity: async () => ['shared', tokenManager],
    obtain: async ({ previous, signal, report: { cause } }) => {
      const handle = (await source()).for();
      const token = await handle.get(signal);
      const isAged = cause === 'window' || cause === 'expired';
      const isRefused = !isAged && token.fingerprint === previous?.fingerprint;
      const newer = isRefused ? await handle.replace(token, signal) : undefined;
      return (newer?.token ?? token).with({ refreshToken: undefined });
    },
    onTakenOut: (listener) =>
      void source().then(
        (tokens) => declared(tokens.for(), 'onTakenOut')?.call(tokens.for(), listener),
        () => undefined, // The first fetch tells why.
      ),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
