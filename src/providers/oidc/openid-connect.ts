import { AuthenticationError, ForgeAuthError } from '../../errors.js';
import type { ForgeResponse } from '../../http/forge-response.js';
import type { Token } from '../../token/token.js';
import type { DpopSigner } from '../dpop.js';
import { type EndpointName, endpointOption } from '../issuer/endpoints.js';
import type { GrantOptions } from '../grant-options.js';
import type { Issuer } from '../issuer/issuer.js';
import { redirectOf } from '../issuer/token-response.js';
import { type ExpectedIdToken, validateIdToken } from './id-token.js';
import { ASYMMETRIC_ALGORITHMS } from './asymmetric-algorithms.js';
import { JsonWebKeys } from './json-web-keys.js';
import { type LogoutClaims, validateLogoutToken } from './logout-token.js';
import type { Claims, ExpectedParties } from './signed-claims.js';

/** Values that an id_token must agree with, beyond what its issuer's options say. */
export type ExpectedSignIn = Pick<ExpectedIdToken, 'nonce' | 'maxAge' | 'subject'>;

/** Parameters of a logout at the issuer. */
export interface LogoutUrlOptions {
  /** The id_token of whoever logs out, or the token that it came with. Left out: the issuer asks who it is. */
  idTokenHint?: string | Token;
  /**
   * URL that the issuer sends the browser to afterwards; it must know the address. Left out: the browser stays there.
   */
  postLogoutRedirectUri?: string;
  /** Text that comes back with the browser. Left out: none. */
  state?: string;
}

const DEFAULT_CLOCK_TOLERANCE_MS = 120_000;

/** The OpenID Connect side of one client at one issuer: its keys, what it signs, who a token is about. */
export class OpenIdConnect {
  readonly #issuer: Issuer;
  readonly #options: GrantOptions;
  readonly #keys: JsonWebKeys;
  readonly #dpop: DpopSigner | undefined;

  /** @param dpop proves the possession of the key that tokens are bound to */
  constructor(
    issuer: Issuer,
    options: GrantOptions,
    clock: ConstructorParameters<typeof JsonWebKeys>[1],
    dpop?: DpopSigner,
  ) {
    this.#dpop = dpop;
    this.#issuer = issuer;
    this.#options = options;
    this.#keys = new JsonWebKeys((signal) => this.#fetchKeys(signal), clock);
  }

  /**
   * The token with the claims of its id_token, validated.
   * @throws {AuthenticationError} FORGE_AUTH_ID_TOKEN_INVALID when there is none, or it is not valid
   */
  async withClaims(token: Token, expected: ExpectedSignIn, signal: AbortSignal): Promise<Token> {
    const parties = await this.#parties(signal);
    const claims = await validateIdToken(token.idToken, { ...parties, ...expected, accessToken: token.accessToken });
    return token.with({ claims });
  }

  /**
   * As {@link withClaims} where an id_token came and the issuer's keys are known; else the token as it is. A renewed
   * token of a user is not lost because the keys cannot be obtained now: it goes without a new id_token.
   */
  async accept(token: Token, previous: Token | undefined, signal: AbortSignal): Promise<Token> {
    if (token.idToken === undefined || token.claims !== undefined) return token;
    try {
      const { jwks_uri: keysUrl } = await this.#issuer.metadata();
      if (keysUrl === undefined) return token;
      return await this.withClaims(token, { subject: previous?.claims?.['sub'] as string | undefined }, signal);
    } catch (error) {
      const kept = previous !== undefined && error instanceof ForgeAuthError && isOfKeys(error);
      if (kept && !signal.aborted) return token.with({ idToken: undefined });
      throw error;
    }
  }

