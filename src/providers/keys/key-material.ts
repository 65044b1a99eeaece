import { createPrivateKey, KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../clock.js';
import { ConfigurationError } from '../../errors.js';
import { mountedText, mountedTextFault } from '../../option-check/mounted-text.js';
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

/** A private key, and the form in which it came. */
export interface GivenKey {
  readonly key: KeyObject;
  /** The JSON Web Key that it was, where it was one. */
  readonly jwk: PrivateJwk | undefined;
  /** The key file that it stood in, where it was one. */
  readonly account: ServiceAccountKey | undefined;
}

/**
 * Reads a private key of any kind and form; it is not judged by what it is to sign.
 * @throws {ConfigurationError} naming `name` and the cure, never the key
 */
export function readKey(material: KeyMaterial, name: string): GivenKey {
  const { key: given, passphrase } = unwrapped(material);
  const plain = parsed(given);
  const account = isAccount(plain) ? plain : undefined;
  return {
    key: privateKey(account === undefined ? plain : account.private_key, passphrase, name),
    jwk: isJwk(plain) ? plain : undefined,
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
