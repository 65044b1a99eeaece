import { createHash, randomBytes } from 'node:crypto';
import { InvalidRequestError } from '../../errors.js';
import type { TokenRequestContext } from '../../token/token-provider.js';
import type { Token } from '../../token/token.js';
import type { AuthorizationCodeTokenProviderOptions } from './authorization-code-options.js';
import type { BoundOAuthProviderParts } from '../grants/bound.oauth-provider.js';
import { tokenParameters } from '../grants/token-parameters.js';
import { issuerAnswer } from '../issuer/issuer-answer.js';
import type { Claims } from '../oidc/signed-claims.js';
import { requestToken } from '../issuer/token-endpoint.js';
import { asksForIdToken, authorizationParameters, type AuthorizationUrlOptions } from './authorization-request.js';
import { checkExtraParams } from './extra-params.js';
import { BoundSignInProvider } from './bound.sign-in-provider.js';
import { type CallbackSource, codeOf, readCallback, sameState, signInFailed } from './callback.js';
import { type SignInState, SignInStates } from './sign-in-states.js';

/** A sign-in that was started. */
export interface StartedSignIn {
  /** URL that the browser is sent to. */
  readonly url: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

/** Data that the app keeps of a sign-in by itself. */
export interface SavedSignIn {
  /** State of the {@link StartedSignIn}, where the app keeps them itself. */
  state?: string;
  nonce?: string;
  codeVerifier?: string;
  /** Person who comes back. A sign-in that was started for somebody else is refused. */
  subject?: string;
  redirectTo?: string;
}

/** Result of a sign-in. */
export interface FinishedSignIn {
  /** The app's name for the user; undefined where none was given and the issuer names none. */
  readonly subject: string | undefined;
  readonly token: Token;
  /** Claims of the validated id_token. */
  readonly claims?: Claims;
  readonly redirectTo?: string;
}

const random = (): string => randomBytes(32).toString('base64url');

/** The authorization code grant, bound: the half that needs a browser. */
export class BoundAuthorizationCode extends BoundSignInProvider {
  readonly #options: AuthorizationCodeTokenProviderOptions;
  readonly #states: SignInStates;

  constructor(parts: BoundOAuthProviderParts) {
    super(parts);
    this.#options = parts.options as AuthorizationCodeTokenProviderOptions;
    this.#states = new SignInStates(parts.scope, [this.issuer.identity, this.client.id]);
  }

