import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { type Clock, systemClock } from '../clock.js';
import { ownOptions } from '../option-check/own-options.js';
import { implicitResponse } from './implicit-response.js';
import { noteSecret } from '../redaction/known-secrets.js';
import { malformed, readTokenResponse, type TokenResponseFields } from './read-token-response.js';
import type { TokenInit } from './token-init.js';
import type { TokenRecord } from './token-record.js';

const NOTHING: Readonly<Record<string, never>> = Object.freeze({});

/** Characters of a fingerprint that are shown: enough to distinguish tokens in a log, no help to guess one. */
const SHOWN_FINGERPRINT = 8;

/**
 * An access token and what came with it. Immutable.
 *
 * Prints and serialises redacted, so a token that slips into a log, an error or a JSON answer shows only its kind and
 * fingerprint. Its properties are getters; reading one is always on purpose.
 */
export class Token {
  readonly #record: TokenRecord;
  /** Undefined for a type that no header can begin with. */
  readonly #header: string | undefined;
  #fingerprint: string | undefined;

  /** @throws {AuthenticationError} FORGE_AUTH_TOKEN_RESPONSE_INVALID when the access token is missing or not sendable */
  constructor(init: TokenInit) {
    const { accessToken, tokenType = 'Bearer', expiresAt, refreshToken, scope, idToken, extra, claims } = ownInit(init);
    if (typeof accessToken !== 'string' || accessToken.trim() === '') throw malformed('it has no access token');
    if (!/^[\x20-\x7e]+$/.test(accessToken))
      throw malformed('its access token has characters that no header can carry');
    if (!/^[\x20-\x7e]*$/.test(tokenType)) throw malformed('its token type is no word');
    const expiry = expiresAt instanceof Date ? expiresAt.getTime() : expiresAt;
    if (expiry !== undefined && !(expiry > Number.NEGATIVE_INFINITY)) throw malformed('its expiry is no point in time');
    this.#record = ownOptions({
      accessToken,
      tokenType,
      ...(expiry === undefined || expiry === Number.POSITIVE_INFINITY
        ? undefined
        : { expiresAt: Math.max(-LATEST, Math.min(expiry, LATEST)) }),
      ...(refreshToken === undefined ? undefined : { refreshToken }),
      ...(scope === undefined ? undefined : { scope }),
      ...(idToken === undefined ? undefined : { idToken }),
      ...(extra === undefined ? undefined : { extra: Object.freeze({ ...extra }) }),
      ...(claims === undefined ? undefined : { claims: Object.freeze({ ...claims }) }),
    });
    for (const secret of [accessToken, refreshToken, idToken]) noteSecret(secret);
    const isWord = !tokenType.includes(' ');
    if (isWord) this.#header = tokenType === '' ? accessToken : `${schemeOf(tokenType)} ${accessToken}`;
  }

  /**
   * Reads a token endpoint's answer (RFC 6749 §5.1), leniently where issuers are known to be careless: a missing
   * `token_type`, `expires_in` as a string or null, a null `refresh_token`. Unknown fields go to `extra`.
   * @throws {AuthenticationError} FORGE_AUTH_TOKEN_RESPONSE_INVALID when it cannot be understood
   */
  static fromResponse(json: unknown, fields: TokenResponseFields = {}): Token {
    return new Token(readTokenResponse(json, ownOptions(fields)));
  }

  /**
   * Reads the access token of the implicit flow from the fragment of the URL that the browser came back to.
   *
   * For whoever must: the flow is deprecated (RFC 9700 §2.1.2), because the token stands in a URL, and nothing ties it to
   * whoever asked for it. The first use in a process warns. Use `AuthorizationCodeTokenProvider`.
   * @param expected `state` is compared where it is given
   * @throws {AuthenticationError} when the fragment holds an error, another state, or no token
   * @see [RFC 6749 §4.2.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.2.2)
   */
  static fromCallback(url: string | URL, expected: { state?: string } = {}): Token {
    return Token.fromResponse(implicitResponse(url, expected.state));
  }

  get accessToken(): string {
    return this.#record.accessToken;
  }

  get tokenType(): string {
    return this.#record.tokenType;
  }

  /** Epoch milliseconds; undefined where the issuer set no end. */
  get expiresAt(): number | undefined {
    return this.#record.expiresAt;
  }

  get refreshToken(): string | undefined {
    return this.#record.refreshToken;
  }

  /** Scopes granted, separated by spaces. */
  get scope(): string | undefined {
    return this.#record.scope;
  }

  get idToken(): string | undefined {
    return this.#record.idToken;
  }

  /** Further members of the token response (RFC 6749 §5.1). */
  get extra(): Readonly<Record<string, unknown>> {
    return this.#record.extra ?? NOTHING;
  }

  /**
   * Claims of the id_token that came with it, validated on arrival: signature, issuer, audience, times. Undefined where
   * there was none, or none that could be validated.
   * @see [OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)
   */
  get claims(): Readonly<Record<string, unknown>> | undefined {
    return this.#record.claims;
  }

  /** SHA-256 of the access token, base64url: distinguishes tokens without showing them. */
  get fingerprint(): string {
    return (this.#fingerprint ??= createHash('sha256').update(this.#record.accessToken).digest('base64url'));
  }

  /**
   * The value of an `Authorization` header: scheme and token, or the bare token where the type is empty.
   * @throws {AuthenticationError} FORGE_AUTH_TOKEN_RESPONSE_INVALID when its type is no word: a `scheme` takes its place
   */
  get authorizationHeader(): string {
    if (this.#header === undefined) throw malformed('its token type is no word. Give scheme');
    return this.#header;
  }

  /**
   * Checks whether the token has run out, or will within `leewayMs` milliseconds.
   * @param clock the time it is now. @default the machine's own
   */
  isExpired(leewayMs = 0, clock: Clock = systemClock): boolean {
    return this.#record.expiresAt !== undefined && clock.now() >= this.#record.expiresAt - leewayMs;
  }

  /** A copy with some parts replaced. */
  with(changes: Partial<TokenInit>): Token {
    return new Token({ ...this.#record, ...changes });
  }

  /** Returns the kind and the fingerprint, without the token. */
  toString(): string {
    return `[Token ${shownType(this.#record.tokenType)} …${this.fingerprint.slice(0, SHOWN_FINGERPRINT)}]`;
  }

  /** Returns the kind and the fingerprint, without the token. */
  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }

  /**
   * The token whole, for the storage envelope alone.
   * @internal
   */
  static record(token: Token): TokenRecord {
    return token.#record;
  }
}

/** `Bearer` for bearer in any case, missing or `N_A` (an exchanged token of no type, RFC 8693 §2.2.1). */
function schemeOf(tokenType: string): string {
  if (/^(?:bearer|n_a)$/i.test(tokenType)) return 'Bearer';
  return /^dpop$/i.test(tokenType) ? 'DPoP' : tokenType;
}

/** An issuer's own word for a type is not repeated: it may be anything. */
function shownType(tokenType: string): string {
  const scheme = schemeOf(tokenType);
  return ['Bearer', 'DPoP', 'PoP', ''].includes(scheme) ? scheme : 'unregistered_type';
}

/** The last point in time that a `Date` can be. */
const LATEST = 8.64e15;

/** An object of a class may have what it has from the class. */
function ownInit(init: TokenInit): TokenInit {
  return Object.getPrototypeOf(init) === Object.prototype ? ownOptions(init) : init;
}
