import { host, label, preset, type Preset } from './preset.js';

/** Options of {@link cognito}. */
export interface CognitoPresetOptions {
  /** The user pool's domain: its prefix (then `region` is needed), or a host of one's own. */
  domain: string;
  /** Region of the pool: `eu-central-1`. Needed where `domain` is a prefix. */
  region?: string;
}

/**
 * Amazon Cognito: the user pool's own domain serves the tokens, not the issuer that they name. Scopes are written
 * `<resource server>/<scope>`; machines get no refresh token.
 * @throws {ConfigurationError} when `domain` is no host, or no prefix with a region
 * @see [Cognito: The token issuer endpoint](https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html)
 */
export function cognito<Given extends CognitoPresetOptions>(
  options: Given,
): Preset<
  CognitoPresetOptions,
  Given,
  { tokenUrl: string; authorizationUrl: string; revocationUrl: string; userInfoUrl: string }
> {
  const { domain, region } = options;
  const origin =
    region === undefined
      ? `https://${host('cognito', 'domain', domain)}`
      : `https://${label('cognito', 'domain', domain)}.auth.${label('cognito', 'region', region)}.amazoncognito.com`;
  return preset('cognito', options, ['domain', 'region'], {
    tokenUrl: `${origin}/oauth2/token`,
    authorizationUrl: `${origin}/oauth2/authorize`,
    revocationUrl: `${origin}/oauth2/revoke`,
    userInfoUrl: `${origin}/oauth2/userInfo`,
  });
}
