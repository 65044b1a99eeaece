import { scopes } from '../../token/token-key.js';
import type { AuthorizationCodeTokenProviderOptions } from './authorization-code-options.js';

/** Options of one sign-in. */
export interface AuthorizationUrlOptions {
  /** The app's name for the user. Left out, it is the `sub` of the id_token. */
  subject?: string;
  /** Scope of this sign-in. Left out: the provider's own. */
  scope?: string | readonly string[];
  /** Path that the app takes the person to afterwards: comes back from `handleCallback`. Left out: none. */
  redirectTo?: string;
  /** Person who is about to sign in: an address, a telephone number. Left out: the provider's own. */
  loginHint?: string;
  /** `none`, `login`, `consent`, `select_account`, or several of them. Left out: the issuer decides. */
  prompt?: string;
  /** Seconds for which an earlier sign-in of the person counts. Left out: the provider's own. */
  maxAge?: number;
  /** Further parameters of the authorization request. */
  extraParams?: Readonly<Record<string, string>>;
}

/** Values that tie an answer to its request. */
export interface RequestTies {
  readonly state: string;
  readonly nonce: string;
  readonly codeChallenge: string;
  /** Of the key that proves the possession of what comes of it. @see [RFC 9449 §10](https://www.rfc-editor.org/rfc/rfc9449#section-10) */
  readonly dpopThumbprint: string | undefined;
}

/** Checks whether an id_token is to come. */
export function asksForIdToken(scope: string | readonly string[] | undefined): boolean {
  return scope !== undefined && scopes(scope).includes('openid');
}

/** The parameters of an authorization request. @see [RFC 6749 §4.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1) */
export function authorizationParameters(
  options: AuthorizationCodeTokenProviderOptions,
  asked: AuthorizationUrlOptions,
  ties: RequestTies,
): URLSearchParams {
  const { scope = options.scope, prompt = options.prompt, maxAge = options.maxAge, loginHint } = asked;
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id: options.clientId as string,
    redirect_uri: options.redirectUri,
    state: ties.state,
    code_challenge: ties.codeChallenge,
    code_challenge_method: 'S256',
  });
  if (asksForIdToken(scope)) parameters.set('nonce', ties.nonce);
  const single = {
    scope: scope === undefined ? undefined : scopes(scope).join(' '),
    response_mode: options.responseMode,
    prompt,
    max_age: maxAge,
    login_hint: loginHint ?? options.loginHint,
    dpop_jkt: ties.dpopThumbprint,
  };
  for (const [name, value] of Object.entries(single)) if (value !== undefined) parameters.set(name, String(value));
  for (const name of ['audience', 'resource'] as const)
    for (const value of [options[name] ?? []].flat()) parameters.append(name, value);
  for (const [name, value] of Object.entries({ ...options.authorizationParams, ...asked.extraParams }))
    parameters.set(name, value);
  return parameters;
}
