import { AuthenticationError, ConfigurationError } from '../../errors.js';
import type { TokenProvider } from '../../token/token-provider.js';
import { fingerprintOf } from '../../token/token-key.js';
import { checkMounted } from '../grant-options.js';
import { Token } from '../../token/token.js';

/** A token that was obtained elsewhere and cannot be renewed: when a service rejects it, the rejection stands. */
export class StaticTokenProvider implements TokenProvider {
  readonly identity: readonly string[];
  readonly #token: Token;

  /**
   * @param token the access token alone, a {@link Token}, or a token endpoint's answer (RFC 6749 §5.1)
   * @throws {ConfigurationError} when it is missing, or cannot be sent
   */
  constructor(token: string | Token | Readonly<Record<string, unknown>>) {
    if (token === undefined || token === '') {
      throw new ConfigurationError(
        'StaticTokenProvider: the token is missing. Is the variable that it is read from set?',
      );
    }
    if (typeof token === 'string') checkMounted(token, 'StaticTokenProvider: the token');
    this.#token = token instanceof Token ? token : tokenOf(token);
    this.identity = [fingerprintOf([this.#token.accessToken])];
  }

  async fetchToken(): Promise<Token> {
    return this.#token;
  }
}

function tokenOf(token: string | Readonly<Record<string, unknown>>): Token {
  try {
    return typeof token === 'string' ? new Token({ accessToken: token }) : Token.fromResponse(token);
  } catch (error) {
    const why = error instanceof AuthenticationError ? ` ${error.message}` : '';
    throw new ConfigurationError(
      `StaticTokenProvider: give an access token, a Token, or a token endpoint's answer as JSON.${why}`,
    );
  }
}
