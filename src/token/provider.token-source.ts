import {
  AuthenticationError,
  ConfigurationError,
  ForgeAuthError,
  InvalidRequestError,
  TokenRefreshError,
} from '../errors.js';
import { HttpRequester } from '../http/http-requester.js';
import type { ClaimRefreshToken, RefreshTokenClaim } from './slot/refresh-token-claims.js';
import type { FlightReport } from './slot/slot-observer.js';
import { declared } from '../option-check/own-options.js';
import type { EndpointBackoff } from './endpoint-backoffs.js';
import type { ServiceScope } from './runtime.js';
import { outcomeIsKnown, isTransient } from './token-failure.js';
import { canonicalRequest, copyRequest, fingerprintOf, keyPart, NO_PARAMETERS, tokenKey } from './token-key.js';
import type { BoundTokenProvider, TokenProvider, TokenRequest, TokenRequestContext } from './token-provider.js';
import { revokeAll, revokesAtClose } from './revocation-at-close.js';
import { SlotCache } from './slot/slot-cache.js';
import { TokenSlot } from './slot/token-slot.js';
import type { TokenHandle, TokenOrigin, TokenSource } from './token-source.js';
import type { TokenPresenter } from './token-presenter.js';
import type { Token } from './token.js';
import { ownOptions } from '../option-check/own-options.js';
import { ownCause, revealOwnCause } from '../redaction/own-cause.js';

/** The tokens of one provider: one slot for each set of parameters that calls ask with. */
export class ProviderTokenSource implements TokenSource {
  readonly #scope: ServiceScope;
  readonly #provider: BoundTokenProvider;
  readonly #definition: TokenProvider;
  readonly #endpoint: EndpointBackoff;
  readonly #slots: SlotCache;
  readonly #default: TokenSlot;
  #http: HttpRequester | undefined;

  /** @param definition the provider as the app wrote it, where it was bound */
  constructor(scope: ServiceScope, provider: BoundTokenProvider, definition: TokenProvider = provider) {
    const deadlineMs = declared(provider, 'deadlineMs') ?? scope.settings.deadlineMs;
    this.#scope = { ...scope, settings: { ...scope.settings, deadlineMs } };
    this.#provider = provider;
    this.#definition = definition;
    this.#slots = new SlotCache(declared(provider, 'maxTokens'));
    const { keyPrefix, keyName } = scope;
    const identity = declared(provider, 'identity') ?? [];
    const endpoint = declared(provider, 'endpoint') ?? [keyName, provider.constructor.name, ...identity];
    this.#endpoint = scope.backoffs.of(keyPart(keyPrefix), fingerprintOf(endpoint));
    this.#default = this.#createSlot({});
    provider.attach?.(this);
  }

  for(request?: TokenRequest): TokenHandle {
    return request === undefined ? this.#default : this.#slot(request);
  }

  get prepare(): TokenSource['prepare'] {
    const provider = this.#provider;
    if (provider.prepare === undefined) return undefined;
    return async (request = {}) => (await provider.prepare?.(request)) ?? request;
  }

