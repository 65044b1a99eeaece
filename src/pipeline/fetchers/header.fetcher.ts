import { shownWord } from '../../option-check/option-suggestion.js';
import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { AuthenticationError } from '../../errors.js';
import type { ForgeResponse } from '../../http/forge-response.js';
import { Token } from '../../token/token.js';
import { beginRequest, emptyContext } from './fetch-context.js';
import { HttpTokenFetcher } from './http.fetcher.js';
import { FETCHER_RULES, type HttpTokenFetcherOptions } from './http-fetcher-options.js';
import type { FetchContext } from './token-fetcher.js';
import { withTtl } from './token-ttl.js';
import { ownOptions } from '../../option-check/own-options.js';

/** Options of {@link HeaderTokenFetcher}. */
export interface HeaderTokenFetcherOptions extends HttpTokenFetcherOptions {
  /** Header of the answer that holds the token, in any case; a leading scheme is stripped. @default 'Authorization' */
  tokenHeader?: string;
  /** Type of the token. @default 'Bearer' */
  tokenType?: string;
}

const RULES_OF: OptionRules<HeaderTokenFetcherOptions> = Object.freeze({
  ...FETCHER_RULES,
  tokenHeader: RULES.text,
  tokenType: RULES.textOrEmpty,
});

/** Gets a token from a header of an answer. */
export class HeaderTokenFetcher extends HttpTokenFetcher {
  readonly #tokenHeader: string;
  readonly #tokenType: string;

  /** @throws {ConfigurationError} when an option is missing or malformed */
  constructor(given: HeaderTokenFetcherOptions) {
    super(given, { rules: RULES_OF, of: HeaderTokenFetcher });
    const options = ownOptions(given);
    this.#tokenHeader = (options.tokenHeader ?? 'Authorization').toLowerCase();
    this.#tokenType = options.tokenType ?? 'Bearer';
  }

  async fetch(context: FetchContext = emptyContext(this.name)): Promise<Token> {
    const requestedAt = beginRequest(context);
    const response = await this.send(context);
    return withTtl(this.parseToken(response, context), this.ttlMs, requestedAt());
  }

  /**
   * Reads the token from a successful answer.
   * @throws {AuthenticationError} FORGE_AUTH_TOKEN_RESPONSE_INVALID when there is none in it
   */
  parseToken(response: ForgeResponse, _context: FetchContext): Token {
    const value = [response.headers[this.#tokenHeader] ?? ''].flat()[0]?.trim() ?? '';
    const accessToken = /^[A-Za-z][\w-]*\s+(\S+)$/.exec(value)?.[1] ?? value;
    if (accessToken === '') {
      throw new AuthenticationError(
        `Step "${shownWord(this.name)}" failed: the answer has no header "${shownWord(this.#tokenHeader)}".`,
        {
          code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
          step: this.name,
          status: response.status,
        },
      );
    }
    return this.tokenOf(response, () => new Token({ accessToken, tokenType: this.#tokenType }));
  }

  /** @internal */
  override keyParts(context: FetchContext): readonly unknown[] {
    return [...super.keyParts(context), this.#tokenHeader, this.#tokenType];
  }
}
