import { AuthenticationError, ConfigurationError } from '../errors.js';
import type { ForgeResponse } from '../http/forge-response.js';
import { checkOptions, hasMethods, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import type { TextSource } from '../providers/keys/text-source.js';
import type { AuthenticatedRequest, Authenticator, CredentialParameters, CredentialVerdict } from './authenticator.js';
import { describeRejection, oauthProblemOf } from './oauth1/oauth-problem.js';
import type { OAuth1Token } from './oauth1/oauth1-token.js';
import type { RequestSigner, Signing } from './oauth1/request-signer.js';
import { ServerTime } from './oauth1/server-time.js';
import {
  checkSource,
  type OAuth1Placement,
  type OAuth1SigningOptions,
  type ResolvedSigning,
  resolveSigning,
  SIGNING_RULES,
} from './oauth1/signing-options.js';
import { atOnce } from '../option-check/at-once.js';
import { Lazy } from '../lazy.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link OAuth1Auth}. */
export interface OAuth1AuthOptions extends OAuth1SigningOptions {
  /** The access token, or what holds it: a function or a file, read for each request. Without one, the client acts for itself. */
  token?: TextSource;
  /** The access token's secret, or what holds it. Needed with `token`. */
  tokenSecret?: TextSource;
  /**
   * The tokens of users, of whom each call names one: `auth: { subject }`. An {@link OAuth1Flow}, or what finds them in
   * the app's own store. Takes the place of `token` and `tokenSecret`. Left out: the client acts by `token`, or for
   * itself.
   */
  tokens?: OAuth1UserTokens;
  /**
   * Signs the hash of every body that is no form, as `oauth_body_hash`: a form's parameters are signed anyway, of other
   * bodies nothing is.
   * @default false
   * @see [OAuth Request Body Hash](https://datatracker.ietf.org/doc/html/draft-eaton-oauth-bodyhash-00)
   */
  bodyHash?: boolean;
}

/** Source of the tokens of users: an {@link OAuth1Flow}, or the app's own store. */
export interface OAuth1UserTokens {
  /** Returns the token of a user, and its secret; other members are not used. */
  forSubject(subject: string): { getToken(): Promise<Pick<OAuth1Token, 'token' | 'tokenSecret'> | undefined> };
}

const Signer = new Lazy(async () => (await import('./oauth1/request-signer.js')).RequestSigner);

const OWNER = 'OAuth1Auth';

const OAUTH1_RULES: OptionRules<OAuth1AuthOptions> = Object.freeze({
  ...SIGNING_RULES,
  token: RULES.any,
  tokenSecret: RULES.any,
  tokens: {
    accepts: (value) => hasMethods(value, 'forSubject'),
    what: 'an OAuth1Flow, or an object with a method forSubject(subject)',
  },
  bodyHash: RULES.switch,
});

/** Statuses with which services report an `oauth_problem`. */
const MAY_REPORT: ReadonlySet<number> = new Set([400, 401, 403]);

/**
 * Signs each request with OAuth 1.0a, anew for each attempt and each hop of a redirect.
 *
 * What is signed is what is sent: put it last where other authenticators change the URL ({@link CompositeAuth} does).
 * Where the service refuses the timestamp, and its `Date` shows that the clock of this machine is off, the call is sent
 * again once with the service's time, which is then used for the calls that follow.
 * @see [RFC 5849 §3](https://www.rfc-editor.org/rfc/rfc5849#section-3)
 */
export class OAuth1Auth implements Authenticator {
  readonly credentialHeaders: readonly string[];
  /** A request that brings a signature is signed already, wherever this one would stand. */
  readonly credentialParameters: CredentialParameters = { query: ['oauth_signature'], form: ['oauth_signature'] };
  readonly signsRequest = true;
  readonly takesTokenRequest: boolean;
  readonly #signing: ResolvedSigning;
  #signer: RequestSigner | undefined;
  readonly #time: ServerTime;
  readonly #token: TextSource | undefined;
  readonly #tokenSecret: TextSource | undefined;
  readonly #tokens: OAuth1UserTokens | undefined;
  readonly #bodyHash: boolean;
  readonly #placement: OAuth1Placement;
  /** Calls whose form was sent with the parameters in it. */
  readonly #formsSent = new WeakSet<object>();

  /** @throws {ConfigurationError} when a credential is missing, or an option malformed */
  constructor(given: OAuth1AuthOptions) {
    const refuse = (problem: string): ConfigurationError => new ConfigurationError(`${OWNER}: ${problem}`);
    checkOptions(given, OAUTH1_RULES, { refuse });
    const options = ownOptions(given);
    const signing = resolveSigning(options, OWNER);
    const { token, tokenSecret, tokens, bodyHash = false } = options;
    if (tokens !== undefined && (token ?? tokenSecret) !== undefined)
      throw refuse('give either tokens or token and tokenSecret, not both.');
    if (token !== undefined) checkSource(token, `${OWNER}: token`);
    if (tokenSecret !== undefined) checkSource(tokenSecret, `${OWNER}: tokenSecret`);
    if (token === '') throw refuse('token must not be empty. Leave it out if the client acts for itself.');
    if (token === undefined && tokenSecret !== undefined) throw refuse('tokenSecret is given without token.');
    if (token !== undefined && tokenSecret === undefined && signing.method.needs === 'clientSecret')
      throw refuse('token is given without tokenSecret.');
    if (bodyHash && signing.method.name === 'PLAINTEXT')
      throw refuse('bodyHash protects nothing under PLAINTEXT, which signs nothing. Leave it out.');
    this.#signing = signing;
    this.#time = new ServerTime(signing.timestamp);
    this.#token = token;
    this.#tokenSecret = tokenSecret;
    this.#tokens = tokens;
    this.takesTokenRequest = tokens !== undefined;
    this.#bodyHash = bodyHash;
    this.#placement = signing.placement;
    this.credentialHeaders = signing.placement === 'header' ? ['authorization'] : [];
  }

  async authenticate(request: AuthenticatedRequest): Promise<void> {
    const Loaded = Signer.value ?? (await Signer.open());
    const signer = (this.#signer ??= new Loaded(this.#signing));
    await signer.sign(request, {
      clock: request.clock,
      timestamp: this.#time.timestampFor(request),
      ...(await this.#tokenFor(request)),
      placement: this.#placementFor(request),
      bodyHash: this.#bodyHash,
    });
  }

  onResponse(response: ForgeResponse, request: AuthenticatedRequest): CredentialVerdict {
    const problem = MAY_REPORT.has(response.status) ? oauthProblemOf(response) : undefined;
    if (response.status !== 401 && problem === undefined) {
      if (!response.isServerError) this.#time.keep(request);
      return 'accepted';
    }
    const corrected = this.#time.correct(request, response.headers['date'], problem === 'timestamp_refused');
    if (corrected && request.replayable) return 'resend';
    if (corrected) this.#time.keep(request);
    request.rejection = describeRejection(problem, this.#time.correctionOf(request), request.replayable);
    return 'rejected';
  }

  /** A redirect may take the form away that the parameters stand in: then they go into the header. */
  #placementFor({ body, headers, call }: AuthenticatedRequest): OAuth1Placement {
    if (this.#placement !== 'body') return this.#placement;
    const formIsGone = body === undefined && headers['authorization'] === undefined && this.#formsSent.has(call);
    this.#formsSent.add(call);
    return formIsGone ? 'header' : 'body';
  }

  async #tokenFor({
    tokenRequest,
    serviceName,
  }: AuthenticatedRequest): Promise<Pick<Signing, 'token' | 'tokenSecret'>> {
    if (this.#tokens === undefined) return { token: this.#token, tokenSecret: this.#tokenSecret };
    const subject = tokenRequest?.subject;
    if (subject === undefined)
      throw authorizationRequired(serviceName, 'the call names no user. Give auth: { subject }');
    const found = await atOnce(this.#tokens.forSubject(subject), 'tokens.forSubject()').getToken();
    if (found === undefined) throw authorizationRequired(serviceName, 'the user has not consented');
    return { token: found.token, tokenSecret: found.tokenSecret };
  }
}

function authorizationRequired(serviceName: string, why: string): AuthenticationError {
  return new AuthenticationError(`No credential for "${serviceName}": ${why}.`, {
    code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
    serviceName,
    transient: false,
  });
}
