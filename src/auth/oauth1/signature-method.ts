import { createHmac, type KeyObject, sign } from 'node:crypto';
import { ConfigurationError } from '../../errors.js';
import { isRecord } from '../../option-check/option-check.js';

/** The signature methods that are built in. */
export type OAuth1SignatureMethodName =
  'HMAC-SHA1' | 'HMAC-SHA256' | 'HMAC-SHA512' | 'RSA-SHA1' | 'RSA-SHA256' | 'RSA-SHA512' | 'PLAINTEXT';

/** Hashes that a body's hash may be made with. */
export type OAuth1BodyHash = 'sha1' | 'sha256' | 'sha512';

/** Keys that a signature may be made with, beside the base string. */
export interface OAuth1SigningKeys {
  /** As given to `OAuth1Auth`; empty where there is none. */
  readonly clientSecret: string;
  /** As given to `OAuth1Auth`; empty where there is none. */
  readonly tokenSecret: string;
  /** The private key, where one was given. */
  readonly clientKey: KeyObject | undefined;
}

/** A signature method of one's own. */
export interface OAuth1SignatureMethod {
  /** Sent as `oauth_signature_method`. */
  readonly name: string;
  /**
   * Signs a request.
   * @param baseString the signature base string (RFC 5849 §3.4.1)
   * @param key client secret and token secret, each percent-encoded, joined by `&` (RFC 5849 §3.4.2)
   * @returns the signature, not yet percent-encoded
   */
  sign(baseString: string, key: string, keys: OAuth1SigningKeys): string | Promise<string>;
  /** Hash of `oauth_body_hash`. @default 'sha1' */
  readonly bodyHash?: OAuth1BodyHash;
}

/** A signature method, and what it needs. */
export interface ResolvedSignatureMethod extends OAuth1SignatureMethod {
  readonly needs: 'clientSecret' | 'clientKey' | 'nothing';
  readonly bodyHash: OAuth1BodyHash;
}

/** @see [RFC 5849 §3.4.2](https://www.rfc-editor.org/rfc/rfc5849#section-3.4.2) */
function hmac(name: string, hash: OAuth1BodyHash): ResolvedSignatureMethod {
  return {
    name,
    needs: 'clientSecret',
    bodyHash: hash,
    sign: (baseString, key) => createHmac(hash, key).update(baseString).digest('base64'),
  };
}

/** RSASSA-PKCS1-v1_5. @see [RFC 5849 §3.4.3](https://www.rfc-editor.org/rfc/rfc5849#section-3.4.3) */
function rsa(name: string, hash: OAuth1BodyHash): ResolvedSignatureMethod {
  return {
    name,
    needs: 'clientKey',
    bodyHash: hash,
    sign: (baseString, _key, { clientKey }) =>
      sign(hash, Buffer.from(baseString), clientKey as KeyObject).toString('base64'),
  };
}

/** The secrets themselves. @see [RFC 5849 §3.4.4](https://www.rfc-editor.org/rfc/rfc5849#section-3.4.4) */
export const PLAINTEXT: ResolvedSignatureMethod = Object.freeze({
  name: 'PLAINTEXT',
  needs: 'clientSecret',
  bodyHash: 'sha1',
  sign: (_baseString: string, key: string) => key,
});

const METHODS: ReadonlyMap<string, ResolvedSignatureMethod> = new Map(
  [
    hmac('HMAC-SHA1', 'sha1'),
    hmac('HMAC-SHA256', 'sha256'),
    hmac('HMAC-SHA512', 'sha512'),
    rsa('RSA-SHA1', 'sha1'),
    rsa('RSA-SHA256', 'sha256'),
    rsa('RSA-SHA512', 'sha512'),
    PLAINTEXT,
  ].map((method) => [method.name, method]),
);

/** @throws {ConfigurationError} when it is neither the name of a method nor a method */
export function resolveSignatureMethod(
  given: OAuth1SignatureMethodName | OAuth1SignatureMethod,
  owner: string,
): ResolvedSignatureMethod {
  if (typeof given === 'string') {
    const method = METHODS.get(given);
    if (method !== undefined) return method;
  } else if (isRecord(given) && typeof given.sign === 'function' && isName(given.name)) {
    const { name, bodyHash = 'sha1' } = given;
    return { name, bodyHash, needs: 'nothing', sign: (...args) => given.sign(...args) };
  }
  throw new ConfigurationError(
    `${owner}: signatureMethod must be one of ${[...METHODS.keys()].join(', ')}, or { name, sign }.`,
  );
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && /^[\x21-\x7e]+$/.test(name);
}
