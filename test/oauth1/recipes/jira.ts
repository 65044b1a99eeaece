import { type ForgeServiceOptions, type KeySource, OAuth1Auth, OAuth1Flow } from 'nestjs-forge-auth';

/** An application link's incoming authentication: Jira knows the public key, the app holds the private one. */
export interface JiraLink {
  /** Such as `https://jira.example`. */
  readonly url: string;
  readonly consumerKey: string;
  readonly privateKey: KeySource;
}

/** Asks users of a Jira Data Center for their consent. */
export function jiraFlow({ url, consumerKey, privateKey }: JiraLink, callbackUrl: string): OAuth1Flow {
  return new OAuth1Flow({
    clientId: consumerKey,
    clientKey: privateKey,
    signatureMethod: 'RSA-SHA1',
    callbackUrl,
    requestTokenUrl: `${url}/plugins/servlet/oauth/request-token`,
    authorizationUrl: `${url}/plugins/servlet/oauth/authorize`,
    accessTokenUrl: `${url}/plugins/servlet/oauth/access-token`,
  });
}

/** Jira's REST API, in the name of one user. RSA needs the user's token alone, not its secret. */
export function jiraService({ url, consumerKey, privateKey }: JiraLink, token: string): ForgeServiceOptions {
  return {
    name: 'jira',
    baseUrl: `${url}/rest/api/2`,
    auth: new OAuth1Auth({ clientId: consumerKey, clientKey: privateKey, signatureMethod: 'RSA-SHA1', token }),
  };
}
