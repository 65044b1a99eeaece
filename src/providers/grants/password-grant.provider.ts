import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { checkText, GRANT_RULES, type GrantOptions } from '../grant-options.js';
import type { Grant } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';
import { checkTextSource } from '../keys/text-source.js';
import { Secret, type SecretSource } from '../keys/secret.js';
import { fingerprintOf } from '../../token/token-key.js';

/** Options of {@link PasswordGrantTokenProvider}. */
export interface PasswordGrantTokenProviderOptions extends GrantOptions {
  /** Name of the user (RFC 6749 §4.3.2). */
  username: string;
  /** A function is read again when the issuer refuses the password. */
  password: SecretSource;
}

const PASSWORD_RULES: OptionRules<PasswordGrantTokenProviderOptions> = Object.freeze({
  ...GRANT_RULES,
  username: RULES.any,
  password: RULES.any,
});

/**
 * The resource owner password credentials grant: a technical user's access. A refresh token is sent first where the
 * issuer gives one.
 * @see [RFC 6749 §4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.3)
 */
export class PasswordGrantTokenProvider extends OAuthTokenProvider<PasswordGrantTokenProviderOptions> {
  protected readonly rules = PASSWORD_RULES;

  protected grantOf(options: PasswordGrantTokenProviderOptions, owner: string): Grant {
    const { username } = options;
    checkText(username, `${owner}: username`);
    checkTextSource(options.password, `${owner}: password`);
    const password = new Secret(`${owner}: password`, options.password);
    const salt = fingerprintOf([options.tokenUrl ?? options.issuer ?? '', options.clientId, username]);
    return {
      grantType: 'password',
      parameters: async () => ({ username, password: await password.read() }),
      keyParts: async () => [username, await password.slowFingerprint(salt)],
      reread: () => password.reread(),
    };
  }
}
