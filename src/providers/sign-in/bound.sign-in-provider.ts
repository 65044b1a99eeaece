import { AuthenticationError, InvalidRequestError } from '../../errors.js';
import type { KeptTokens, TokenRequestContext } from '../../token/token-provider.js';
import type { Token } from '../../token/token.js';
import { BoundOAuthProvider, type BoundOAuthProviderParts } from '../grants/bound.oauth-provider.js';
import type { LogoutUrlOptions } from '../oidc/openid-connect.js';
import { type LogoutNotice, readLogoutRequest } from '../oidc/logout-request.js';
import type { Claims } from '../oidc/signed-claims.js';
import { type CallbackSource, parametersOf } from './callback.js';
import { SubjectIndex } from './subject-index.js';

/** A logout token that was delivered again within this time ends nothing: its `exp` is a matter of minutes. */
const LOGOUT_MEMORY_MS = 24 * 3_600_000;

/** A bound grant that people sign in to: it knows who they are at the issuer, and where their tokens are kept. */
export class BoundSignInProvider extends BoundOAuthProvider {
  readonly #subjects: SubjectIndex;
  #tokens: KeptTokens | undefined;

  constructor(parts: BoundOAuthProviderParts) {
    super(parts);
    warnOfLostKey(parts);
    this.#subjects = new SubjectIndex(parts.scope);
  }

  attach(tokens: KeptTokens): void {
    this.#tokens = tokens;
  }

  /** Returns what the issuer states of the person whose token it is. */
  userInfo(token: Token): Promise<Claims> {
    return this.shown(this.openid.userInfo(token, this.standalone().signal));
  }

  /** The URL that ends the person's session at the issuer. */
  logoutUrl(options: LogoutUrlOptions = {}): Promise<string> {
    return this.openid.logoutUrl(options);
  }

  /** Drops the tokens of whoever has logged out, as the issuer itself announces. */
  async handleLogoutToken(jwt: string): Promise<{ subjects: readonly string[] }> {
    if (typeof jwt !== 'string') throw new InvalidRequestError('handleLogoutToken: the logout token must be a text.');
    const { id, issuer, ...whose } = await this.openid.logoutClaims(jwt, this.standalone().signal);
    const delivery = `${issuer} ${id}`;
    if (await this.#subjects.isNoted(delivery)) return { subjects: [] };
    const subjects = await this.#end({ issuer, ...whose });
    // Last: a delivery that failed halfway is repeated by the issuer, and must end the rest then.
    await this.#subjects.note(delivery, LOGOUT_MEMORY_MS);
    return { subjects };
  }

  /** Drops the tokens of a session that has ended, as the person's browser reports. */
  async handleFrontChannelLogout(url: CallbackSource): Promise<{ subjects: readonly string[] }> {
    const issuer = await this.openid.issuerOfClaims();
    return { subjects: await this.#end(readLogoutRequest(parametersOf(url), issuer)) };
  }

  /** Drops the tokens that are of a person or a session now: the app's name may stand for another account since. */
  async #end({ issuer, subject, sessionId }: LogoutNotice): Promise<readonly string[]> {
    const concerned = ({ claims = {} }: Token): boolean => {
      const { iss, sub, sid } = claims;
      if (iss !== issuer || (subject !== undefined && sub !== subject)) return false;
      // Of a person who is named without a session, or whose token names none, every token is meant.
      const isAnySession = subject !== undefined && (sessionId === undefined || sid === undefined);
      return isAnySession || sid === sessionId;
    };
    const names = await this.#subjects.find(issuer, subject, sessionId);
    const ended = await Promise.all(names.map((name) => this.#tokens?.for({ subject: name }).forget(concerned)));
    if (this.#subjects.unavailable) throw notCarriedOut();
    return names.filter((_name, index) => ended[index] === true);
  }

  /** Stores what came of a sign-in, where there is a place for it. */
  protected async store(token: Token, subject: string | undefined): Promise<void> {
    await this.#tokens?.for(subject === undefined ? undefined : { subject }).set(token);
  }

  protected override async report(
    token: Token,
    previous: Token | undefined,
    context: TokenRequestContext,
  ): Promise<void> {
    const { subject } = context.request;
    if (subject !== undefined && token.claims !== undefined) await this.#subjects.add(subject, token.claims);
    await super.report(token, previous, context);
  }
}

/** So that the issuer delivers the logout again, and nobody takes it for done. */
function notCarriedOut(): AuthenticationError {
  return new AuthenticationError(
    'The logout was not carried out: the token storage does not answer, or takes no writes.',
    { transient: true },
  );
}

/** A token that a machine loses is asked for again; a person would have to sign in again. */
function warnOfLostKey({ options, scope, owner }: BoundOAuthProviderParts): void {
  const { dpop } = options;
  if (dpop === undefined || (dpop !== true && dpop.key !== undefined)) return;
  scope.logger.warn(
    `${owner}: dpop has no key, so each process makes its own: whoever signs in is known to one process, and signs in again when it has ended. Give all processes one: dpop: { key }.`,
  );
}
