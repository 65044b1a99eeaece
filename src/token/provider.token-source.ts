import { timeoutSignal } from '../clock.js';
import { AuthenticationError, InvalidRequestError, TokenRefreshError } from '../errors.js';
import { HttpRequester } from '../http/http-requester.js';
import { originOfProvider } from './provider-origin.js';
import type { EndpointBackoff } from './endpoint-backoffs.js';
import { FetchBackoff } from './slot/fetch-backoff.js';
import type { ServiceScope } from './runtime.js';
import { obtainToken } from './obtain-token.js';
import { canonicalRequest, copyRequest, fingerprintOf, keyPart, NO_PARAMETERS, tokenKey } from './token-key.js';
import type { BoundTokenProvider, TokenRequest, TokenRequestContext } from './token-provider.js';
import { closeProvider } from './close-provider.js';
import { revokeAll, revokesAtClose } from './revocation-at-close.js';
import { SlotCache } from './slot/slot-cache.js';
import { TokenSlot } from './slot/token-slot.js';
import type { TokenHandle, TokenOrigin, TokenSource } from './token-source.js';
import type { TokenPresenter } from './token-presenter.js';
import type { Token } from './token.js';
import { callDeclared, declared, ownOptions } from '../option-check/own-options.js';
import { revealing } from '../redaction/own-cause.js';

/** The tokens of one provider: one slot for each set of parameters that calls ask with. */
export class ProviderTokenSource implements TokenSource {
  readonly #scope: ServiceScope;
  readonly #provider: BoundTokenProvider;
  readonly #definition: object;
  #backoff: EndpointBackoff | undefined;
  #default: TokenSlot | undefined;
  /** Of calls with parameters of their own. */
  #slots: SlotCache | undefined;
  #closed = false;
  #http: HttpRequester | undefined;

  readonly prepare: TokenSource['prepare'];

  /** @param definition the provider as the app wrote it, where it was bound */
  constructor(scope: ServiceScope, provider: BoundTokenProvider, definition: object = provider) {
    const deadlineMs = declared(provider, 'deadlineMs') ?? scope.settings.deadlineMs;
    this.#scope =
      deadlineMs === scope.settings.deadlineMs ? scope : { ...scope, settings: { ...scope.settings, deadlineMs } };
    this.#provider = provider;
    this.#definition = definition;
    const prepare = declared(provider, 'prepare');
    this.prepare = prepare && (async (request = {}) => (await prepare.call(provider, request)) ?? request);
    callDeclared(provider, 'attach', this);
  }

  for(request?: TokenRequest): TokenHandle {
    return request === undefined ? this.#defaultSlot : this.#slot(request);
  }

