import { ConfigurationError } from '../../errors.js';
import { checkMounted } from '../credential.js';
import type { OptionRules } from '../../option-check/option-check.js';
import { oneOf, RULES } from '../../option-check/option-rules.js';
import type { KeySource } from '../../providers/keys/key-material.js';
import { isFile, type TextSource } from '../../providers/keys/text-source.js';
import { ClientKey } from './client-key.js';
import {
  type OAuth1SignatureMethod,
  type OAuth1SignatureMethodName,
  resolveSignatureMethod,
  type ResolvedSignatureMethod,
} from './signature-method.js';

/** Place where the protocol parameters stand. @see [RFC 5849 §3.5](https://www.rfc-editor.org/rfc/rfc5849#section-3.5) */
export type OAuth1Placement = 'header' | 'query' | 'body';

/** Options of how requests are signed. */
export interface OAuth1SigningOptions {
  /** The client identifier ("consumer key"), or what holds it: a function or a file, read for each request. */
  clientId: TextSource;
  /** The client's shared secret ("consumer secret"), or what holds it. Left out with the RSA methods. */
  clientSecret?: TextSource;
  /** The private key of the RSA methods, or what holds it; needed for them alone. */
  clientKey?: KeySource;
  /** Method of the signature (RFC 5849 §3.4). @default 'HMAC-SHA1' */
  signatureMethod?: OAuth1SignatureMethodName | OAuth1SignatureMethod;
  /**
   * `header`: `Authorization: OAuth …`. `query`: behind the URL's own parameters. `body`: behind those of a form; a
   * request that is no form throws a {@link ConfigurationError}.
   * @default 'header'
   */
  placement?: OAuth1Placement;
  /** Realm named in the header, and there alone; not signed. Left out: none. */
  realm?: string;
  /** Sends `oauth_version`, which is optional. @default not sent */
  version?: '1.0';
  /** A text that was never used before with the same timestamp. @default 128 random bits */
  nonce?: () => string;
  /** Seconds since 1970. @default the time of the machine */
  timestamp?: () => number;
  /** Lets PLAINTEXT send the secrets over plain http to hosts other than this machine. @default false */
  allowInsecure?: boolean;
}

/** Signing options, complete. */
export interface ResolvedSigning {
  readonly owner: string;
  readonly clientId: TextSource;
  readonly clientSecret: TextSource;
  readonly clientKey: ClientKey | undefined;
  readonly method: ResolvedSignatureMethod;
  readonly placement: OAuth1Placement;
  readonly realm: string | undefined;
  readonly version: '1.0' | undefined;
  readonly nonce: (() => string) | undefined;
  readonly timestamp: (() => number) | undefined;
  readonly allowInsecure: boolean;
}

/** The options of {@link OAuth1SigningOptions}. */
export const SIGNING_RULES: OptionRules<OAuth1SigningOptions> = Object.freeze({
  clientId: RULES.any, // As all that resolveSigning() says more about.
  clientSecret: RULES.any,
  clientKey: RULES.any,
  signatureMethod: RULES.any,
  placement: oneOf('header', 'query', 'body'),
  realm: {
    accepts: (value) => typeof value === 'string' && /^[\x20-\x7e]*$/.test(value),
    what: 'a text that a header can carry',
  },
  version: oneOf('1.0'),
  nonce: RULES.function,
  timestamp: RULES.function,
  allowInsecure: RULES.switch,
});

/**
 * Completes options that were checked by {@link SIGNING_RULES}.
 * @throws {ConfigurationError} naming `owner`, the option and the cure
 */
export function resolveSigning(options: OAuth1SigningOptions, owner: string): ResolvedSigning {
  const refuse = (problem: string): ConfigurationError => new ConfigurationError(`${owner}: ${problem}`);
  const { clientId, clientSecret, clientKey, placement = 'header', realm, version, nonce, timestamp } = options;
  const method = resolveSignatureMethod(options.signatureMethod ?? 'HMAC-SHA1', owner);
  checkSource(clientId, `${owner}: clientId`);
  if (clientId === '') throw refuse('clientId must not be empty.');
  if (clientSecret !== undefined || method.needs === 'clientSecret')
    checkSource(clientSecret, `${owner}: clientSecret`);
  if (clientKey === undefined && method.needs === 'clientKey')
    throw refuse(`clientKey is missing. ${method.name} signs with an RSA private key.`);
  return Object.freeze({
    owner,
    clientId,
    clientSecret: clientSecret ?? '',
    clientKey: clientKey === undefined ? undefined : new ClientKey(`${owner}: clientKey`, clientKey),
    method,
    placement,
    realm,
    version,
    nonce,
    timestamp,
    allowInsecure: options.allowInsecure ?? false,
  });
}

/** A secret may be empty, and may hold any character but a line break at its end: it is encoded. @throws {ConfigurationError} */
export function checkSource(source: unknown, what: string): void {
  if (typeof source === 'string') return checkMounted(source, what);
  if (typeof source === 'function' || isFile(source)) return;
  throw new ConfigurationError(
    source === undefined
      ? `${what} is undefined. Is the variable that it is read from set?`
      : `${what} must be a text, a function, or { file }.`,
  );
}
