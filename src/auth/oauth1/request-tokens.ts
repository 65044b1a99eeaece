import { ownJson } from '../../option-check/own-json.js';
import type { Clock } from '../../clock.js';
import type { GuardedStorage } from '../../storage/guarded-storage.js';
import { openText, sealText } from '../../storage/sealed-text.js';
import { fingerprintOf } from '../../token/token-key.js';

/** Somebody who takes longer to consent starts again. */
const TTL_MS = 600_000;
const LEASE_MS = 5_000;
/** Stands in the place of a secret that was taken. */
const TAKEN = 'taken';
/** Secrets that could not be stored, and so are known to this process alone. */
const MOST_LOCAL = 10_000;
const PURPOSE = 'OAuth 1.0a request token';

/** Data of a request token until the user comes back. */
export interface PendingToken {
  readonly tokenSecret: string;
  /** User whose consent is asked for. */
  readonly subject?: string | undefined;
}

/** Options of {@link RequestTokens}. */
export interface RequestTokensOptions {
  readonly storage: GuardedStorage;
  readonly clock: Clock;
  readonly keyPrefix: string;
  /** Distinguishes the flows of one storage. */
  readonly owner: readonly string[];
}

/**
 * The secrets of request tokens whose users are asked for their consent, in shared storage: any process may take the
 * callback. Each is taken once, within ten minutes.
 *
 * Key and ciphertext are made of the token, which the callback brings back: whoever reads the storage learns nothing.
 */
export class RequestTokens {
  readonly #options: RequestTokensOptions;
  readonly #local = new Map<string, { readonly sealed: string; readonly until: number }>();

  constructor(options: RequestTokensOptions) {
    this.#options = options;
  }

  async put(token: string, pending: PendingToken): Promise<void> {
    const { storage, clock } = this.#options;
    const key = this.#key(token);
    const until = clock.now() + TTL_MS;
    const sealed = sealText(ownJson({ ...pending, until }), token, PURPOSE);
    if ((await storage.writeText(key, sealed, TTL_MS)) === 'written') return;
    this.#prune();
    this.#local.set(key, { sealed, until });
  }

  /** Takes the data of a token, once; undefined where it is unknown, taken or too old. */
  async take(token: string, signal: AbortSignal): Promise<PendingToken | undefined> {
    const { storage } = this.#options;
    const key = this.#key(token);
    const lease = await storage.acquire(`${key}:lock`, { ttlMs: LEASE_MS, signal });
    if (lease === 'held') return undefined;
    try {
      const stored = (await storage.readText(key)) ?? this.#local.get(key)?.sealed;
      this.#local.delete(key);
      if (stored === undefined || stored === TAKEN) return undefined;
      await storage.writeText(key, TAKEN, TTL_MS);
      return this.#open(stored, token);
    } finally {
      if (typeof lease === 'object') await lease.release().catch(() => undefined);
    }
  }

  #open(sealed: string, token: string): PendingToken | undefined {
    const text = openText(sealed, token, PURPOSE);
    if (text === undefined) return undefined;
    const { until, ...pending } = JSON.parse(text) as PendingToken & { until: number };
    return this.#options.clock.now() < until ? pending : undefined;
  }

  /** The oldest stand first. */
  #prune(): void {
    for (const [key, { until }] of this.#local) {
      if (until > this.#options.clock.now() && this.#local.size < MOST_LOCAL) return;
      this.#local.delete(key);
    }
  }

  #key(token: string): string {
    const { keyPrefix, owner } = this.#options;
    return `${keyPrefix}:oauth1:request-token:${fingerprintOf([...owner, token])}`;
  }
}
