import { ownJson } from '../../option-check/own-json.js';
import { type Clock, monotonicNow } from '../../clock.js';
import { AuthenticationError } from '../../errors.js';
import type { GuardedStorage } from '../../storage/guarded-storage.js';
import { fingerprintOf } from '../../token/token-key.js';
import { OAuth1Token } from './oauth1-token.js';
import { checkSubject } from './subject.js';

/** The token of one user, by a name of the app's choosing. */
export interface OAuth1UserToken {
  /**
   * Returns the user's token.
   * @throws {AuthenticationError} FORGE_AUTH_AUTHORIZATION_REQUIRED when the user has not consented
   */
  getToken(): Promise<OAuth1Token>;
  /** Keeps a token that was obtained elsewhere, in place of another one. */
  setToken(token: Pick<OAuth1Token, 'token' | 'tokenSecret'>): Promise<void>;
  /** Returns true when there is a token of the user. */
  has(): Promise<boolean>;
  /** Forgets the token, in every process. The server hears nothing of it. */
  forget(): Promise<void>;
}

/** Options of {@link UserTokens}. */
export interface UserTokensOptions {
  readonly storage: GuardedStorage;
  readonly clock: Clock;
  readonly keyPrefix: string;
  /** Distinguishes the flows of one storage. */
  readonly owner: readonly string[];
}

/** They do not expire: ten years, so that no storage is asked for more than it can count. */
const TTL_MS = 10 * 365 * 24 * 3_600_000;
/** Time after which a change by another process is seen. */
const NEAR_MS = 5_000;
/** Tokens known to this process, the last used of them. */
const MOST_KNOWN = 10_000;
const FORGOTTEN = 'forgotten';
const FORGOTTEN_MS = 60_000;

/** A token, or that there is none, as this process has last seen it. */
interface Known {
  readonly token: OAuth1Token | undefined;
  /** Monotonic milliseconds. */
  readonly at: number;
  /** True when the storage has it. */
  readonly stored: boolean;
}

/** The tokens of users, in shared storage: one that is down is stood in for by what this process has seen. */
export class UserTokens {
  readonly #options: UserTokensOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: UserTokensOptions) {
    this.#options = options;
  }

  /** @throws {InvalidRequestError} when the name is empty */
  forSubject(subject: string): OAuth1UserToken {
    checkSubject(subject);
    const { keyPrefix, owner } = this.#options;
    const key = `${keyPrefix}:oauth1:token:${fingerprintOf([...owner, subject])}`;
    return {
      getToken: async () => {
        const token = await this.#read(key);
        if (token !== undefined) return token;
        throw authorizationRequired(subject);
      },
      setToken: ({ token, tokenSecret }) => this.#write(key, new OAuth1Token(token, tokenSecret)),
      has: async () => (await this.#read(key)) !== undefined,
      forget: () => this.#write(key, undefined),
    };
  }

  async #read(key: string): Promise<OAuth1Token | undefined> {
    const { storage, clock } = this.#options;
    const known = this.#known.get(key);
    if (known?.stored === false) await this.#write(key, known.token);
    if (known !== undefined && (!known.stored || monotonicNow(clock) - known.at < NEAR_MS)) return known.token;
    const text = await storage.readText(key);
    if (text === undefined && storage.failing) return known?.token;
    const token = text === undefined ? undefined : tokenOf(text);
    this.#know(key, token, true);
    return token;
  }

  async #write(key: string, token: OAuth1Token | undefined): Promise<void> {
    const text = token === undefined ? FORGOTTEN : ownJson([token.token, token.tokenSecret]);
    const irreplaceable = token !== undefined;
    const ttlMs = irreplaceable ? TTL_MS : FORGOTTEN_MS;
    const outcome = await this.#options.storage.writeText(key, text, ttlMs, { irreplaceable });
    this.#know(key, token, outcome === 'written');
  }

  #know(key: string, token: OAuth1Token | undefined, stored: boolean): void {
    this.#known.delete(key);
    this.#known.set(key, { token, at: monotonicNow(this.#options.clock), stored });
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > MOST_KNOWN) this.#known.delete(oldest);
  }
}

/** Undefined for what nobody of ours has written. */
function tokenOf(text: string): OAuth1Token | undefined {
  try {
    const [token, tokenSecret] = JSON.parse(text) as unknown[];
    return typeof token === 'string' && typeof tokenSecret === 'string'
      ? new OAuth1Token(token, tokenSecret)
      : undefined;
  } catch {
    return undefined;
  }
}

function authorizationRequired(subject: string): AuthenticationError {
  return new AuthenticationError(
    'OAuth1Flow: there is no token: the user has not consented. Send them to authorizationUrl(), and give the callback to handleCallback().',
    { code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED', transient: false, subject: fingerprintOf([subject]) },
  );
}
