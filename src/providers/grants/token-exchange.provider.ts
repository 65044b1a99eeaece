import { systemClock } from '../../clock.js';
import { concealedCause } from '../../redaction/own-cause.js';
import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { AuthenticationError, ConfigurationError } from '../../errors.js';
import type { TokenRequest } from '../../token/token-provider.js';
import { checkText, GRANT_RULES, type GrantOptions } from '../grant-options.js';
import { checkTextSource, isFile, readTextSource, sourceIdentity, type TextSource } from '../keys/text-source.js';
import { mountedText } from '../../option-check/mounted-text.js';
import type { Grant, GrantParameters } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';

/** A token of somebody: a text, a function that finds the caller's, or a file that is read for each request. */
export type TokenTextSource =
  string | (() => string | null | undefined | Promise<string | null | undefined>) | { readonly file: string };

/** Options of {@link TokenExchangeProvider}. */
export interface TokenExchangeProviderOptions extends GrantOptions {
  /**
   * The token that is exchanged. A function runs for each call, in the call's own async context: what it returns is
   * part of the token's key, so no caller gets another's token. A call's own `subjectToken` takes its place. Left out:
   * each call names one.
   */
  subjectToken?: TokenTextSource;
  /** Type of the subject token (RFC 8693 §3). @default 'urn:ietf:params:oauth:token-type:access_token' */
  subjectTokenType?: string;
  /** The token of the party that acts for the subject. Left out: none. */
  actorToken?: TokenTextSource;
  /** Type of the actor token (RFC 8693 §3). @default 'urn:ietf:params:oauth:token-type:access_token' */
  actorTokenType?: string;
  /** Type of the token that is wanted (RFC 8693 §3). Left out: the issuer decides. */
  requestedTokenType?: string;
  /** Gives a call without a subject token the app's own, by the client credentials grant. @default false */
  optional?: boolean;
  /** Number of subjects whose tokens are kept in memory; the least recently used goes first. @default 10_000 */
  maxSubjects?: number;
}

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const EXCHANGE_RULES: OptionRules<TokenExchangeProviderOptions> = Object.freeze({
  ...GRANT_RULES,
  subjectToken: RULES.any,
  subjectTokenType: RULES.text,
  actorToken: RULES.any,
  actorTokenType: RULES.text,
  requestedTokenType: RULES.text,
  optional: RULES.switch,
  maxSubjects: RULES.countFromOne,
});

/**
 * Token exchange: a token for one audience from a token for another, for a user or for an actor.
 * @see [RFC 8693](https://www.rfc-editor.org/rfc/rfc8693)
 */
export class TokenExchangeProvider extends OAuthTokenProvider<TokenExchangeProviderOptions> {
  protected readonly rules = EXCHANGE_RULES;

  protected grantOf(options: TokenExchangeProviderOptions, owner: string): Grant {
    const { subjectToken, actorToken, optional = false, maxSubjects } = options;
    const { subjectTokenType = ACCESS_TOKEN, actorTokenType = ACCESS_TOKEN, requestedTokenType } = options;
    for (const name of ['subjectToken', 'actorToken'] as const) {
      if (name in options) checkTextSource(options[name], `${owner}: ${name}`);
    }
    for (const name of ['subjectTokenType', 'actorTokenType', 'requestedTokenType'] as const) {
      if (name in options) checkText(options[name], `${owner}: ${name}`);
    }
    if (maxSubjects !== undefined && !(Number.isInteger(maxSubjects) && maxSubjects > 0))
      throw new ConfigurationError(`${owner}: maxSubjects must be a whole number above zero.`);
    return {
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      prepare: typeof subjectToken === 'function' ? (request) => withSubject(request, subjectToken, owner) : undefined,
      parameters: async ({ request, clock, issuer }): Promise<GrantParameters> => {
        const configured = typeof subjectToken === 'function' ? undefined : subjectToken;
        const subject =
          request.subjectToken ?? (configured && (await readTextSource(configured, `${owner}: subjectToken`, clock)));
        if (subject === undefined || subject === '') {
          if (optional) return { grant_type: 'client_credentials' };
          throw new AuthenticationError(
            `Token request for ${issuer.label} failed: there is no subject token to exchange. Give subjectToken, or optional: true.`,
            { code: 'FORGE_AUTH_CREDENTIAL_FAILED', transient: false },
          );
        }
        const actor = actorToken === undefined ? undefined : await tokenOf(actorToken, `${owner}: actorToken`, clock);
        return {
          subject_token: subject,
          subject_token_type: subjectTokenType,
          ...(actor === undefined ? undefined : { actor_token: actor, actor_token_type: actorTokenType }),
          ...(requestedTokenType === undefined ? undefined : { requested_token_type: requestedTokenType }),
        };
      },
      keyParts: async () => [
        await sourceIdentity(subjectToken as TextSource | undefined, `${owner}: subjectToken`, systemClock),
        subjectTokenType,
        await sourceIdentity(actorToken as TextSource | undefined, `${owner}: actorToken`, systemClock),
        actorTokenType,
        requestedTokenType ?? '',
        String(optional),
      ],
      reread: async () => isFile(subjectToken) || isFile(actorToken) || typeof actorToken === 'function',
      ...(maxSubjects === undefined ? undefined : { maxTokens: maxSubjects }),
      ...(typeof actorToken === 'function' ? { unknown: 'actorToken' } : undefined),
    };
  }
}

type TokenFunction = Extract<TokenTextSource, (...args: never) => unknown>;

/** Runs where the call was made, before its token is looked for: whose token it is decides which one is found. */
async function withSubject(request: TokenRequest, subjectToken: TokenFunction, owner: string): Promise<TokenRequest> {
  if (request.subjectToken !== undefined) return request;
  let found: unknown;
  try {
    found = await subjectToken();
  } catch (thrown) {
    const cause = concealedCause(thrown);
    throw new AuthenticationError(`${owner}: subjectToken could not be read: its function threw ${cause.summary}.`, {
      code: 'FORGE_AUTH_CREDENTIAL_FAILED',
      cause,
    });
  }
  if (found === undefined || found === null) return request;
  if (typeof found === 'string') {
    const text = mountedText(found);
    return text === '' ? request : { ...request, subjectToken: text };
  }
  throw new AuthenticationError(`${owner}: subjectToken could not be read: its function returned no text.`, {
    code: 'FORGE_AUTH_CREDENTIAL_FAILED',
  });
}

function tokenOf(source: TokenTextSource, name: string, clock: Parameters<typeof readTextSource>[2]): Promise<string> {
  return readTextSource(source as Exclude<TokenTextSource, TokenFunction>, name, clock);
}
