// More than 250 lines: every form in which a key may come, beside the one check that they share.
import { ownJson } from '../option-check/own-json.js';
import { createHash, createPrivateKey, createPublicKey, createSecretKey, KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Clock, systemClock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import { Lazy } from '../lazy.js';
import { mountedText, mountedTextFault } from '../option-check/mounted-text.js';
import { readWithin } from './text-source.js';

/** A private key as JSON Web Key. */
export type PrivateJwk = { readonly kty: string; readonly kid?: string; readonly alg?: string } & Readonly<
  Record<string, unknown>
>;

/** A service account's key file, as Google writes it. */
export interface ServiceAccountKey {
  readonly private_key: string;
  readonly private_key_id?: string;
  readonly client_email?: string;
  readonly token_uri?: string;
}

/**
 * A private key: PEM (PKCS#8, PKCS#1, SEC 1), JSON Web Key, `KeyObject`, a service account's key file (as text or parsed),
 * each of them with the passphrase it is encrypted with, or the file that holds it.
 */
export type KeyMaterial =
  | string
  | Buffer
  | KeyObject
  | PrivateJwk
  | ServiceAccountKey
  | { readonly key: string | Buffer | KeyObject | PrivateJwk | ServiceAccountKey; readonly passphrase?: string }
  | { readonly file: string; readonly passphrase?: string };

/** A private key, or a function that reads it: read again when the issuer refuses what it has signed. */
export type KeySource = KeyMaterial | (() => KeyMaterial | Promise<KeyMaterial>);

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
export function loadKey(material: KeyMaterial, alg: string | undefined, name: string): LoadedKey {
  const { key: given, passphrase } = unwrapped(material);
  const plain = parsed(given);
  const jwk = isJwk(plain) ? plain : undefined;
  const account = isAccount(plain) ? plain : undefined;
  const key = privateKey(account === undefined ? plain : account.private_key, passphrase, name);
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

/** The service account's key file that is given as it is, or in a file; undefined where it is none, or not known yet. */
export function accountOf(source: KeySource | undefined): ServiceAccountKey | undefined {
  if (source === undefined || source === null || typeof source === 'function') return undefined;
  try {
    const given = isKeyFile(source) ? readFileSync(source.file, 'utf8') : unwrapped(source).key;
    const plain = parsed(given);
    return isAccount(plain) ? plain : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A private key of any kind, not yet judged by what it is to sign.
 * @throws {ConfigurationError} naming `name` and the cure, never the key
 */
export function privateKeyOf(material: KeyMaterial, name: string): KeyObject {
  const { key, passphrase } = unwrapped(material);
  const plain = parsed(key);
  return privateKey(isAccount(plain) ? plain.private_key : plain, passphrase, name);
}

/** Reads key material that stands elsewhere: in a file, or where a function finds it. */
export async function readKeyMaterial(source: KeySource, name: string, clock: Clock): Promise<KeyMaterial> {
  const given = typeof source === 'function' ? withMountedPassphrase(await readWithin(source, name, clock)) : source;
  if (!isKeyFile(given)) return given;
  const key = await readWithin(() => readFile(given.file), name, clock);
  return { key, ...(given.passphrase === undefined ? undefined : { passphrase: given.passphrase }) };
}

/** @throws {ConfigurationError} when a passphrase that is given as it is was read from a file */
export function checkPassphrase(source: KeySource, name: string): void {
  const { passphrase } = source as { passphrase?: unknown };
  const fault = typeof passphrase === 'string' ? mountedTextFault(passphrase) : undefined;
  if (fault !== undefined)
    throw new ConfigurationError(`${name}: the passphrase ${fault}. Was it read from a file? Trim it.`);
}

/** A passphrase that a function has read from a file may end in a line break. */
function withMountedPassphrase(material: KeyMaterial): KeyMaterial {
  const { passphrase } = (material ?? {}) as { passphrase?: unknown };
  return typeof passphrase === 'string' && !isJwk(material)
    ? ({ ...(material as object), passphrase: mountedText(passphrase) } as KeyMaterial)
    : material;
}

/** An HMAC key of a client secret. */
export function secretKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret, 'utf8'));
}

/** Checks whether key material is given as a file. */
export function isKeyFile(value: unknown): value is { readonly file: string; readonly passphrase?: string } {
  return typeof (value as { file?: unknown } | null)?.file === 'string';
}

function isJwk(value: unknown): value is PrivateJwk {
  return typeof (value as { kty?: unknown } | null)?.kty === 'string';
}

function isAccount(value: unknown): value is ServiceAccountKey {
  return typeof (value as { private_key?: unknown } | null)?.private_key === 'string';
}

function unwrapped(material: KeyMaterial): { key: unknown; passphrase: string | undefined } {
  const { key, passphrase } = material as { key?: unknown; passphrase?: string };
  const wraps = key !== undefined && !Buffer.isBuffer(material) && !isJwk(material) && !(material instanceof KeyObject);
  return wraps ? { key, passphrase } : { key: material, passphrase: undefined };
}

/** A key file, or a JSON Web Key, may come as text. */
function parsed(given: unknown): unknown {
  if (typeof given !== 'string' && !Buffer.isBuffer(given)) return given;
  const text = mountedText(given.toString('utf8'));
  if (!/^\s*\{/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function privateKey(given: unknown, passphrase: string | undefined, name: string): KeyObject {
  if (given instanceof KeyObject) {
    if (given.type === 'private') return given;
    throw new ConfigurationError(`${name} is a ${given.type} key. Give the private key.`);
  }
  if (isJwk(given)) {
    if (typeof given['d'] !== 'string') throw new ConfigurationError(`${name} is a public JWK. Give the private one.`);
    try {
      return createPrivateKey({ key: given as never, format: 'jwk' });
    } catch {
      throw new ConfigurationError(`${name} is a JWK that cannot be read. Is each of its members whole?`);
    }
  }
  if (typeof given !== 'string') throw new ConfigurationError(`${name} must be a PEM, a JWK, a KeyObject or { file }.`);
  // As it stands in a variable of the environment: one line, with its breaks written out.
  const pem = given.includes('\n') ? given : given.replaceAll('\\n', '\n');
  return privatePem(pem, passphrase, name);
}

function privatePem(pem: string, passphrase: string | undefined, name: string): KeyObject {
  if (/-----BEGIN (?:CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY)-----/.test(pem) && !/PRIVATE KEY-----/.test(pem))
    throw new ConfigurationError(`${name} is a certificate or public key. Give the private key.`);
  const encrypted = /ENCRYPTED/.test(pem);
  if (encrypted && passphrase === undefined)
    throw new ConfigurationError(`${name} is encrypted. Give { key, passphrase }.`);
  try {
    return createPrivateKey({ key: pem, ...(passphrase === undefined ? undefined : { passphrase }) });
  } catch {
    throw new ConfigurationError(
      encrypted
        ? `${name} cannot be decrypted. Is the passphrase the right one?`
        : `${name} is no PEM of a private key. Is it whole, with its first and last line?`,
    );
  }
}

const ALGORITHM_OF_CURVE: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

function usualAlgorithm(key: KeyObject, name: string): string {
  const [usual] = algorithmsOf(key);
  if (usual !== undefined) return usual;
  throw new ConfigurationError(
    `${name} is a key of kind ${String(key.asymmetricKeyType)}, which nothing can be signed with. Give an RSA, EC (P-256, P-384, P-521) or Ed25519 key.`,
  );
}

/** Returns the algorithms that a key can sign with, the usual one first. */
function algorithmsOf(key: KeyObject): readonly string[] {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key;
  if (kind === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
  if (kind === 'rsa-pss') return ['PS256', 'PS384', 'PS512'];
  if (kind === 'ec') return [ALGORITHM_OF_CURVE[details?.namedCurve ?? ''] ?? []].flat();
  return kind === 'ed25519' ? ['EdDSA', 'Ed25519'] : [];
}

function checkAlgorithm(key: KeyObject, alg: string, name: string): void {
  const possible = algorithmsOf(key);
  if (!possible.includes(alg)) {
    throw new ConfigurationError(
      `${name} is a key of kind ${String(key.asymmetricKeyType)}, which cannot sign with ${shownAlg(alg)}. Set alg to ${possible.join(' or ')}, or give another key.`,
    );
  }
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < 2048)
    throw new ConfigurationError(
      `${name} is an RSA key of ${bits} bits. Signatures need 2048 or more (RFC 7518 §3.3).`,
    );
}

function shownAlg(alg: unknown): string {
  return typeof alg === 'string' && /^[A-Za-z]{2,3}\d{0,5}[A-Za-z]{0,4}\d{0,5}$/.test(alg)
    ? alg
    : 'the alg that is set';
}

/** In the order that RFC 7638 §3.2 hashes them. */
function requiredMembers(jwk: Record<string, string>): Record<string, string> {
  const names = { RSA: ['e', 'kty', 'n'], EC: ['crv', 'kty', 'x', 'y'] }[jwk['kty'] ?? ''] ?? ['crv', 'kty', 'x'];
  return Object.fromEntries(names.map((name) => [name, jwk[name] ?? '']));
}
