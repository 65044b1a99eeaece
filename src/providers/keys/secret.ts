import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { systemClock } from '../../clock.js';
import { Lazy } from '../../lazy.js';
import { fingerprintOf } from '../../token/token-key.js';
import { readTextSource, type TextSource } from './text-source.js';

/** A secret, a function that reads it (from a vault), or `{ file }`. Read again when the issuer answers `invalid_client`. */
export type SecretSource = TextSource;

const derive = promisify(scrypt) as (password: string, salt: string, length: number) => Promise<Buffer>;

/**
 * As `fingerprintOf`, for what a human may have chosen: passwords can be guessed as fast as a bare hash is computed.
 * @param salt public, the same in every process that is to share the token
 */
export async function slowFingerprintOf(text: string, salt: string): Promise<string> {
  return (await derive(text, salt, 32)).toString('base64url');
}

/** The slow fingerprint of one text, derived once for all who ask, until the text is another one. */
export class SlowFingerprint {
  #text: string | undefined;
  #derived: Promise<string> | undefined;

  /** @param salt as for {@link slowFingerprintOf}; always the same */
  of(text: string, salt: string): Promise<string> {
    if (this.#derived === undefined || this.#text !== text) {
      this.#text = text;
      this.#derived = slowFingerprintOf(text, salt);
    }
    return this.#derived;
  }
}

/** A secret of one bound provider: read once, read again when it may have been rotated. */
export class Secret {
  readonly #source: SecretSource;
  readonly #value: Lazy<string>;
  readonly #slow = new SlowFingerprint();

  /** @param name the option it was given as, for messages */
  constructor(name: string, source: SecretSource, clock = systemClock) {
    this.#source = source;
    this.#value = new Lazy(() => readTextSource(source, name, clock));
  }

  /** The secret's current value. */
  read(): Promise<string> {
    return this.#value.open();
  }

  /** Reads the source again. Returns whether the secret has changed. */
  async reread(): Promise<boolean> {
    if (typeof this.#source === 'string') return false;
    const before = await this.read();
    this.#value.reset();
    return (await this.read()) !== before;
  }

  /** Returns what distinguishes two secrets in a key. */
  async fingerprint(): Promise<string> {
    return fingerprintOf([await this.read()]);
  }

  /**
   * As `fingerprint`, for what a human chose: passwords can be guessed as fast as a bare hash is computed.
   * Computed once per value.
   * @param salt public, the same in every process that is to share the token
   */
  async slowFingerprint(salt: string): Promise<string> {
    return this.#slow.of(await this.read(), salt);
  }
}
