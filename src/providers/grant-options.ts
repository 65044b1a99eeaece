import { ConfigurationError } from '../errors.js';
import { checkRequesterOptions, type HttpRequesterOptions } from '../http/http-requester.js';
import { checkOptions, RULES } from '../http/option-rules.js';
import type { RequestRetryStrategy } from '../retry/request-retry.strategy.js';
import type { Token } from '../token/token.js';
import type { ClientOptions } from './client-authentication/client-options.js';
import type { Compliance } from './compliance.js';
import { ENDPOINT_OPTIONS, type EndpointOptions } from './endpoints.js';
import { checkTextSource } from './text-source.js';

/** Options that every grant has. One of `tokenUrl` and `issuer` is needed. */
export interface GrantOptions extends ClientOptions, EndpointOptions {
  /**
   * The issuer: its endpoints and client authentications are discovered, once for all providers of it.
   * @see [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414), [OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html)
   */
  issuer?: string;
  /** Scopes, separated by spaces, or a list. */
  scope?: string | readonly string[];
  /** Names the APIs the token is for, as Auth0, Okta and others ask for it. */
  audience?: string | readonly string[];
  /** Resource indicators. @see [RFC 8707](https://www.rfc-editor.org/rfc/rfc8707) */
  resource?: string | readonly string[];
  /** Further parameters of the token request. */
  extraParams?: Readonly<Record<string, string>>;
  /** Takes the place of the grant's own `grant_type`. */
  grantType?: string;
  /** How the endpoint is reached. Nothing is inherited from the service. */
  http?: HttpRequesterOptions;
  /** Allows a plain-http endpoint that is not on this machine. @default false */
  allowInsecure?: boolean;
  /** When a token request is sent again, within the deadline of its flight. @default transient failures, 3 attempts */
  retry?: RequestRetryStrategy;
  /** Told of every new token before it is used. A failure of it is logged. */
  onToken?: (token: Token, previous: Token | undefined) => void | Promise<void>;
  /** Mends an issuer that does not follow the RFCs. */
  compliance?: Compliance;
}

/** What is wrong with `options`, said so that it can be mended. @throws {ConfigurationError} */
export function checkGrantOptions(options: GrantOptions, owner: string): void {
  const refuse = (problem: string): ConfigurationError => new ConfigurationError(`${owner}: ${problem}`);
  const { tokenUrl, issuer } = options as Partial<GrantOptions>;
  for (const name of ['tokenUrl', 'issuer', 'clientId', 'clientSecret'] as const) {
    if (name in options && options[name] === undefined) {
      throw new ConfigurationError(`${owner}: ${name} is undefined. Is the variable that it is read from set?`);
    }
  }
  if ((tokenUrl === undefined) === (issuer === undefined)) {
    throw new ConfigurationError(
      `${owner}: give either tokenUrl or issuer${tokenUrl === undefined ? '' : ', not both'}.`,
    );
  }
  checkText(options.clientId, `${owner}: clientId`);
  checkSecret(options.clientSecret, `${owner}: clientSecret`);
  for (const name of ['issuer' as const, ...ENDPOINT_OPTIONS.map(([option]) => option)]) {
    const url = options[name];
    if (url !== undefined) assertSecureUrl(url, name, owner, options.allowInsecure ?? false);
  }
  for (const name of ['scope', 'audience', 'resource'] as const) checkTexts(options[name], `${owner}: ${name}`);
  if (options.basicEncoding !== undefined && !['rfc6749', 'raw'].includes(options.basicEncoding)) {
    throw new ConfigurationError(
      `${owner}: basicEncoding must be 'rfc6749' or 'raw', not ${String(options.basicEncoding)}.`,
    );
  }
  checkOptions(options, GRANT_RULES, refuse);
  for (const [name, value] of Object.entries(options.extraParams ?? {}))
    checkText(value, `${owner}: extraParams.${name}`);
  checkRequesterOptions(options.http, refuse);
  for (const [name, hook] of Object.entries(options.compliance ?? {})) {
    if (!Object.hasOwn(HOOKS_OF_COMPLIANCE, name))
      throw refuse(`compliance has no ${name}. Give one of ${Object.keys(HOOKS_OF_COMPLIANCE).join(', ')}.`);
    if (typeof hook !== 'function') throw refuse(`compliance.${name} must be a function.`);
  }
}

const GRANT_RULES = Object.freeze({
  extraParams: RULES.record,
  grantType: RULES.text,
  allowInsecure: RULES.switch,
  retry: RULES.requestRetry,
  onToken: RULES.function,
  compliance: RULES.record,
});

const HOOKS_OF_COMPLIANCE: Readonly<Record<keyof Compliance, true>> = {
  tokenRequest: true,
  tokenResponse: true,
  refreshRequest: true,
  refreshResponse: true,
  revokeRequest: true,
  introspectRequest: true,
};

/** @throws {ConfigurationError} unless `value` is a text that is not empty */
export function checkText(value: unknown, what: string): void {
  if (value === undefined)
    throw new ConfigurationError(`${what} is undefined. Is the variable that it is read from set?`);
  if (typeof value !== 'string' || value === '')
    throw new ConfigurationError(`${what} must be a text that is not empty.`);
}

/** @throws {ConfigurationError} unless `value` is left out, a text that is not empty, a function, or `{ file }` */
export function checkSecret(value: unknown, what: string): void {
  if (value !== undefined) checkTextSource(value, what);
}

function checkTexts(value: unknown, what: string): void {
  if (value === undefined || typeof value === 'string') return;
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw new ConfigurationError(`${what} must be a text or a list of texts.`);
  }
}

const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Secrets do not travel in the clear.
 * @throws {ConfigurationError} when `url` is none, or plain http elsewhere than on this machine
 */
export function assertSecureUrl(url: string, option: string, owner: string, allowInsecure: boolean): void {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new ConfigurationError(`${owner}: ${option} must be an absolute URL, such as https://issuer.example/token.`);
  }
  const { protocol, hostname, username, password } = parsed;
  if (username !== '' || password !== '') {
    throw new ConfigurationError(
      `${owner}: ${option} must not hold a user name or password. Use clientId and clientSecret.`,
    );
  }
  if (protocol === 'https:' || (protocol === 'http:' && (allowInsecure || LOOPBACK.test(hostname)))) return;
  if (protocol !== 'http:') throw new ConfigurationError(`${owner}: ${option} must be an https URL.`);
  throw new ConfigurationError(
    `${owner}: ${option} ${parsed.origin}${parsed.pathname} is plain http: secrets would travel in the clear. Use https, or add\n  allowInsecure: true,\nto the provider's options.`,
  );
}
