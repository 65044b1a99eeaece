import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { AuthenticationError } from '../errors.js';
import { fingerprintOf } from '../token/token-key.js';

/** A secret, or a function that reads it: from a file, a vault. Read again when the issuer answers `invalid_client`. */
export type SecretSource = string | (() => string | Promise<string>);

const derive = promisify(scrypt) as (password: string, salt: string, length: number) => Promise<Buffer>;

/** A secret of one bound provider: read once, read again when it may have been rotated. */
export class Secret {
  readonly #name: string;
  readonly #source: SecretSource;
  #value: Promise<string> | undefined;
  #fingerprint: { readonly of: string; readonly value: string } | undefined;

  /** @param name the option it was given as, for messages */
  constructor(name: string, source: SecretSource) {
    this.#name = name;
    this.#source = source;
  }

  /** The secret's current value. */
  read(): Promise<string> {
    this.#value ??= this.#ask().catch((error: unknown) => {
      this.#value = undefined;
      throw error;
    });
    return this.#value;
  }

  /** Reads the source again. Answers whether the secret has changed. */
  async reread(): Promise<boolean> {
    if (typeof this.#source === 'string') return false;
    const before = await this.read();
    this.#value = undefined;
    return (await this.read()) !== before;
  }

  /** What tells two secrets apart in a key. */
  async fingerprint(): Promise<string> {
    return fingerprintOf([await this.read()]);
  }

  /**
   * As `fingerprint`, for what a human chose: passwords can be guessed as fast as a bare hash is computed.
   * Computed once per value.
   * @param salt public, the same in every process that is to share the token
   */
  async slowFingerprint(salt: string): Promise<string> {
    const value = await this.read();
    if (this.#fingerprint?.of !== value) {
      this.#fingerprint = { of: value, value: (await derive(value, salt, 32)).toString('base64url') };
    }
    return this.#fingerprint.value;
  }

  async #ask(): Promise<string> {
    let value: unknown;
    try {
      value = typeof this.#source === 'string' ? this.#source : await this.#source();
    } catch (cause) {
      throw new AuthenticationError(`${this.#name} could not be read: its function threw.`, {
        code: 'FORGE_AUTH_CREDENTIAL_FAILED',
        cause,
        transient: true,
      });
    }
    if (typeof value === 'string' && value !== '') return value;
    throw new AuthenticationError(`${this.#name} could not be read: its function answered no text.`, {
      code: 'FORGE_AUTH_CREDENTIAL_FAILED',
    });
  }
}
