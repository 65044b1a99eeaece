import { ownJson } from '../../option-check/own-json.js';
import { openText, sealText } from '../../storage/sealed-text.js';
import type { ServiceScope } from '../../token/runtime.js';
import { fingerprintOf } from '../../token/token-key.js';

/** State of a sign-in that was started, until the browser comes back. */
export interface SignInState {
  readonly codeVerifier: string;
  readonly nonce: string;
  /** True when an id_token must come. */
  readonly openid: boolean;
  readonly subject?: string | undefined;
  readonly redirectTo?: string | undefined;
  readonly maxAge?: number | undefined;
}

/** A person who takes longer starts again. */
const TTL_MS = 600_000;
const USED = 'used';
const LEASE_MS = 5_000;
/** Sign-ins under way that could not be stored, and so are known to this process alone. */
const MAX_LOCAL = 10_000;
const PURPOSE = 'sign-in state';

/**
 * Sign-ins under way, in shared storage: any process may take the callback. Each is used once, within ten minutes.
 *
 * Key and ciphertext are made of the `state` parameter, which only the browser has: whoever reads the storage learns
 * nothing of it.
 */
export class SignInStates {
  readonly #scope: ServiceScope;
  /** Distinguishes apps on one storage: a state of another one is none. */
  readonly #owner: readonly string[];
  readonly #local = new Map<string, { text: string; until: number }>();

  constructor(scope: ServiceScope, owner: readonly string[]) {
    this.#scope = scope;
    this.#owner = owner;
  }

  async put(state: string, value: SignInState): Promise<void> {
    const key = this.#key(state);
    const until = this.#scope.clock.now() + TTL_MS;
    const text = sealText(ownJson({ ...value, until }), state, PURPOSE);
    const outcome = await this.#scope.storage()?.writeText(key, text, TTL_MS);
    if (outcome === 'written') return;
    for (const [known, { until: end }] of this.#local) {
      if (end > this.#scope.clock.now() && this.#local.size < MAX_LOCAL) break;
      this.#local.delete(known);
    }
    this.#local.set(key, { text, until });
  }

  /** Returns the sign-in of a `state`, once; undefined where it is unknown, used or too old. */
  async take(state: string, signal: AbortSignal): Promise<SignInState | undefined> {
    const key = this.#key(state);
    const storage = this.#scope.storage();
    const lease = await storage?.acquire(`${key}:lock`, { ttlMs: LEASE_MS, longestMs: LEASE_MS, signal });
    if (lease === 'held') return undefined;
    try {
      const stored = await storage?.readText(key);
      const text = stored ?? this.#local.get(key)?.text;
      this.#local.delete(key);
      if (text === undefined || text === USED) return undefined;
      await storage?.writeText(key, USED, TTL_MS);
      const { until, ...value } = opened(state, text) ?? { until: 0 };
      return this.#scope.clock.now() < until ? (value as SignInState) : undefined;
    } finally {
      if (typeof lease === 'object') await lease.release().catch(() => undefined);
    }
  }

  #key(state: string): string {
    const { keyPrefix, keyName } = this.#scope;
    return `${keyPrefix}:${encodeURIComponent(keyName).slice(0, 64)}:state:${fingerprintOf([...this.#owner, state])}`;
  }
}

/** Undefined for what nobody of ours has written. */
function opened(state: string, text: string): (SignInState & { until: number }) | undefined {
  const plain = openText(text, state, PURPOSE);
  return plain === undefined ? undefined : (JSON.parse(plain) as SignInState & { until: number });
}
