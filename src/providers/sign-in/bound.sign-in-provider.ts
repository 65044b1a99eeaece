import { InvalidRequestError } from '../../errors.js';
import type { KeptTokens, TokenRequestContext } from '../../token/token-provider.js';
import type { Token } from '../../token/token.js';
import { BoundOAuthProvider, type BoundOAuthProviderParts } from '../grants/bound.oauth-provider.js';
import type { LogoutUrlOptions } from '../oidc/openid-connect.js';
import type { Claims } from '../oidc/signed-claims.js';
import { SubjectIndex } from './subject-index.js';

/** A logout token that was delivered again within this time ends nothing: its `exp` is a matter of minutes. */
const LOGOUT_MEMORY_MS = 24 * 3_600_000;

/** A bound grant that people sign in to: it knows who they are at the issuer, and where their tokens are kept. */
export class BoundSignInProvider extends BoundOAuthProvider {
  readonly #subjects: SubjectIndex;
  #tokens: KeptTokens | undefined;

  constructor(parts: BoundOAuthProviderParts) {
    super(parts);
    this.#subjects = new SubjectIndex(parts.environment);
  }

  attach(tokens: KeptTokens): void {
    this.#tokens = tokens;
  }

  /** What the issuer tells of the person whose token it is. */
  userInfo(token: Token): Promise<Claims> {
    return this.openid.userInfo(token, this.standalone().signal);
  }

  /** The URL that ends the person's session at the issuer. */
  logoutUrl(options: LogoutUrlOptions = {}): Promise<string> {
    return this.openid.logoutUrl(options);
  }

  /** Drops the tokens of whoever has logged out at the issuer. */
  async handleLogoutToken(jwt: string): Promise<{ subjects: readonly string[] }> {
    if (typeof jwt !== 'string') throw new InvalidRequestError('handleLogoutToken: the logout token must be a text.');
    const { id, subject, sessionId, claims } = await this.openid.logoutClaims(jwt, this.standalone().signal);
    if (!(await this.#subjects.once(`${String(claims['iss'])} ${id}`, LOGOUT_MEMORY_MS))) return { subjects: [] };
    const subjects = await this.#subjects.find(claims['iss'], subject, sessionId);
    await Promise.all(subjects.map((name) => this.#tokens?.for({ subject: name }).forget()));
    return { subjects };
  }

  /** Stores what came of a sign-in, where there is a place for it. */
  protected async store(token: Token, subject: string | undefined): Promise<void> {
    await this.#tokens?.for(subject === undefined ? undefined : { subject }).set(token);
  }

  protected override async tell(
    token: Token,
    previous: Token | undefined,
    context: TokenRequestContext,
  ): Promise<void> {
    const { subject } = context.request;
    if (subject !== undefined && token.claims !== undefined) await this.#subjects.add(subject, token.claims);
    await super.tell(token, previous, context);
  }
}
