import { ConfigurationError } from '../errors.js';
import { mountedTextFault } from '../option-check/mounted-text.js';
import { checkRequesterOptions, type HttpRequesterOptions, REQUESTER_RULES } from '../http/http-requester.js';
import { TLS_RULES } from '../http/tls-options.js';
import { isRecord, checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import type { RequestRetryStrategy } from '../retry/request-retry.strategy.js';
import { TOKEN_SETTINGS_RULES } from '../token/token-settings.js';
import type { Token } from '../token/token.js';
import { CLIENT_ASSERTION_RULES, CLIENT_RULES, type ClientOptions } from './client-authentication/client-options.js';
import type { Compliance } from './compliance.js';
import type { DpopOptions } from './keys/dpop-key.js';
import { ENDPOINT_OPTIONS, ENDPOINT_RULES, type EndpointOptions } from './issuer/endpoints.js';
import { ASYMMETRIC_ALGORITHMS } from './oidc/asymmetric-algorithms.js';
import { checkTextSource } from './keys/text-source.js';

/** Options that every grant has. One of `tokenUrl` and `issuer` is needed. */
export interface GrantOptions extends ClientOptions, EndpointOptions {
  /**
   * The issuer: its endpoints and client authentications are discovered, once for all providers of it.
   * `'from-resource'`: the service itself names it. Left out: nothing is discovered, and `tokenUrl` is needed.
   * @see [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414), [RFC 9728](https://www.rfc-editor.org/rfc/rfc9728),
   * [OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html)
   */
  issuer?: string;
  /** Scopes, separated by spaces, or a list. Left out: the issuer decides. */
  scope?: string | readonly string[];
  /** Names of the APIs that the token is for, as Auth0, Okta and others ask for it. Left out: none is named. */
  audience?: string | readonly string[];
  /** Resource indicators. Left out: none. @see [RFC 8707](https://www.rfc-editor.org/rfc/rfc8707) */
  resource?: string | readonly string[];
  /** Further parameters of the token request. */
  extraParams?: Readonly<Record<string, string>>;
  /** Takes the place of the grant's own `grant_type`. */
  grantType?: string;
  /**
   * Settings of the requests to the endpoint: timeout, TLS, agents. Nothing is inherited from the service. Left out:
   * those of {@link HttpRequesterOptions} by default.
   */
  http?: HttpRequesterOptions;
  /** Allows a plain-http endpoint that is not on this machine. @default false */
  allowInsecure?: boolean;
  /**
   * Revokes tokens when the application closes. Never those that other processes may go on with: what is kept
   * in a shared storage stays good.
   * @default false
   * @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)
   */
  revokeOnClose?: boolean;
  /**
   * Decides when a token request is sent again, within the deadline of its flight.
   * @default transient failures, 3 attempts
   */
  retry?: RequestRetryStrategy;
  /**
   * Called with every new token before it is used, with the token that it was renewed from and, of a user's token, whose it
   * is. A failure of it is logged.
   */
  onToken?: (token: Token, previous: Token | undefined, about: { subject?: string }) => void | Promise<void>;
  /** Milliseconds that the issuer's clock may be off when an id_token is validated. @default 120_000 */
  clockToleranceMs?: number;
  /** `iss` of id_tokens, where it is not discovered. @default the origin of `tokenUrl` */
  idTokenIssuer?: string;
  /** Algorithms that an id_token may be signed with. @default every one with a public key */
  idTokenAlgorithms?: readonly string[];
  /**
   * Binds tokens to a key, so that nobody else can use them. A key of the app's own is shared by all who have it, and
   * so are the tokens; `true` makes one for this process. Left out: bearer tokens.
   * @see [RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)
   */
  dpop?: true | DpopOptions;
  /** Hooks for an issuer that does not follow the RFCs. Left out: none. */
  compliance?: Compliance;
  /**
   * Distinguishes the tokens of two providers that differ in what no key can hold: hooks, functions, agents, transports.
   * Without it, a token that such an option may change is not shared with other processes.
   */
  identity?: string | readonly string[];
}

const COMPLIANCE_RULES: OptionRules<Compliance> = Object.freeze({
  tokenRequest: RULES.function,
  tokenResponse: RULES.function,
  refreshRequest: RULES.function,
  refreshResponse: RULES.function,
  protectedRequest: RULES.function,
  revokeRequest: RULES.function,
  introspectRequest: RULES.function,
});

const DPOP_RULES: OptionRules<DpopOptions> = Object.freeze({ alg: RULES.text, key: RULES.any });

/** The options that every grant has: spread them into those of a grant, and add its own. */
export const GRANT_RULES: OptionRules<GrantOptions> = Object.freeze({
  ...CLIENT_RULES,
  ...ENDPOINT_RULES,
  issuer: RULES.any, // checkGrantOptions() says more about it.
  scope: RULES.textOrTexts,
  audience: RULES.textOrTexts,
  resource: RULES.textOrTexts,
  extraParams: RULES.record,
  grantType: RULES.text,
  http: RULES.record,
  allowInsecure: RULES.switch,
  revokeOnClose: RULES.switch,
  retry: RULES.requestRetry,
  onToken: RULES.function,
  clockToleranceMs: RULES.delayMs,
  idTokenIssuer: RULES.text,
  idTokenAlgorithms: {
    accepts: (value) =>
      Array.isArray(value) && value.length > 0 && value.every((item) => ASYMMETRIC_ALGORITHMS.includes(item as string)),
    what: `a list of ${ASYMMETRIC_ALGORITHMS.join(', ')}`,
  },
  compliance: RULES.record,
  identity: RULES.identity,
  dpop: { accepts: (value) => value === true || isRecord(value), what: 'true or { alg, key }' },
});

/** Options that are URLs. */
const ADDRESSES = ['issuer' as const, ...ENDPOINT_OPTIONS.map(([option]) => option)];

/** Options that are given, where they are written down: an undefined one was read from a variable that is not set. */
const NEVER_UNDEFINED = ['tokenUrl', 'issuer', 'clientId', 'clientSecret'] as const;

/** Options that are words, or lists of words. */
const WORDS = ['scope', 'audience', 'resource', 'grantType', 'idTokenIssuer'] as const;

/** Places of options that are given to a provider in error. */
const NEARBY = [
  { known: Object.keys(REQUESTER_RULES), as: (name: string) => `http: { ${name}: … }` },
  { known: Object.keys(TLS_RULES), as: (name: string) => `http: { tls: { ${name}: … } }` },
  {
    known: Object.keys(TOKEN_SETTINGS_RULES),
    as: (name: string) => `auth: { provider, ${name}: … }, beside the provider`,
  },
];

/**
 * Checks `options`; the error names the cure.
 * @throws {ConfigurationError}
 */
export function checkGrantOptions<Options extends GrantOptions>(
  options: Options,
  rules: OptionRules<Options>,
  owner: string,
  { warn, clientIsOptional = false }: { warn?: (problem: string) => void; clientIsOptional?: boolean } = {},
): void {
  const refuse = (problem: string): ConfigurationError => new ConfigurationError(`${owner}: ${problem}`);
  const place = { refuse, warn };
  checkOptions(options, rules, { ...place, nearby: NEARBY });
  const { tokenUrl, issuer } = options as Partial<GrantOptions>;
  for (const name of NEVER_UNDEFINED) {
    if (name in options && options[name] === undefined) {
      throw new ConfigurationError(`${owner}: ${name} is undefined. Is the variable that it is read from set?`);
    }
  }
  if ((tokenUrl === undefined) === (issuer === undefined)) {
    throw new ConfigurationError(
      `${owner}: give either tokenUrl or issuer${tokenUrl === undefined ? '' : ', not both'}.`,
    );
  }
  if (options.revokeOnClose === true && issuer === undefined && options.revocationUrl === undefined)
    throw new ConfigurationError(
      `${owner}: revokeOnClose needs to know where to revoke. Give revocationUrl, or issuer in place of tokenUrl.`,
    );
  if (!clientIsOptional || options.clientId !== undefined) checkText(options.clientId, `${owner}: clientId`);
  checkSecret(options.clientSecret, `${owner}: clientSecret`);
  for (const name of ADDRESSES) {
    const url = options[name];
    if (url === undefined) continue;
    checkMounted(url, `${owner}: ${name}`);
    if (!(name === 'issuer' && url === 'from-resource'))
      assertSecureUrl(url, name, owner, options.allowInsecure ?? false);
  }
  for (const name of WORDS) {
    const given = options[name];
    if (given === undefined) continue;
    for (const text of [given].flat()) checkMounted(text, `${owner}: ${name}`);
  }
  if (options.extraParams !== undefined) {
    for (const [name, value] of Object.entries(options.extraParams)) checkText(value, `${owner}: extraParams.${name}`);
  }
  checkRequesterOptions(options.http, place);
  if (options.clientAssertion !== undefined)
    checkOptions(options.clientAssertion, CLIENT_ASSERTION_RULES, { ...place, prefix: 'clientAssertion.' });
  if (isRecord(options.dpop)) checkOptions(options.dpop, DPOP_RULES, { ...place, prefix: 'dpop.' });
  if (options.compliance !== undefined)
    checkOptions(options.compliance, COMPLIANCE_RULES, { ...place, prefix: 'compliance.' });
}

/** @throws {ConfigurationError} unless `value` is a text that is not empty, and without a line break at its end */
export function checkText(value: unknown, what: string): void {
  if (value === undefined)
    throw new ConfigurationError(`${what} is undefined. Is the variable that it is read from set?`);
  if (typeof value !== 'string' || value === '')
    throw new ConfigurationError(`${what} must be a text that is not empty.`);
  checkMounted(value, what);
}

/** @throws {ConfigurationError} when a text was read from a file as it is */
export function checkMounted(text: unknown, what: string): void {
  const fault = typeof text === 'string' ? mountedTextFault(text) : undefined;
  if (fault !== undefined) throw new ConfigurationError(`${what} ${fault}. Was it read from a file? Trim it.`);
}

/** @throws {ConfigurationError} unless `value` is left out, a text that is not empty, a function, or `{ file }` */
export function checkSecret(value: unknown, what: string): void {
  if (value !== undefined) checkTextSource(value, what);
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
