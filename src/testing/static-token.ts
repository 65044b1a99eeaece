import type { TokenInit } from '../token/token-init.js';
import { Token } from '../token/token.js';

/**
 * A token for tests, good until it is rejected unless `init` says otherwise.
 * @param value the access token. @default 'test-token'
 */
export function staticToken(value = 'test-token', init: Partial<Omit<TokenInit, 'accessToken'>> = {}): Token {
  return new Token({ ...init, accessToken: value });
}
