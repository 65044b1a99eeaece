import type { Clock } from '../../clock.js';
import { ConfigurationError } from '../../errors.js';
import { checkRequesterOptions, type HttpRequesterOptions } from '../../http/http-requester.js';
import { checkOptions, type OptionRules } from '../../option-check/option-check.js';
import { oneOf, RULES } from '../../option-check/option-rules.js';
import type { ForgeLogger } from '../../logger.js';
import { assertSecureUrl, checkMounted } from '../../providers/grant-options.js';
import type { EncryptionOptions } from '../../storage/encryption.js';
import type { GetSet, TokenStorage } from '../../storage/token-storage.js';
import { type OAuth1SigningOptions, SIGNING_RULES } from './signing-options.js';

/** Options of {@link OAuth1Flow}. */
export interface OAuth1FlowOptions extends OAuth1SigningOptions {
  /** URL at which the first leg gets a request token ("temporary credentials"). */
  requestTokenUrl: string;
  /** URL at which the user is asked for their consent. */
  authorizationUrl: string;
  /** URL at which the last leg gets an access token ("token credentials"). */
  accessTokenUrl: string;
  /** URL that the user is sent back to; `oob`: none, they copy the verifier. @default 'oob' */
  callbackUrl?: string;
  /** Method of the two requests. Some old servers take a GET alone. @default 'POST' */
  method?: 'POST' | 'GET';
  /**
   * A request token of a flow that was begun elsewhere, and is finished here. Left out: the flow begins with
   * `requestToken()`.
   */
  token?: string;
  /** The secret of `token`. Needed with `token`. */
  tokenSecret?: string;
  /**
   * Store of the secrets of request tokens until the users come back, so that any process may take the callback. They
   * are encrypted with the token itself, which only the callback brings, and taken once, within ten minutes.
   * @default the memory of this process
   */
  storage?: TokenStorage | GetSet;
  /** Encrypts what is stored once more. @default not */
  encryption?: EncryptionOptions;
  /** First part of every storage key. @default 'forge-auth' */
  keyPrefix?: string;
  /**
   * Settings of the requests to the server: timeout, TLS, agents. Left out: those of {@link HttpRequesterOptions} by
   * default.
   */
  http?: HttpRequesterOptions;
  /** Logger of failures. @default none: nothing is logged */
  logger?: ForgeLogger;
  /** Source of the time that requests are signed with. @default the machine's own */
  clock?: Clock;
}

const FLOW_RULES: OptionRules<OAuth1FlowOptions> = Object.freeze({
  ...SIGNING_RULES,
  requestTokenUrl: RULES.any, // As all that checkFlowOptions() says more about.
  authorizationUrl: RULES.any,
  accessTokenUrl: RULES.any,
  callbackUrl: RULES.text,
  method: oneOf('POST', 'GET'),
  token: RULES.text,
  tokenSecret: RULES.text,
  storage: RULES.any,
  encryption: RULES.record,
  keyPrefix: RULES.text,
  http: RULES.record,
  logger: RULES.logger,
  clock: RULES.record,
});

/** Texts that may have been read from a file; those that sign are checked with the signing options. */
const MOUNTABLE = [
  'requestTokenUrl',
  'authorizationUrl',
  'accessTokenUrl',
  'callbackUrl',
  'token',
  'tokenSecret',
] as const;

/** @throws {ConfigurationError} naming `owner`, the option and the cure */
export function checkFlowOptions(options: OAuth1FlowOptions, owner: string): void {
  const refuse = (problem: string): ConfigurationError => new ConfigurationError(`${owner}: ${problem}`);
  checkOptions(options, FLOW_RULES, { refuse });
  checkRequesterOptions(options.http, { refuse });
  for (const name of MOUNTABLE) checkMounted(options[name], `${owner}: ${name}`);
  for (const name of ['requestTokenUrl', 'authorizationUrl', 'accessTokenUrl'] as const)
    assertSecureUrl(options[name], name, owner, options.allowInsecure ?? false);
  checkCallbackUrl(options.callbackUrl ?? 'oob', owner);
  if ((options.token === undefined) !== (options.tokenSecret === undefined))
    throw refuse('token and tokenSecret belong together: give both, or neither.');
}

/** @throws {ConfigurationError} unless it is `oob` or an absolute URL; an app's own scheme will do */
export function checkCallbackUrl(url: string, owner: string): void {
  if (url === 'oob' || URL.canParse(url)) return;
  throw new ConfigurationError(`${owner}: callbackUrl must be an absolute URL, or 'oob'.`);
}
