import { checkOptions, isRecord, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { ConfigurationError } from '../errors.js';
import { ownOptions } from '../option-check/own-options.js';

/** Encryption of stored tokens. */
export interface EncryptionOptions {
  /**
   * The first key encrypts, all decrypt: put a new key first, and take the old one away when its tokens have run out.
   * Where processes are replaced one after the other, give them the new key last before first: who cannot read a token asks
   * for one of its own.
   * A key is 32 random bytes, as a Buffer or in base64 (`openssl rand -base64 32`).
   */
  keys: readonly { id: string; key: string | Uint8Array }[];
}

const refuse = (problem: string): ConfigurationError => new ConfigurationError(problem);

const ENCRYPTION_RULES: OptionRules<EncryptionOptions> = Object.freeze({ keys: RULES.any });

const KEY_RULES: OptionRules<EncryptionOptions['keys'][number]> = Object.freeze({ id: RULES.any, key: RULES.any });

/** Marks what we encrypted; whatever starts otherwise is foreign. */
const PREFIX = 'forge-auth.1.';
const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM with the storage key as associated data: a value that was moved to another key, edited, or written by
 * anybody else does not open, and is a miss.
 * @see [NIST SP 800-38D](https://csrc.nist.gov/pubs/sp/800/38/d/final)
 */
export class TokenEncryption {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #first: string;

  /** @throws {ConfigurationError} when there is no key, or one is malformed */
  constructor(options: EncryptionOptions) {
    const given: unknown = (options as Partial<EncryptionOptions> | undefined)?.keys;
    if (!Array.isArray(given) || given.length === 0) throw refused('keys must be a list of at least one { id, key }');
    checkOptions(options, ENCRYPTION_RULES, { refuse, prefix: 'encryption.' });
    const keys = given.map((one: unknown, index): [string, Buffer] => {
      if (isRecord(one)) checkOptions(one, KEY_RULES, { refuse, prefix: `encryption.keys[${index}].` });
      const { id, key } = ownOptions(one as object) as { id?: unknown; key?: unknown };
      return [checkId(id), checkKey(key, checkId(id))];
    });
    this.#keys = new Map(keys);
    if (this.#keys.size < keys.length) throw refused('two keys have the same id');
    this.#first = keys[0]?.[0] ?? '';
  }

  encrypt(storageKey: string, text: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#keys.get(this.#first) as Buffer, iv);
    cipher.setAAD(Buffer.from(storageKey));
    const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${PREFIX}${this.#first}.${sealed.toString('base64url')}`;
  }

  /** The text, or undefined where `value` is not of ours for this storage key. */
  decrypt(storageKey: string, value: string): string | undefined {
    if (!value.startsWith(PREFIX)) return undefined;
    const [id = '', body = ''] = value.slice(PREFIX.length).split('.', 2);
    const key = this.#keys.get(id);
    const sealed = Buffer.from(body, 'base64url');
    if (key === undefined || sealed.length < IV_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV_BYTES));
    decipher.setAAD(Buffer.from(storageKey));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      return undefined;
    }
  }
}

function checkId(id: unknown): string {
  if (typeof id === 'string' && /^[\w-]{1,64}$/.test(id)) return id;
  throw refused('a key has no id of letters, digits, - and _');
}

function checkKey(key: unknown, id: string): Buffer {
  const bytes =
    typeof key === 'string' ? Buffer.from(key, 'base64') : key instanceof Uint8Array ? Buffer.from(key) : undefined;
  if (bytes?.length === KEY_BYTES) return bytes;
  throw refused(`key "${id}" is not of 32 bytes`);
}

function refused(problem: string): ConfigurationError {
  return new ConfigurationError(
    `encryption: ${problem}. A key is 32 random bytes, as openssl rand -base64 32 makes them.`,
  );
}
