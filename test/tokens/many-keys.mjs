// Asks for the tokens of many keys, and tells what is left of it.
// Usage: node --expose-gc many-keys.mjs <entry of the package> <alone | fleet> <keys>
const [entry, where, count] = process.argv.slice(2);
const keys = Number(count);

const timers = new Set();
const { setTimeout: start, clearTimeout: stop } = globalThis;
globalThis.setTimeout = (task, ms, ...args) => {
  const timer = start((...given) => (timers.delete(timer), task(...given)), ms, ...args);
  timers.add(timer);
  return timer;
};
globalThis.clearTimeout = (timer) => (timers.delete(timer), stop(timer));

const { InMemoryTokenStorage, Token, TokenManager } = await import(entry);

/** A storage that locks and announces, as Redis does, and counts who listens. */
class FleetStorage extends InMemoryTokenStorage {
  listeners = new Set();
  #held = new Set();
  #generation = Date.now();

  createLock() {
    return {
      acquire: async (key) => {
        if (this.#held.has(key)) return null;
        this.#held.add(key);
        const release = async () => void this.#held.delete(key);
        return { generation: (this.#generation += 1), extend: async () => true, release };
      },
    };
  }

  createSignal() {
    return {
      publish: async (_channel, message) => this.listeners.forEach((listener) => listener(message)),
      subscribe: async (_channel, listener, onStateChange) => {
        this.listeners.add(listener);
        onStateChange(true);
        return () => this.listeners.delete(listener);
      },
    };
  }
}

let fetched = 0;
const provider = {
  async fetchToken({ request }) {
    fetched += 1;
    return new Token({ accessToken: `${request.subjectToken}-${'x'.repeat(500)}`, expiresAt: Date.now() + 3_600_000 });
  },
};
const storage = where === 'fleet' ? new FleetStorage() : new InMemoryTokenStorage();
const manager = new TokenManager({ name: 'many', provider, storage });
await manager.getToken();

async function askFor(first, last, atOnce) {
  for (let next = first; next < last; next += atOnce) {
    const subjects = Array.from({ length: Math.min(atOnce, last - next) }, (_, index) => `user-${next + index}`);
    await Promise.all(subjects.map((subjectToken) => manager.getToken({ subjectToken })));
  }
}

async function heapUsed() {
  for (let turns = 0; turns < 3; turns += 1) {
    await new Promise((resolve) => start(resolve, 50));
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

await askFor(0, keys / 2, 100);
const heap = [await heapUsed()];
await askFor(keys / 2, keys, 100);
heap.push(await heapUsed());
const idle = timers.size;
// All at once: none of them may be forgotten while it is under way.
await askFor(keys, keys + 25_000, 25_000);
await askFor(keys + 25_000, keys + 50_000, 100);
heap.push(await heapUsed());

const unloaded = fetched;
await askFor(keys + 49_000, keys + 50_000, 100);
const kept = fetched === unloaded;
await askFor(0, 100, 100);
const forgotten = fetched - unloaded;
process.send({ heap, timers: idle, fetched: unloaded, kept, forgotten, stored: storage.size });
await manager.close();
