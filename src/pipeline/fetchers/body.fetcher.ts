import { shownWord } from '../../option-check/option-suggestion.js';
import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { AuthenticationError } from '../../errors.js';
import type { ForgeResponse } from '../../http/forge-response.js';
import { Token } from '../../token/token.js';
import { beginRequest, emptyContext, requestedAtOf } from './fetch-context.js';
import { HttpTokenFetcher } from './http.fetcher.js';
import { FETCHER_RULES, type HttpTokenFetcherOptions } from './http-fetcher-options.js';
import type { FetchContext } from './token-fetcher.js';
import { withTtl } from './token-ttl.js';
import { ownOptions } from '../../option-check/own-options.js';

/** Options of {@link BodyTokenFetcher}. Fields may be dotted paths: `data.session.token`. */
export interface BodyTokenFetcherOptions extends HttpTokenFetcherOptions {
  /** Field of the access token. @default 'access_token' */
  tokenField?: string;
  /** Field of the token's type. @default 'token_type' */
  tokenTypeField?: string;
  /** Field of the lifetime, in seconds. @default 'expires_in' */
  expiresInField?: string;
  /** Field of the refresh token. @default 'refresh_token' */
  refreshTokenField?: string;
  /** Type of a token that comes without one. @default 'Bearer' */
  defaultTokenType?: string;
}

const RULES_OF: OptionRules<BodyTokenFetcherOptions> = Object.freeze({
  ...FETCHER_RULES,
  tokenField: RULES.text,
  tokenTypeField: RULES.text,
  expiresInField: RULES.text,
  refreshTokenField: RULES.text,
  defaultTokenType: RULES.textOrEmpty,
});

/** Gets a token from the JSON body of an answer. */
export class BodyTokenFetcher extends HttpTokenFetcher {
  readonly #fields: Required<
    Pick<BodyTokenFetcherOptions, 'tokenField' | 'tokenTypeField' | 'expiresInField' | 'refreshTokenField'>
  >;
  readonly #defaultTokenType: string;

  /** @throws {ConfigurationError} when an option is missing or malformed */
  constructor(given: BodyTokenFetcherOptions) {
    super(given, { rules: RULES_OF, of: BodyTokenFetcher });
    const options = ownOptions(given);
    const {
      tokenField = 'access_token',
      tokenTypeField = 'token_type',
      expiresInField = 'expires_in',
      refreshTokenField = 'refresh_token',
    } = options;
    this.#fields = { tokenField, tokenTypeField, expiresInField, refreshTokenField };
    this.#defaultTokenType = options.defaultTokenType ?? 'Bearer';
  }

  async fetch(context: FetchContext = emptyContext(this.name)): Promise<Token> {
    const requestedAt = beginRequest(context);
    const response = await this.send(context, 'json');
    return withTtl(this.parseToken(response, context), this.ttlMs, requestedAt());
  }

  /**
   * Reads the token from a successful answer.
   * @throws {AuthenticationError} FORGE_AUTH_TOKEN_RESPONSE_INVALID when there is none in it
   */
  parseToken(response: ForgeResponse, context: FetchContext): Token {
    const json = response.json<Record<string, unknown>>();
    const { tokenField, tokenTypeField, expiresInField, refreshTokenField } = this.#fields;
    const accessToken = at(json, tokenField);
    if (typeof accessToken !== 'string' || accessToken === '') {
      throw new AuthenticationError(
        `Step "${shownWord(this.name)}" failed: the answer has no token in "${shownWord(tokenField)}".`,
        {
          code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
          step: this.name,
          status: response.status,
        },
      );
    }
    return this.tokenOf(response, () =>
      Token.fromResponse(
        {
          ...json,
          access_token: accessToken,
          token_type: at(json, tokenTypeField) ?? this.#defaultTokenType,
          expires_in: at(json, expiresInField),
          refresh_token: at(json, refreshTokenField),
        },
        { requestedAt: requestedAtOf(context) },
      ),
    );
  }

  /** @internal */
  override keyParts(context: FetchContext): readonly unknown[] {
    return [...super.keyParts(context), this.#fields, this.#defaultTokenType];
  }
}

/** The value at a field, or at a dotted path that reaches in. */
function at(json: unknown, path: string): unknown {
  const direct = (json as Record<string, unknown> | null)?.[path];
  if (direct !== undefined) return direct;
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined,
      json,
    );
}
