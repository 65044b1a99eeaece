import { Token, TokenManager, type TokenLock, type TokenSignal, type TokenStorage } from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';

const HOUR_MS = 3_600_000;

/** A store of many processes, in memory. */
class SharedStore {
  readonly #values = new Map<string, string>();
  readonly #listeners = new Set<(message: string) => void>();

  /** The store as one process sees it. */
  storage(lock: TokenLock): TokenStorage {
    return {
      get: async (key) => this.#values.get(key),
      set: async (key, value) => void this.#values.set(key, value),
      setIfNewer: async (key, value) => this.#values.set(key, value) !== undefined,
      createLock: () => lock,
      createSignal: () => this.#signal(),
    };
  }

  #signal(): TokenSignal {
    return {
      publish: async (_channel, message) => this.#listeners.forEach((listener) => listener(message)),
      subscribe: async (_channel, listener, onStateChange) => {
        this.#listeners.add(listener);
        onStateChange?.(true);
        return () => void this.#listeners.delete(listener);
      },
    };
  }
}

const granting: TokenLock = {
  acquire: async () => ({ generation: Date.now(), extend: async () => true, release: async () => undefined }),
};

describe('a process that is refused the lease', () => {
  const clock = new FakeClock();
  const store = new SharedStore();
  let requests = 0;

  function manager(lock: TokenLock): TokenManager {
    return new TokenManager({
      name: 'orders',
      clock,
      storage: store.storage(lock),
      provider: {
        async fetchToken() {
          requests += 1;
          return new Token({ accessToken: `token-${requests}`, expiresAt: clock.now() + HOUR_MS });
        },
      },
    });
  }

  it('a process that is refused the lease does not wait for an announcement that came before the refusal did', async () => {
    const holder = manager(granting);
    const refused = manager({
      acquire: async () => {
        await holder.getToken();
        return null;
      },
    });
    // No time passes: whoever waited would wait for ever.
    expect((await refused.getToken()).accessToken).toBe('token-1');
    expect(requests).toBe(1);
    await Promise.all([holder.close(), refused.close()]);
  });
});
