import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { GRANT_RULES, type GrantOptions } from '../grant-options.js';

/** Reason why the implicit flow is no option. */
export const IMPLICIT_FLOW =
  'the implicit flow is refused: its access token stands in a URL, where histories, logs and other pages can read it, and nothing ties it to whoever asked for it (RFC 9700 §2.1.2). Leave response_type out: the authorization code flow with PKCE works for public clients, too.';

/** Options of `AuthorizationCodeTokenProvider`. */
export interface AuthorizationCodeTokenProviderOptions extends GrantOptions {
  /** URL that the issuer sends the browser back to, as it is registered there. */
  redirectUri: string;
  /** The only flow that there is: any other is refused, with the reason. @default 'code' */
  responseType?: 'code';
  /**
   * Form in which the answer comes back: in the query, or as a form that the browser posts.
   * @default 'query', unsaid
   */
  responseMode?: 'query' | 'form_post';
  /** Prompt that every sign-in asks for, unless it says otherwise. */
  prompt?: string;
  /** Person who is about to sign in, for every authorization request. Left out: the issuer asks. */
  loginHint?: string;
  /** Seconds for which an earlier sign-in of the person counts. Left out: as long as the issuer likes. */
  maxAge?: number;
  /** Further parameters of every authorization request. */
  authorizationParams?: Readonly<Record<string, string>>;
  /** Pushes the request where the issuer takes it. @default true */
  pushAuthorizationRequest?: boolean;
}

const seconds = {
  accepts: (value: unknown) => Number.isInteger(value) && Number(value) >= 0,
  what: 'a whole number of seconds',
};

/** The rules of its options. */
export const CODE_RULES: OptionRules<AuthorizationCodeTokenProviderOptions> = Object.freeze({
  ...GRANT_RULES,
  redirectUri: RULES.any, // grantOf() says more about it.
  responseType: { accepts: (value) => value === 'code', what: "'code'", cure: () => IMPLICIT_FLOW },
  responseMode: { accepts: (value) => value === 'query' || value === 'form_post', what: "'query' or 'form_post'" },
  prompt: RULES.text,
  loginHint: RULES.text,
  maxAge: seconds,
  authorizationParams: RULES.record,
  pushAuthorizationRequest: RULES.switch,
});
