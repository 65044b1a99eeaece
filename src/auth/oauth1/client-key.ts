import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { ConfigurationError } from '../../errors.js';
import {
  checkPassphrase,
  isKeyFile,
  type KeySource,
  readKey,
  readKeyMaterial,
} from '../../providers/keys/key-material.js';

/** The RSA private key of a client: read once, or for each request where a file or a function holds it. */
export class ClientKey {
  readonly #name: string;
  readonly #source: KeySource;
  readonly #fixed: KeyObject | undefined;

  /**
   * @param name the option it was given as, for messages
   * @throws {ConfigurationError} when a key that is given as it is, is no RSA private key
   */
  constructor(name: string, source: KeySource) {
    this.#name = name;
    this.#source = source;
    if (source !== undefined && source !== null) checkPassphrase(source, name);
    this.#fixed = typeof source === 'function' || isKeyFile(source) ? undefined : rsaKeyOf(source, name);
  }

  /**
   * @throws {AuthenticationError} FORGE_AUTH_CREDENTIAL_FAILED when it cannot be read
   * @throws {ConfigurationError} when what was read is no RSA private key
   */
  async read(clock: Clock): Promise<KeyObject> {
    return this.#fixed ?? rsaKeyOf(await readKeyMaterial(this.#source, this.#name, clock), this.#name);
  }
}

function rsaKeyOf(material: Parameters<typeof readKey>[0], name: string): KeyObject {
  const { key } = readKey(material, name);
  if (key.asymmetricKeyType === 'rsa') return key;
  throw new ConfigurationError(`${name} is a key of kind ${String(key.asymmetricKeyType)}. Give an RSA key.`);
}
