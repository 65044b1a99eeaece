import type { Clock } from '../../clock.js';
import type { ForgeLogger } from '../../logger.js';
import type { TokenRequest } from '../../token/token-provider.js';
import type { Token } from '../../token/token.js';
import type { Issuer } from '../issuer/issuer.js';
import type { IssuerExchange } from '../issuer/issuer-exchange.js';

/** Context of a grant for one token request. */
export interface GrantContext {
  /** Parameters that the call asked for. */
  readonly request: TokenRequest;
  readonly issuer: Issuer;
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  /** Aborts when nobody waits for the token any more, or the flight's deadline is over. */
  readonly signal: AbortSignal;
}

/** Context of an interactive grant, with requests to the issuer that authenticate the client. */
export interface GrantExchange extends GrantContext {
  /** Requests to any endpoint of the issuer: `perform` lets `openid-client` write one and check its answer. */
  readonly exchange: IssuerExchange;
  /**
   * Sends one token request and returns its token. Scope, audience, resource and extra parameters are added as for every
   * other grant.
   * @param parameters the grant's own; `grant_type` is {@link Grant.grantType} unless they name another
   */
  requestToken(parameters: GrantParameters): Promise<Token>;
}

/** Parameters of a token request, secrets among them. A `grant_type` takes the place of the grant's own. */
export type GrantParameters = Readonly<Record<string, string | readonly string[]>>;

/**
 * Part that one grant adds to a token request.
 *
 * To add a grant: a class that extends {@link OAuthTokenProvider} and returns one of these from `grantOf`, an export, a
 * spec. A grant that is one POST writes `parameters` alone: client authentication, scope, audience, resource, retries,
 * the refresh grant, rotated secrets, proofs of possession and the key are done around it. A grant of several requests,
 * or one that waits for a person, has `obtain` in place of `parameters`.
 */
export interface Grant {
  readonly grantType: string;
  /** Parameters of the request. Asked for each attempt, so that an assertion is new each time. */
  parameters(context: GrantContext): GrantParameters | Promise<GrantParameters>;
  /** Obtains a token in a way of its own: several requests, or polling. Left out, one POST with `parameters` does it. */
  obtain?(context: GrantExchange): Promise<Token>;
  /** Returns what distinguishes two tokens of it; secrets only as fingerprints. */
  keyParts(): readonly string[] | Promise<readonly string[]>;
  /** Reads secrets again. Returns whether one has changed. */
  reread?(): Promise<boolean>;
  /**
   * True when it can run again without a person. A token of one that cannot is kept for as long as it may be refreshed.
   * @default true
   */
  readonly rerunnable?: boolean;
  /** Bounds one run in place of the service's `deadlineMs`, in milliseconds: a person takes longer than a server. */
  readonly deadlineMs?: number;
  /**
   * Puts the client's own secret into the token's key. Interactive grants leave it out, so that rotating it does
   * not orphan their refresh token.
   * @default true
   */
  readonly secretInKey?: boolean;
  /**
   * Completes what a call asks for, in the call's own async context, before its token is looked for: whose token it is.
   * Left out, calls are taken as they are.
   */
  readonly prepare?: ((request: TokenRequest) => TokenRequest | Promise<TokenRequest>) | undefined;
  /** Tokens kept in memory for calls with parameters of their own. @default 10_000 */
  readonly maxTokens?: number;
  /**
   * The option that can change a request without being known to the key, such as a function. The token then stays in
   * this process, unless `identity` distinguishes it.
   */
  readonly unknown?: string;
  /**
   * True when its refresh token is what the app was configured with, and is needed at the next start.
   * @default false
   */
  readonly keepsRefreshToken?: boolean;
  /** Called with a refresh token that was exchanged for another one, or refused. */
  onRefreshTokenSpent?(refreshToken: string): void;
  /** True when a refused request may succeed once the issuer's clock is known: it carries a time. @default false */
  readonly timed?: boolean;
}
