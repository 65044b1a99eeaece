import { AuthenticationError, ConfigurationError, ForgeAuthError, TokenRefreshError } from '../errors.js';
import { declared } from '../option-check/own-options.js';
import { ownCause, revealOwnCause } from '../redaction/own-cause.js';
import type { ClaimRefreshToken, RefreshTokenClaim } from './slot/refresh-token-claims.js';
import type { FlightReport } from './slot/slot-observer.js';
import { isTransient, outcomeIsKnown } from './token-failure.js';
import { fingerprintOf } from './token-key.js';
import type { BoundTokenProvider, TokenRequest, TokenRequestContext } from './token-provider.js';
import type { Token } from './token.js';

/** Particulars of one token that is obtained. */
interface Obtaining {
  /** The last one known, with its refresh token only if that may be sent. */
  readonly previous: Token | undefined;
  readonly context: TokenRequestContext;
  /** Asked before a refresh token is sent. */
  readonly claim: ClaimRefreshToken;
  /** Takes the grant that is asked for. */
  readonly report: FlightReport;
  /** True when errors of the app's own code are shown with their messages. */
  readonly reveal: boolean;
}

/**
 * Obtains a token from a provider: by the refresh grant where there is a refresh token, by the grant itself where there is
 * none or it is refused.
 */
export async function obtainToken(provider: BoundTokenProvider, obtaining: Obtaining): Promise<Token> {
  const { previous, context, reveal } = obtaining;
  try {
    return await refreshOrFetch(provider, obtaining);
  } catch (error) {
    revealOwnCause(error, reveal);
    if (error instanceof ForgeAuthError || context.signal.aborted) throw error;
    const { accessToken, refreshToken, idToken } = previous ?? {};
    const secrets = [accessToken, refreshToken, idToken, context.request.subjectToken].filter(
      (secret) => typeof secret === 'string',
    );
    throw ownCause(error, { reveal, secrets });
  }
}

async function refreshOrFetch(
  provider: BoundTokenProvider,
  { previous, context, claim, report }: Obtaining,
): Promise<Token> {
  const refresh = declared(provider, 'refreshToken');
  if (previous?.refreshToken === undefined || refresh === undefined) return provider.fetchToken(context);
  const granted = await claim();
  const interactive = declared(provider, 'rerunnable') === false;
  if (granted === undefined) {
    if (interactive) throw overtaken();
    return provider.fetchToken(context);
  }
  const { grant } = report;
  try {
    report.grant = 'refresh_token';
    return carryOver(previous, await refresh.call(provider, previous, context));
  } catch (error) {
    const notConsumed = (isTransient(error) && outcomeIsKnown(error)) || error instanceof ConfigurationError;
    if (notConsumed) await granted.release();
    if (notConsumed || context.signal.aborted) throw error;
    if (interactive) throw await refreshFailure(error, granted, context.request);
    // Refused, or nobody knows whether the issuer has seen it: a one-time refresh token is not sent twice.
    report.grant = grant;
    return provider.fetchToken(context);
  }
}

/** Refusals that are about the app, not about the person: signing in again would not help. */
const ABOUT_CLIENT: ReadonlySet<string> = new Set([
  'invalid_client',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
]);

/**
 * Returns the error of a failed refresh that nothing can replace. When nobody knows whether the issuer has taken the
 * refresh token, it is sent again: if it is spent, so is the only way on.
 */
async function refreshFailure(error: unknown, granted: RefreshTokenClaim, { subject }: TokenRequest): Promise<unknown> {
  const refusal = error instanceof AuthenticationError && !error.transient ? error : undefined;
  if (refusal?.status === undefined || ABOUT_CLIENT.has(refusal.error ?? '')) {
    await granted.release();
    return error;
  }
  return new TokenRefreshError(
    `${refusal.message} The refresh token is no good any more: the person must sign in again.`,
    {
      status: refusal.status,
      transient: false,
      cause: refusal,
      ...(refusal.error === undefined ? undefined : { error: refusal.error }),
      ...(subject === undefined ? undefined : { subject: fingerprintOf([subject]) }),
    },
  );
}

function overtaken(): AuthenticationError {
  return new AuthenticationError('The token is being renewed by another process, which has not announced it yet.', {
    transient: true,
  });
}

/** A refresh answer that leaves out the refresh token, the scope or the id_token leaves them as they were (RFC 6749 §5.1, §6). */
function carryOver(previous: Token, next: Token): Token {
  const changes = {
    ...(next.refreshToken === undefined && previous.refreshToken !== undefined
      ? { refreshToken: previous.refreshToken }
      : undefined),
    ...(next.idToken === undefined && previous.idToken !== undefined
      ? { idToken: previous.idToken, claims: previous.claims }
      : undefined),
    ...(next.scope === undefined && previous.scope !== undefined ? { scope: previous.scope } : undefined),
  };
  return Object.keys(changes).length === 0 ? next : next.with(changes);
}
