import { createPrivateKey, type JsonWebKey, KeyObject, type PrivateKeyInput } from 'node:crypto';
import { ConfigurationError } from '../../errors.js';
import { isRecord } from '../../option-check.js';

/** An RSA private key: PEM, JWK, KeyObject, or PEM and its passphrase. */
export type OAuth1ClientKey = string | Buffer | JsonWebKey | KeyObject | { key: string | Buffer; passphrase: string };

/** A key, or a function that reads it for each request: from a file, a vault. */
export type OAuth1ClientKeySource = OAuth1ClientKey | (() => OAuth1ClientKey | Promise<OAuth1ClientKey>);

/** @throws {ConfigurationError} when nothing can be made of it, or it is no RSA private key; it is not quoted */
export function clientKeyOf(given: OAuth1ClientKey, owner: string): KeyObject {
  const key = parse(given);
  if (key?.type === 'private' && key.asymmetricKeyType === 'rsa') return key;
  throw new ConfigurationError(
    `${owner}: clientKey must be an RSA private key, as PEM, JWK, KeyObject or { key, passphrase }.`,
  );
}

function parse(given: unknown): KeyObject | undefined {
  try {
    if (given instanceof KeyObject) return given;
    if (isRecord(given) && 'kty' in given) return createPrivateKey({ key: given as JsonWebKey, format: 'jwk' });
    return createPrivateKey(given as PrivateKeyInput | string | Buffer);
  } catch {
    return undefined;
  }
}
