import type { Clock } from '../clock.js';
import type { ForgeLogger } from '../logger.js';
import { AuthenticationError, ConfigurationError } from '../errors.js';
import { HttpRequester } from '../http/http-requester.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import type { Redeem } from './slot/redemption.js';
import { isAnswered, isTransient } from './token-failure.js';
import { canonicalRequest, tokenKey } from './token-key.js';
import type { BoundTokenProvider, TokenRequest, TokenRequestContext } from './token-provider.js';
import type { SlotEvents } from './slot/slot-events.js';
import type { SlotSettings } from './token-settings.js';
import { TokenSlot } from './slot/token-slot.js';
import type { Replacement, TokenSource } from './token-source.js';
import type { Token } from './token.js';

/** What a {@link ProviderTokenSource} needs. */
export interface ProviderTokenSourceOptions {
  readonly provider: BoundTokenProvider;
  readonly serviceName: string | undefined;
  /** First part of the storage key. */
  readonly keyPrefix: string;
  /** Second part of the storage key: the service's name, or a name of its own for a manager without one. */
  readonly keyName: string;
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  readonly storage: () => GuardedStorage | undefined;
  readonly settings: SlotSettings;
  readonly jitter: number;
  readonly events: SlotEvents;
  /** What ends with the source. */
  readonly onClose?: () => Promise<void>;
}

/** Slots kept for calls with parameters of their own (scopes, audiences, users); the least recently used goes first. */
const MAX_SLOTS = 10_000;
/** More than one, so that their number comes down again after a burst of flights. */
const FORGOTTEN_AT_ONCE = 2;

/** The tokens of one provider: one slot for each set of parameters that calls ask with. */
export class ProviderTokenSource implements TokenSource {
  readonly #options: ProviderTokenSourceOptions;
  readonly #owner: string;
  readonly #slots = new Map<string, TokenSlot>();
  readonly #default: TokenSlot;
  #http: HttpRequester | undefined;

  constructor(options: ProviderTokenSourceOptions) {
    this.#options = options;
    this.#owner = options.serviceName === undefined ? 'the token manager' : `"${options.serviceName}"`;
    this.#default = this.#createSlot({});
  }

  get(request?: TokenRequest, signal?: AbortSignal): Promise<Token> {
    return request === undefined ? this.#default.get(signal) : this.#slot(request).get(signal);
  }

  peek(request?: TokenRequest): Token | undefined {
    return this.#slot(request).peek();
  }

  peekFresh(request?: TokenRequest): Token | undefined {
    return request === undefined ? this.#default.peekFresh() : this.#slot(request).peekFresh();
  }

  forceRefresh(request?: TokenRequest, signal?: AbortSignal): Promise<Token> {
    return this.#slot(request).forceRefresh(signal);
  }

  replace(rejected: Token, request?: TokenRequest, signal?: AbortSignal): Promise<Replacement | undefined> {
    return this.#slot(request).replace(rejected, signal);
  }

  reject(rejected: Token, request?: TokenRequest): void {
    this.#slot(request).reject(rejected);
  }

  judge(token: Token, accepted: boolean, request?: TokenRequest): void {
    this.#slot(request).judge(token, accepted);
  }

  /** Of a named token, the slot that holds it; without one, every slot. */
  async invalidate(rejected?: Token): Promise<void> {
    const slots = [this.#default, ...this.#slots.values()];
    const holder = rejected && slots.find((slot) => slot.peek()?.fingerprint === rejected.fingerprint);
    if (rejected === undefined) await Promise.all(slots.map((slot) => slot.invalidate()));
    else await (holder ?? this.#default).invalidate(rejected);
  }

  set(token: Token, request?: TokenRequest): Promise<void> {
    return this.#slot(request).set(token);
  }

  async revoke(): Promise<void> {
    const { provider } = this.#options;
    if (provider.revokeToken === undefined) throw this.#unsupported('revokeToken');
    const token = await this.#default.known();
    if (token === undefined) return;
    await provider.revokeToken(token, this.#context({}, AbortSignal.timeout(this.#options.settings.deadlineMs)));
    await this.#default.forget(token);
  }

  async introspect(): Promise<Record<string, unknown>> {
    const { provider } = this.#options;
    if (provider.introspectToken === undefined) throw this.#unsupported('introspectToken');
    const token = await this.#default.get();
    return provider.introspectToken(token, this.#context({}, AbortSignal.timeout(this.#options.settings.deadlineMs)));
  }

  async close(): Promise<void> {
    for (const slot of [this.#default, ...this.#slots.values()]) slot.close();
    this.#slots.clear();
    await Promise.all([this.#options.provider.close?.(), this.#http?.close(), this.#options.onClose?.()]);
  }

  #slot(request: TokenRequest | undefined): TokenSlot {
    if (request === undefined) return this.#default;
    const name = canonicalRequest(request);
    if (name === '[]') return this.#default;
    const slot = this.#slots.get(name) ?? this.#createSlot(request);
    this.#slots.delete(name);
    this.#slots.set(name, slot);
    for (let turns = 0; turns < FORGOTTEN_AT_ONCE && this.#slots.size > MAX_SLOTS; turns += 1) this.#forgetOldest();
    return slot;
  }

  /** A slot with a flight under way is kept, as if it had just been asked for: its callers' one flight must stay one. */
  #forgetOldest(): void {
    const [oldest] = this.#slots;
    if (oldest === undefined) return;
    const [name, slot] = oldest;
    this.#slots.delete(name);
    if (slot.busy) this.#slots.set(name, slot);
    else slot.release();
  }

  #createSlot(request: TokenRequest): TokenSlot {
    const { clock, logger, storage, settings, jitter, events, serviceName } = this.#options;
    const requested = canonicalRequest(request);
    return new TokenSlot(
      { owner: this.#owner, serviceName, clock, logger, storage, settings, jitter },
      {
        key: () => this.#key(requested),
        obtain: (previous, signal, redeem) =>
          obtainFrom(this.#options.provider, previous, this.#context(request, signal), redeem),
      },
      events,
    );
  }

  async #key(request: string): Promise<string> {
    const { provider, keyPrefix, keyName } = this.#options;
    const identity = [...((await provider.keyParts?.()) ?? [provider.constructor.name]), ...(provider.identity ?? [])];
    return tokenKey({ prefix: keyPrefix, serviceName: keyName, identity, request });
  }

  #context(request: TokenRequest, signal: AbortSignal): TokenRequestContext {
    const { provider, serviceName, clock, logger, settings } = this.#options;
    const http = provider.http ?? (this.#http ??= new HttpRequester({}, clock));
    const deadline = clock.now() + settings.deadlineMs;
    return {
      http,
      signal,
      deadline,
      clock,
      logger,
      request,
      ...(serviceName === undefined ? undefined : { serviceName }),
    };
  }

  #unsupported(method: string): AuthenticationError {
    return new AuthenticationError(`The token provider of ${this.#owner} has no ${method}().`, {
      ...(this.#options.serviceName === undefined ? undefined : { serviceName: this.#options.serviceName }),
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
