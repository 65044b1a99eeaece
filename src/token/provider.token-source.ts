import { AuthenticationError, ConfigurationError } from '../errors.js';
import { HttpRequester } from '../http/http-requester.js';
import type { Redeem } from './slot/redemption.js';
import type { ServiceScope } from './runtime.js';
import { isAnswered, isTransient } from './token-failure.js';
import { canonicalRequest, copyRequest, NO_PARAMETERS, tokenKey } from './token-key.js';
import type { BoundTokenProvider, TokenRequest, TokenRequestContext } from './token-provider.js';
import { SlotCache } from './slot/slot-cache.js';
import { TokenSlot } from './slot/token-slot.js';
import type { TokenHandle, TokenSource } from './token-source.js';
import type { TokenPresenter } from './token-presenter.js';
import type { Token } from './token.js';
import { ownOptions } from '../own-options.js';

/** The tokens of one provider: one slot for each set of parameters that calls ask with. */
export class ProviderTokenSource implements TokenSource {
  readonly #scope: ServiceScope;
  readonly #provider: BoundTokenProvider;
  readonly #slots: SlotCache;
  readonly #default: TokenSlot;
  #http: HttpRequester | undefined;

  constructor(scope: ServiceScope, provider: BoundTokenProvider) {
    this.#scope = scope;
    this.#provider = provider;
    this.#slots = new SlotCache(provider.maxTokens);
    this.#default = this.#createSlot({});
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

  presenter(placement: TokenPresenter): TokenPresenter {
    return this.#provider.presenter?.(placement) ?? placement;
  }

  async close(): Promise<void> {
    for (const slot of [this.#default, ...this.#slots.values()]) slot.close();
    this.#slots.clear();
    await Promise.all([this.#provider.close?.(), this.#http?.close(), this.#scope.onClose?.()]);
  }

  #slot(request: TokenRequest): TokenSlot {
    const name = canonicalRequest(request);
    return name === NO_PARAMETERS ? this.#default : this.#slots.get(name, () => this.#createSlot(copyRequest(request)));
  }

  #createSlot(request: TokenRequest): TokenSlot {
    const requested = canonicalRequest(request);
    return new TokenSlot(
      this.#scope,
      {
        key: () => this.#key(requested),
        obtain: (previous, signal, redeem) =>
          obtainFrom(this.#provider, previous, this.#context(request, signal), redeem),
        revoke: (token) => this.#revoke(token, request),
        introspect: (token) => this.#introspect(token, request),
      },
      this.#scope.events,
    );
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
    const provider = this.#provider;
    const { keyPrefix, keyName } = this.#scope;
    const identity = [...((await provider.keyParts?.()) ?? [provider.constructor.name]), ...(provider.identity ?? [])];
    return tokenKey({ prefix: keyPrefix, serviceName: keyName, identity, request });
  }

  #context(request: TokenRequest, signal: AbortSignal): TokenRequestContext {
    const { serviceName, clock, logger, settings } = this.#scope;
    const http = this.#provider.http ?? (this.#http ??= new HttpRequester({}, clock));
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

/** Refresh grant where there is a refresh token, the grant itself where there is none or it is refused. */
export async function obtainFrom(
  provider: BoundTokenProvider,
  previous: Token | undefined,
  context: TokenRequestContext,
  redeem: Redeem,
): Promise<Token> {
  if (previous?.refreshToken === undefined || provider.refreshToken === undefined) return provider.fetchToken(context);
  const redemption = await redeem();
  if (redemption === undefined) return provider.fetchToken(context);
  try {
    return carryOver(previous, await provider.refreshToken(previous, context));
  } catch (error) {
    const unspent = (isTransient(error) && isAnswered(error)) || error instanceof ConfigurationError;
    if (unspent) await redemption.giveBack();
    if (unspent || context.signal.aborted) throw error;
    // Refused, or nobody knows whether the issuer has seen it: a one-time refresh token is not sent twice.
    return provider.fetchToken(context);
  }
}

/** A refresh answer that leaves out the refresh token or the scope leaves them as they were (RFC 6749 §5.1, §6). */
function carryOver(previous: Token, next: Token): Token {
  const changes = {
    ...(next.refreshToken === undefined && previous.refreshToken !== undefined
      ? { refreshToken: previous.refreshToken }
      : undefined),
    ...(next.scope === undefined && previous.scope !== undefined ? { scope: previous.scope } : undefined),
  };
  return Object.keys(changes).length === 0 ? next : next.with(changes);
}
