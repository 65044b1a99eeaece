import type { CompactVerifyResult, JSONWebKeySet } from 'jose';
import { type Clock, monotonicNow } from '../../clock.js';
import { AuthenticationError } from '../../errors.js';

/** Fetches the issuer's key set, whatever it is. */
export type FetchKeys = (signal: AbortSignal) => Promise<Readonly<Record<string, unknown>>>;

/** An unknown key may be a new one; a stream of forged tokens must not become a stream of requests. */
const REFETCH_AFTER_MS = 30_000;

/**
 * The keys that an issuer signs with (RFC 7517): fetched when first needed, kept, and fetched once more when a token is
 * signed with a key that is not among them, at most once in 30 seconds.
 */
export class JsonWebKeys {
  readonly #fetch: FetchKeys;
  readonly #clock: Clock;
  #keys: JSONWebKeySet | undefined;
  #fetching: Promise<JSONWebKeySet> | undefined;
  /** Instant at which the keys were last asked for, whether they came or not. */
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(fetch: FetchKeys, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /**
   * Verifies the signature of a compact JWS.
   * @param algorithms the only ones that are accepted
   * @throws {AuthenticationError} FORGE_AUTH_ID_TOKEN_INVALID when no key of the issuer has signed it
   */
  async verify(jwt: string, algorithms: readonly string[], signal: AbortSignal): Promise<CompactVerifyResult> {
    const known = this.#keys;
    const keys = known ?? (await this.#load(signal));
    try {
      return await verifyWith(keys, jwt, algorithms);
    } catch (error) {
      if (known === undefined || !mayBeNewKey(error) || this.#tooEarly()) throw notSigned(error);
    }
    try {
      return await verifyWith(await this.#load(signal), jwt, algorithms);
    } catch (error) {
      throw error instanceof AuthenticationError ? error : notSigned(error);
    }
  }

  #tooEarly(): boolean {
    return this.#fetching === undefined && monotonicNow(this.#clock) - this.#askedAt < REFETCH_AFTER_MS;
  }

  #load(signal: AbortSignal): Promise<JSONWebKeySet> {
    this.#fetching ??= this.#fetchOnce(signal).finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetchOnce(signal: AbortSignal): Promise<JSONWebKeySet> {
    this.#askedAt = monotonicNow(this.#clock);
    const document = await this.#fetch(signal);
    if (!Array.isArray(document['keys'])) throw unusable();
    // Only what is an object can be a key; one that is malformed does no harm to the others.
    const keys = document['keys'].filter((key) => typeof key === 'object' && key !== null && !Array.isArray(key));
    return (this.#keys = { keys } as JSONWebKeySet);
  }
}

async function verifyWith(
  keys: JSONWebKeySet,
  jwt: string,
  algorithms: readonly string[],
): Promise<CompactVerifyResult> {
  const { compactVerify, createLocalJWKSet, errors } = await import('jose');
  const options = { algorithms: [...algorithms] };
  try {
    return await compactVerify(jwt, createLocalJWKSet(keys), options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    // Several keys bear one id, or the token names none: any of them may have signed it.
    for await (const key of error) {
      try {
        return await compactVerify(jwt, key, options);
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** Codes of `jose`'s errors. */
const NEW_KEY: ReadonlySet<unknown> = new Set(['ERR_JWKS_NO_MATCHING_KEY', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED']);

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

/** A key id may be new, or be given to another key than before. */
function mayBeNewKey(error: unknown): boolean {
  return NEW_KEY.has(codeOf(error));
}

function notSigned(error: unknown): AuthenticationError {
  const why =
    codeOf(error) === 'ERR_JWKS_NO_MATCHING_KEY'
      ? 'the issuer has no such key'
      : codeOf(error) === 'ERR_JOSE_ALG_NOT_ALLOWED'
        ? 'its algorithm is not allowed'
        : 'its signature is not the issuer’s';
  return new AuthenticationError(`The token is refused: ${why}.`, { code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
}

function unusable(): AuthenticationError {
  return new AuthenticationError('The issuer’s key set is none: it has no list of keys.', {
    code: 'FORGE_AUTH_ID_TOKEN_INVALID',
    transient: true,
  });
}