  /** Of a named token, the slot that holds it; without one, every slot. */
  async invalidate(rejected?: Token): Promise<void> {
    const slots = [this.#default, ...this.#slots.values()];
    const holder = rejected && slots.find((slot) => slot.peek()?.fingerprint === rejected.fingerprint);
    if (rejected === undefined) await Promise.all(slots.map((slot) => slot.invalidate()));
    else await (holder ?? this.#default).invalidate(rejected);
  }

  /** Provider of these tokens. */
  get provider(): BoundTokenProvider {
    return this.#provider;
  }

  get origin(): TokenOrigin {
    const { name } = this.#provider.constructor;
    const own = declared(this.#provider, 'identity');
    const endpoint = declared(this.#provider, 'endpoint') ?? (own && [name, ...own]);
    return {
      definition: this.#definition,
      endpoint: endpoint && fingerprintOf(endpoint),
      identity: async () => (endpoint === undefined ? undefined : fingerprintOf(await this.#identity())),
    };
  }

  presenter(placement: TokenPresenter): TokenPresenter {
    return declared(this.#provider, 'presenter')?.call(this.#provider, placement) ?? placement;
  }

  async close(): Promise<void> {
    const slots = [this.#default, ...this.#slots.values()];
    const tokens = revokesAtClose(this.#provider, this.#scope) ? slots.flatMap((slot) => slot.last ?? []) : [];
    for (const slot of slots) slot.close();
    this.#slots.clear();
    if (tokens.length > 0) await revokeAll(this.#provider, tokens, this.#scope, (signal) => this.#context({}, signal));
    await Promise.all([this.#provider.close?.(), this.#http?.close(), this.#scope.onClose?.()]);
  }

  #slot(request: TokenRequest): TokenSlot {
    checkSubject(request);
    const name = canonicalRequest(request);
    return name === NO_PARAMETERS ? this.#default : this.#slots.get(name, () => this.#createSlot(copyRequest(request)));
  }

  #createSlot(request: TokenRequest): TokenSlot {
    const requested = canonicalRequest(request);
    return new TokenSlot(
      this.#scope,
      {
        key: () => this.#shown(this.#key(requested)),
        subject: request.subject === undefined ? undefined : fingerprintOf([request.subject]),
        rerunnable: declared(this.#provider, 'rerunnable') ?? true,
        isOwnFailure: (error) => !concernsPerson(error),
        endpoint: this.#endpoint,
        ttlMs: undefined,
        grantType: this.#provider.grantType,
        perCall: requested !== NO_PARAMETERS,
        obtain: (previous, signal, claim, report) =>
          obtainFrom(this.#provider, previous, this.#context(request, signal), claim, report, this.#scope.revealCauses),
        revoke: (token) => this.#shown(this.#revoke(token, request)),
        introspect: (token) => this.#shown(this.#introspect(token, request)),
      },
      this.#scope.events,
    );
  }

  /** What the app's own code throws, as it may be seen. */
  async #shown<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      revealOwnCause(error, this.#scope.revealCauses);
      throw error;
    }
  }

  async #revoke(token: Token, request: TokenRequest): Promise<void> {
    const provider = this.#provider;
    if (provider.revokeToken === undefined) throw this.#unsupported('revokeToken');
    await provider.revokeToken(token, this.#context(request, AbortSignal.timeout(this.#scope.settings.deadlineMs)));
  }

  async #introspect(token: Token, request: TokenRequest): Promise<Record<string, unknown>> {
    const provider = this.#provider;
    if (provider.introspectToken === undefined) throw this.#unsupported('introspectToken');
    return provider.introspectToken(
      token,
      this.#context(request, AbortSignal.timeout(this.#scope.settings.deadlineMs)),
    );
  }

  async #key(request: string): Promise<string> {
    const { keyPrefix, keyName } = this.#scope;
    return tokenKey({ prefix: keyPrefix, serviceName: keyName, identity: await this.#identity(), request });
  }

  async #identity(): Promise<readonly string[]> {
    const provider = this.#provider;
    const parts = (await declared(provider, 'keyParts')?.call(provider)) ?? [provider.constructor.name];
    return [...parts, ...(declared(provider, 'identity') ?? [])];
  }

  #context(request: TokenRequest, signal: AbortSignal): TokenRequestContext {
    const { serviceName, clock, logger, settings } = this.#scope;
    const http = declared(this.#provider, 'http') ?? (this.#http ??= new HttpRequester({}, clock));
    const deadline = clock.now() + settings.deadlineMs;
    return {
      http,
      signal,
      deadline,
      clock,
      logger,
      request: ownOptions(request),
      ...(serviceName === undefined ? undefined : { serviceName }),
    };
  }

  #unsupported(method: string): AuthenticationError {
    const { owner, serviceName } = this.#scope;
    return new AuthenticationError(`The token provider of ${owner} has no ${method}().`, {
      ...(serviceName === undefined ? undefined : { serviceName }),
    });
  }
}

/** A call for a user that is none must not get the token of nobody in particular. @throws {InvalidRequestError} */
function checkSubject(request: TokenRequest): void {
  if (!('subject' in request)) return;
  const subject: unknown = request.subject;
  if (typeof subject === 'string' && subject !== '') return;
  throw new InvalidRequestError('auth.subject must be a text that is not empty: whose token is asked for?');
}

/** Refresh grant where there is a refresh token, the grant itself where there is none or it is refused. */
export async function obtainFrom(
  provider: BoundTokenProvider,
  previous: Token | undefined,
  context: TokenRequestContext,
  claim: ClaimRefreshToken,
  report: FlightReport,
  reveal: boolean,
): Promise<Token> {
  try {
    return await redeemOrFetch(provider, previous, context, claim, report);
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

async function redeemOrFetch(
  provider: BoundTokenProvider,
  previous: Token | undefined,
  context: TokenRequestContext,
  claim: ClaimRefreshToken,
  report: FlightReport,
): Promise<Token> {
  const refresh = declared(provider, 'refreshToken');
  if (previous?.refreshToken === undefined || refresh === undefined) return provider.fetchToken(context);
  const claimed = await claim();
  const interactive = declared(provider, 'rerunnable') === false;
  if (claimed === undefined) {
    if (interactive) throw overtaken();
    return provider.fetchToken(context);
  }
  const { grant } = report;
  try {
    report.grant = 'refresh_token';
    return carryOver(previous, await refresh.call(provider, previous, context));
  } catch (error) {
    const notConsumed = (isTransient(error) && outcomeIsKnown(error)) || error instanceof ConfigurationError;
    if (notConsumed) await claimed.release();
    if (notConsumed || context.signal.aborted) throw error;
    if (interactive) throw await refreshFailure(error, claimed, context.request);
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
async function refreshFailure(error: unknown, claimed: RefreshTokenClaim, { subject }: TokenRequest): Promise<unknown> {
  const refusal = error instanceof AuthenticationError && !error.transient ? error : undefined;
  if (refusal?.status === undefined || ABOUT_CLIENT.has(refusal.error ?? '')) {
    await claimed.release();
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

/** Checks whether only a person can help: nothing is wrong with the endpoint. */
function concernsPerson(error: unknown): boolean {
  return (
    error instanceof AuthenticationError &&
    (error instanceof TokenRefreshError || error.code === 'FORGE_AUTH_AUTHORIZATION_REQUIRED')
  );
}

function overtaken(): AuthenticationError {
  return new AuthenticationError('The token is being renewed by another process, which has not told of it yet.', {
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