  authorizationUrl(asked?: AuthorizationUrlOptions): Promise<StartedSignIn> {
    return this.shown(this.#start(asked));
  }

  handleCallback(source: CallbackSource, saved?: SavedSignIn): Promise<FinishedSignIn> {
    return this.shown(this.#finish(source, saved));
  }

  async #start(asked: AuthorizationUrlOptions = {}): Promise<StartedSignIn> {
    checkAsked(asked, this.issuer.owner);
    const [state, nonce, codeVerifier] = [random(), random(), random()];
    const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url');
    const dpopThumbprint = await this.dpop?.thumbprint();
    const parameters = authorizationParameters(this.#options, asked, { state, nonce, codeChallenge, dpopThumbprint });
    const url = await this.withFreshSecrets(() => this.#urlOf(parameters));
    const { scope = this.#options.scope, maxAge = this.#options.maxAge, subject, redirectTo } = asked;
    await this.#states.put(state, { codeVerifier, nonce, openid: asksForIdToken(scope), subject, redirectTo, maxAge });
    return { url, state, nonce, codeVerifier };
  }

  async #finish(source: CallbackSource, saved: SavedSignIn = {}): Promise<FinishedSignIn> {
    const context = this.standalone();
    const callback = readCallback(source);
    const started = await this.#started(callback.state, saved, context.signal);
    if (saved.subject !== undefined && started.subject !== undefined && saved.subject !== started.subject)
      throw signInFailed('it was started for another user');
    const { issuer: identifier, authorization_response_iss_parameter_supported: supported } =
      await this.issuer.metadata();
    const code = codeOf(callback, { identifier, namesItself: supported === true });
    const token = await this.#exchangeCode(code, started, context);
    const subject = started.subject ?? saved.subject ?? (token.claims?.['sub'] as string | undefined);
    await this.report(token, undefined, { ...context, request: subject === undefined ? {} : { subject } });
    await this.store(token, subject);
    return {
      subject,
      token,
      ...(token.claims === undefined ? undefined : { claims: token.claims }),
      ...(started.redirectTo === undefined ? undefined : { redirectTo: started.redirectTo }),
    };
  }

  async #started(state: string, saved: SavedSignIn, signal: AbortSignal): Promise<SignInState> {
    const { codeVerifier, nonce } = saved;
    if (saved.state !== undefined && !sameState(saved.state, state)) throw signInFailed('its state is another one');
    const stored = await this.#states.take(state, signal);
    if (codeVerifier !== undefined && saved.state !== undefined) {
      const openid = stored?.openid ?? (nonce !== undefined && asksForIdToken(this.#options.scope));
      return { maxAge: this.#options.maxAge, ...stored, ...saved, codeVerifier, nonce: nonce ?? '', openid };
    }
    if (stored === undefined) throw signInFailed('its state is unknown, used already, or older than ten minutes');
    return stored;
  }

  async #exchangeCode(code: string, started: SignInState, context: TokenRequestContext): Promise<Token> {
    const { signal } = context;
    const { codeVerifier, nonce, openid, maxAge } = started;
    const { redirectUri, extraParams, compliance } = this.#options;
    const own = { code, redirect_uri: redirectUri, code_verifier: codeVerifier };
    const { clientId } = this.#options;
    const parameters = tokenParameters(own, { clientId, ...(extraParams === undefined ? {} : { extraParams }) }, {});
    const hooks = { requestHook: compliance?.tokenRequest, responseHook: compliance?.tokenResponse };
    const attempt = (): Promise<Token> => requestToken(this.exchange(signal), 'authorization_code', parameters, hooks);
    // A code that may be spent is sent again all the same: if it is, there is nothing left to lose.
    const token = await this.attempted('authorization_code', attempt, context, () => true);
    if (!openid && token.idToken === undefined) return token;
    return this.openid.withClaims(token, { nonce: openid ? nonce : undefined, maxAge }, signal);
  }

  /** Pushed where the issuer takes it (RFC 9126): the browser then carries a reference, and cannot change anything. */
  async #urlOf(parameters: URLSearchParams): Promise<string> {
    const url = new URL(await this.issuer.endpoint('authorization_endpoint'));
    const { pushed_authorization_request_endpoint: pushed } = await this.issuer.metadata();
    if (typeof pushed !== 'string' || this.#options.pushAuthorizationRequest === false) {
      for (const [name, value] of parameters) url.searchParams.append(name, value);
      return url.href;
    }
    await this.issuer.endpoint('pushed_authorization_request_endpoint');
    const { buildAuthorizationUrlWithPAR } = await import('openid-client');
    const exchange = this.exchange(this.standalone().signal);
    const answer = await issuerAnswer(exchange, PUSHED_REQUEST, (to) => buildAuthorizationUrlWithPAR(to, parameters));
    const { request_uri: requestUri } = answer;
    if (typeof requestUri !== 'string') throw signInFailed('the issuer answered no request_uri');
    url.searchParams.set('client_id', this.client.id);
    url.searchParams.set('request_uri', requestUri);
    return url.href;
  }
}

const PUSHED_REQUEST = Object.freeze({
  verb: 'Pushed authorization request',
  option: 'pushedAuthorizationRequestUrl',
});

/** @throws {InvalidRequestError} naming the option */
function checkAsked(asked: AuthorizationUrlOptions, owner: string): void {
  checkExtraParams(asked.extraParams, owner);
  for (const name of ['subject', 'redirectTo', 'loginHint', 'prompt'] as const) {
    const value: unknown = asked[name];
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      throw new InvalidRequestError(`authorizationUrl: ${name} must be a text that is not empty.`);
  }
  if (asked.maxAge !== undefined && !(Number.isInteger(asked.maxAge) && asked.maxAge >= 0))
    throw new InvalidRequestError('authorizationUrl: maxAge must be a whole number of seconds.');
}