  /** @throws {AuthenticationError} FORGE_AUTH_ID_TOKEN_INVALID */
  async logoutClaims(jwt: string, signal: AbortSignal): Promise<LogoutClaims> {
    return validateLogoutToken(jwt, await this.#parties(signal));
  }

  /**
   * Returns what the issuer states of the person whose token it is.
   * @throws {AuthenticationError} when it refuses, or names somebody else than the id_token did
   * @see [OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)
   */
  async userInfo(token: Token, signal: AbortSignal): Promise<Claims> {
    const info = await this.#fetchJson('userinfo_endpoint', 'Userinfo', signal, (url) => this.#shown(token, url));
    const { sub } = info;
    if (typeof sub !== 'string' || sub === '') throw invalid('the userinfo answer names no subject');
    // A token may have been swapped for another person's (OpenID Connect Core §5.3.2).
    if (token.claims !== undefined && sub !== token.claims['sub'])
      throw invalid('the userinfo answer is about another person than the id_token');
    return info;
  }

  /** @see [OpenID Connect RP-Initiated Logout §2](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout) */
  async logoutUrl(options: LogoutUrlOptions): Promise<string> {
    const { idTokenHint, postLogoutRedirectUri, state } = options;
    const url = new URL(await this.#issuer.endpoint('end_session_endpoint'));
    const hint = typeof idTokenHint === 'string' ? idTokenHint : idTokenHint?.idToken;
    const parameters = { id_token_hint: hint, post_logout_redirect_uri: postLogoutRedirectUri, state };
    url.searchParams.set('client_id', this.#options.clientId as string);
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
    return url.href;
  }

  /** Name of the issuer in what it signs. */
  async issuerOfClaims(): Promise<string> {
    return this.#options.idTokenIssuer ?? (await this.#issuer.metadata()).issuer;
  }

  async #parties(signal: AbortSignal): Promise<ExpectedParties> {
    const { idTokenAlgorithms = ASYMMETRIC_ALGORITHMS, clockToleranceMs } = this.#options;
    return {
      issuer: await this.issuerOfClaims(),
      clientId: this.#options.clientId as string,
      keys: this.#keys,
      algorithms: idTokenAlgorithms,
      clockToleranceMs: clockToleranceMs ?? DEFAULT_CLOCK_TOLERANCE_MS,
      now: this.#issuer.now(),
      signal,
    };
  }

  /** Headers that show a token: with a proof where it is bound to a key. */
  async #shown(token: Token, url: string): Promise<Record<string, string>> {
    const { authorizationHeader: authorization, accessToken, tokenType } = token;
    if (this.#dpop === undefined || !/^dpop$/i.test(tokenType)) return { authorization };
    return { authorization, dpop: await this.#dpop.proof({ method: 'GET', url, accessToken }) };
  }

  async #fetchKeys(signal: AbortSignal): Promise<Claims> {
    return this.#fetchJson('jwks_uri', 'Key set request', signal);
  }

  #fetchJson(
    endpoint: EndpointName,
    verb: string,
    signal: AbortSignal,
    headersOf: (url: string) => Promise<Record<string, string>> = async () => ({}),
  ): Promise<Claims> {
    return this.#issuer.rediscovering(() => this.#fetchOnce(endpoint, verb, signal, headersOf));
  }

  async #fetchOnce(
    endpoint: EndpointName,
    verb: string,
    signal: AbortSignal,
    headersOf: (url: string) => Promise<Record<string, string>>,
  ): Promise<Claims> {
    const url = await this.#issuer.endpoint(endpoint);
    const what = `${verb} for ${this.#issuer.label}`;
    const send = async (): Promise<ForgeResponse> =>
      this.#issuer.http.request({ url, signal, headers: await headersOf(url) }).catch((cause: unknown) => {
        if (signal.aborted) throw signal.reason;
        const why = cause instanceof ForgeAuthError ? `: ${cause.message}` : '.';
        throw new AuthenticationError(`${what} failed${why}`, { cause, transient: true });
      });
    let response = await send();
    const nonce = this.#dpop?.observe(url, response.headers) === true;
    if (nonce && (response.status === 401 || response.status === 400)) response = await send();
    const body = response.isSuccess ? response.jsonOrNull<unknown>() : undefined;
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Claims;
    const { status } = response;
    if (response.isSuccess) throw new AuthenticationError(`${what} failed: the answer is no JSON object.`, { status });
    const redirect = redirectOf(status, response.headers['location'], endpointOption(endpoint));
    throw new AuthenticationError(`${what} failed: HTTP ${status}${redirect}.`, {
      status,
      code: status >= 500 || status === 429 ? 'FORGE_AUTH_TOKEN_REQUEST_FAILED' : 'FORGE_AUTH_TOKEN_REFUSED',
    });
  }
}

/** Checks for a failure to obtain the keys, in whatever way: it says nothing of the id_token. */
function isOfKeys(error: ForgeAuthError): boolean {
  if (!(error instanceof AuthenticationError)) return error.code !== 'FORGE_AUTH_CONFIGURATION';
  return error.transient || error.code !== 'FORGE_AUTH_ID_TOKEN_INVALID';
}

function invalid(why: string): AuthenticationError {
  return new AuthenticationError(`The sign-in is refused: ${why}.`, { code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
}