  /** Of a named token, the slot that holds it; without one, every slot. */
  async invalidate(rejected?: Token): Promise<void> {
    const slots = [this.#defaultSlot, ...(this.#slots?.values() ?? [])];
    const holder = rejected && slots.find((slot) => slot.peek()?.fingerprint === rejected.fingerprint);
    if (rejected === undefined) await Promise.all(slots.map((slot) => slot.invalidate()));
    else await (holder ?? this.#defaultSlot).invalidate(rejected);
  }

  /** Provider of these tokens. */
  get provider(): BoundTokenProvider {
    return this.#provider;
  }

  get origins(): readonly TokenOrigin[] {
    return [originOfProvider(this.#provider, this.#definition)];
  }

  presenter(placement: TokenPresenter): TokenPresenter {
    return callDeclared(this.#provider, 'presenter', placement) ?? placement;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const slots = [...(this.#default === undefined ? [] : [this.#default]), ...(this.#slots?.values() ?? [])];
    const tokens = revokesAtClose(this.#provider, this.#scope) ? slots.flatMap((slot) => slot.last ?? []) : [];
    for (const slot of slots) slot.close();
    if (tokens.length > 0) await revokeAll(this.#provider, tokens, this.#scope, (signal) => this.#context({}, signal));
    await Promise.all([
      closeProvider(this.#provider, this.#scope),
      this.#http?.close(),
      callDeclared(this.#scope, 'onClose'),
    ]);
  }

  /** The slot of the usual token, made when it is first asked for: an app may call few of its services. */
  get #defaultSlot(): TokenSlot {
    return (this.#default ??= this.#createSlot(NO_PARAMETERS, ownOptions<TokenRequest>({})));
  }

  #slot(request: TokenRequest): TokenSlot {
    checkSubject(request);
    const name = canonicalRequest(request);
    if (name === NO_PARAMETERS) return this.#defaultSlot;
    this.#slots ??= new SlotCache(declared(this.#provider, 'maxTokens'));
    return this.#slots.get(name, () => this.#createSlot(name, copyRequest(request)));
  }

  /** @param requested the parameters in their canonical form */
  #createSlot(requested: string, request: TokenRequest): TokenSlot {
    const slot = new TokenSlot(
      this.#scope,
      {
        key: () => this.#shown(this.#key(requested)),
        subject: request.subject === undefined ? undefined : fingerprintOf([request.subject]),
        rerunnable: declared(this.#provider, 'rerunnable') ?? true,
        isOwnFailure: (error) => !concernsPerson(error),
        endpoint: (this.#backoff ??= this.#backoffOfEndpoint()),
        ttlMs: undefined,
        grantType: this.#provider.grantType,
        perCall: requested !== NO_PARAMETERS,
        obtain: (previous, signal, claim, report) =>
          obtainToken(this.#provider, {
            previous,
            context: this.#context(request, signal),
            claim,
            report,
            reveal: this.#scope.revealCauses,
          }),
        revoke: (token) => this.#shown(this.#revoke(token, request)),
        introspect: (token) => this.#shown(this.#introspect(token, request)),
      },
      this.#scope.events,
    );
    if (this.#closed) slot.close();
    return slot;
  }

  /** Made with the first slot: an application may have thousands of sources that are not used for long. */
  #backoffOfEndpoint(): EndpointBackoff {
    const { backoffs, clock, keyPrefix, keyName } = this.#scope;
    const provider = this.#provider;
    const identity = declared(provider, 'identity') ?? [];
    const endpoint = declared(provider, 'endpoint') ?? [keyName, provider.constructor.name, ...identity];
    return backoffs.of(keyPart(keyPrefix), fingerprintOf(endpoint), () => new FetchBackoff(clock));
  }

  /** Shows what the app's own code throws as far as it may be seen. */
  #shown<T>(work: Promise<T>): Promise<T> {
    return revealing(work, this.#scope.revealCauses);
  }

  async #revoke(token: Token, request: TokenRequest): Promise<void> {
    const provider = this.#provider;
    const revoke = declared(provider, 'revokeToken');
    if (revoke === undefined) throw this.#unsupported('revokeToken');
    await revoke.call(provider, token, this.#context(request, this.#deadline()));
  }

  async #introspect(token: Token, request: TokenRequest): Promise<Record<string, unknown>> {
    const provider = this.#provider;
    const introspect = declared(provider, 'introspectToken');
    if (introspect === undefined) throw this.#unsupported('introspectToken');
    return introspect.call(provider, token, this.#context(request, this.#deadline()));
  }

  #deadline(): AbortSignal {
    return timeoutSignal(this.#scope.clock, this.#scope.settings.deadlineMs);
  }

  async #key(request: string): Promise<string> {
    const { keyPrefix, keyName } = this.#scope;
    return tokenKey({ prefix: keyPrefix, serviceName: keyName, identity: await this.#identity(), request });
  }

  async #identity(): Promise<readonly string[]> {
    const provider = this.#provider;
    const parts = (await callDeclared(provider, 'keyParts')) ?? [provider.constructor.name];
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
  if (!Object.hasOwn(request, 'subject')) return;
  const subject: unknown = request.subject;
  if (typeof subject === 'string' && subject !== '') return;
  throw new InvalidRequestError('auth.subject must be a text that is not empty: whose token is asked for?');
}

/** Checks whether only a person can help: nothing is wrong with the endpoint. */
function concernsPerson(error: unknown): boolean {
  return (
    error instanceof AuthenticationError &&
    (error instanceof TokenRefreshError || error.code === 'FORGE_AUTH_AUTHORIZATION_REQUIRED')
  );
}
