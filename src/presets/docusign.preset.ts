import type { JwtBearerAssertion } from '../providers/grants/jwt-bearer.provider.js';
import { preset, type Preset, text } from './preset.js';

/** Options of {@link docusign}. */
export interface DocusignPresetOptions {
  /** The app's integration key. */
  integrationKey: string;
  /** Id of the user for whom the app acts, who has consented to it. */
  userId: string;
  /** The app's RSA key. */
  privateKey: JwtBearerAssertion['key'];
  /** The developer environment. @default false */
  demo?: boolean;
}

/**
 * DocuSign's JWT grant, for `JwtBearerTokenProvider`: the audience is the bare host of the account server, and the scopes
 * `signature impersonation` stand in the assertion. The API's address is `base_uri` of its user info.
 * @throws {ConfigurationError} when an option is missing
 * @see [DocuSign: JWT Grant](https://developers.docusign.com/platform/auth/jwt-get-token/)
 */
export function docusign<Given extends DocusignPresetOptions & { scope?: string }>(
  options: Given,
): Preset<DocusignPresetOptions & { scope?: string }, Given, DocusignMade> {
  const account = options.demo === true ? 'account-d.docusign.com' : 'account.docusign.com';
  return preset<DocusignPresetOptions & { scope?: string }, Given, DocusignMade>('docusign', options, OWN, {
    tokenUrl: `https://${account}/oauth/token`,
    authorizationUrl: `https://${account}/oauth/auth`,
    userInfoUrl: `https://${account}/oauth/userinfo`,
    assertion: {
      iss: text('docusign', 'integrationKey', options.integrationKey),
      sub: text('docusign', 'userId', options.userId),
      aud: account,
      key: options.privateKey,
      alg: 'RS256',
      claims: { scope: options.scope ?? 'signature impersonation' },
    },
  });
}

const OWN = ['integrationKey', 'userId', 'privateKey', 'demo', 'scope'] as const;

interface DocusignMade {
  tokenUrl: string;
  authorizationUrl: string;
  userInfoUrl: string;
  assertion: JwtBearerAssertion;
}
