import type { webcrypto } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** A key that signs, and its public half. */
interface SigningKey {
  readonly kid: string;
  readonly sign: webcrypto.CryptoKey;
  readonly jwk: JWK;
}

/** The keys of an issuer: the first signs, the others are still published. Made when they are first needed. */
export class IssuerKeys {
  #keys: Promise<SigningKey>[] = [];
  #made = 0;

  /** Public keys, as a JWK Set. @see [RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5) */
  async jwks(): Promise<{ keys: JWK[] }> {
    await this.#current();
    return { keys: (await Promise.all(this.#keys)).map(({ jwk }) => jwk) };
  }

  async sign(claims: JWTPayload, typ = 'JWT'): Promise<string> {
    const { kid, sign } = await this.#current();
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, typ }).sign(sign);
  }

  /** Signs with a new key from now on. @param keepOld whether the former ones are still published */
  async rotate(keepOld: boolean): Promise<void> {
    const key = this.#create();
    this.#keys = [key, ...(keepOld ? this.#keys : [])];
    await key;
  }

  #create(): Promise<SigningKey> {
    this.#made += 1;
    return createKey(`test-key-${this.#made}`);
  }

  #current(): Promise<SigningKey> {
    const [current] = this.#keys;
    if (current !== undefined) return current;
    const key = this.#create();
    this.#keys = [key];
    return key;
  }
}

async function createKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  return { kid, sign: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } };
}
