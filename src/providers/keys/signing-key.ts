import { createHash, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { systemClock } from '../../clock.js';
import { ConfigurationError } from '../../errors.js';
import { Lazy } from '../../lazy.js';
import { ownJson } from '../../option-check/own-json.js';
import {
  checkPassphrase,
  isKeyFile,
  type KeyMaterial,
  type KeySource,
  readKey,
  readKeyMaterial,
  type ServiceAccountKey,
} from './key-material.js';
import { checkAlgorithm, usualAlgorithm } from './signing-algorithm.js';

/** A private key that is ready to sign. */
export interface LoadedKey {
  readonly key: KeyObject;
  /** JWS algorithm. */
  readonly alg: string;
  /** Key id, where the material names one. */
  readonly kid: string | undefined;
  /** The public half as JSON Web Key, its required members alone. */
  readonly publicJwk: Readonly<Record<string, string>>;
  /** @see [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638) */
  readonly thumbprint: string;
  /** The key file that it stood in, where it was one. */
  readonly account: ServiceAccountKey | undefined;
}

/** A private key of one bound provider: loaded once, again when it may have been rotated. */
export class SigningKey {
  readonly #source: KeySource;
  readonly #loaded: Lazy<LoadedKey>;

  /**
   * @param name the option it was given as, for messages
   * @param alg JWS algorithm; left out, the material's own, else the usual one of its kind
   * @throws {ConfigurationError} when a key that is given as it is cannot be used
   */
  constructor(name: string, source: KeySource, alg: string | undefined, clock = systemClock) {
    this.#source = source;
    if (source === undefined || source === null)
      throw new ConfigurationError(`${name} is undefined. Is the variable that it is read from set?`);
    checkPassphrase(source, name);
    this.#loaded = isReadAgain(source)
      ? new Lazy(async () => loadKey(await readKeyMaterial(source, name, clock), alg, name))
      : Lazy.of(loadKey(source, alg, name));
  }

  /** @throws {ConfigurationError} when the key cannot be used with the algorithm */
  read(): Promise<LoadedKey> {
    return this.#loaded.open();
  }

  /** Reads the source again. Returns whether the key has changed. */
  async reread(): Promise<boolean> {
    if (!isReadAgain(this.#source)) return false;
    const before = await this.read();
    this.#loaded.reset();
    return (await this.read()).thumbprint !== before.thumbprint;
  }
}

/** Checks whether a key may be another one the next time. */
function isReadAgain(source: KeySource): source is Exclude<KeySource, KeyMaterial> {
  return typeof source === 'function' || isKeyFile(source);
}

/** @throws {ConfigurationError} naming `name` and the cure, never the key */
function loadKey(material: KeyMaterial, alg: string | undefined, name: string): LoadedKey {
  const { key, jwk, account } = readKey(material, name);
  const chosen = alg ?? jwk?.alg ?? usualAlgorithm(key, name);
  checkAlgorithm(key, chosen, name);
  const publicJwk = requiredMembers(createPublicKey(key).export({ format: 'jwk' }) as Record<string, string>);
  return {
    key,
    alg: chosen,
    kid: jwk?.kid ?? account?.private_key_id,
    publicJwk,
    thumbprint: createHash('sha256').update(ownJson(publicJwk)).digest('base64url'),
    account,
  };
}

/** An HMAC key of a client secret. */
export function secretKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret, 'utf8'));
}

/** In the order that RFC 7638 §3.2 hashes them. */
function requiredMembers(jwk: Record<string, string>): Record<string, string> {
  const names = { RSA: ['e', 'kty', 'n'], EC: ['crv', 'kty', 'x', 'y'] }[jwk['kty'] ?? ''] ?? ['crv', 'kty', 'x'];
  return Object.fromEntries(names.map((name) => [name, jwk[name] ?? '']));
}
