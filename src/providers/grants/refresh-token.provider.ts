import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { TokenRefreshError } from '../../errors.js';
import { GRANT_RULES, type GrantOptions } from '../grant-options.js';
import { Secret, type SecretSource } from '../keys/secret.js';
import { checkTextSource } from '../keys/text-source.js';
import type { Grant } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';

/** Options of {@link RefreshTokenProvider}. */
export interface RefreshTokenProviderOptions extends GrantOptions {
  /**
   * The first refresh token. Where the issuer rotates it, the newest one is stored and used, across restarts, too;
   * another one given here starts afresh.
   */
  refreshToken: SecretSource;
}

const REFRESH_RULES: OptionRules<RefreshTokenProviderOptions> = Object.freeze({
  ...GRANT_RULES,
  refreshToken: RULES.any,
});

/**
 * The refresh grant alone: access from a refresh token that was obtained elsewhere.
 *
 * With refresh tokens of one use, give the app a storage that outlives it: the one that is configured is good once.
 * @see [RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)
 */
export class RefreshTokenProvider extends OAuthTokenProvider<RefreshTokenProviderOptions> {
  protected readonly rules = REFRESH_RULES;

  protected grantOf(options: RefreshTokenProviderOptions, owner: string): Grant {
    checkTextSource(options.refreshToken, `${owner}: refreshToken`);
    const secret = new Secret(`${owner}: refreshToken`, options.refreshToken);
    /** The configured one, as it was sent last; and whether it may not be sent again. */
    let sent: string | undefined;
    let spent = false;
    return {
      grantType: 'refresh_token',
      rerunnable: false,
      secretInKey: false,
      keepsRefreshToken: true,
      parameters: async ({ issuer }) => {
        const refreshToken = await secret.read();
        if (refreshToken !== sent) spent = false;
        sent = refreshToken;
        if (!spent) return { refresh_token: refreshToken };
        throw new TokenRefreshError(
          `Token request for ${issuer.label} failed: the refresh token was used up or refused. Give a new refreshToken.`,
          { transient: false },
        );
      },
      keyParts: async () => [await secret.fingerprint()],
      reread: () => secret.reread(),
      onRefreshTokenSpent: (refreshToken) => {
        spent ||= refreshToken === sent;
      },
    };
  }
}
