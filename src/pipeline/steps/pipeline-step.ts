import type { FlightReport } from '../../token/slot/slot-observer.js';
import type { ClaimRefreshToken } from '../../token/slot/refresh-token-claims.js';
import type { ServiceScope } from '../../token/runtime.js';
import type { TakenOutListener } from '../../token/shared-tokens.js';
import type { TokenProvider } from '../../token/token-provider.js';
import type { TokenOrigin } from '../../token/token-source.js';
import type { Token } from '../../token/token.js';
import type { StepContext } from '../fetchers/fetch-context.js';
import type { FetchContext, TokenFetcher } from '../fetchers/token-fetcher.js';

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
