/** A cache of cache-manager, or a Cacheable. */
interface Layered {
  readonly stores?: unknown;
  readonly primary?: unknown;
  readonly secondary?: unknown;
}

/**
 * Returns the most shared store of a cache: cache-manager's last, a Cacheable's secondary one, and of those
 * that have one store alone, that one. What stands above it answers a token that another process has already replaced.
 */
export function sharedStoreOf(cache: unknown): unknown {
  const { stores, primary, secondary } = (cache ?? {}) as Layered;
  if (Array.isArray(stores)) return sharedStoreOf(stores.at(-1));
  return primary === undefined ? cache : sharedStoreOf(secondary ?? primary);
}

/** A store and what it stands on, outermost first: a Keyv, its adapter, and what may be between or below. */
export function* layersUnder(store: unknown): Generator<object> {
  const seen = new Set<unknown>();
  let layer = store;
  while (typeof layer === 'object' && layer !== null && !seen.has(layer)) {
    yield layer;
    seen.add(layer);
    const { opts, store: inner } = layer as { opts?: { store?: unknown }; store?: unknown };
    layer = opts?.store ?? inner;
  }
}

/** Checks whether a store stands on a Map of this process: that shares nothing. */
export function standsOnMap(store: unknown): boolean {
  return [...layersUnder(store)].some((layer) => layer instanceof Map);
}

/** Checks whether a store stands on a Memcached, by the client that `@keyv/memcache` has. */
export function standsOnMemcached(store: unknown): boolean {
  return [...layersUnder(store)].some((layer) => {
    const { client } = layer as { client?: { servers?: unknown } };
    return Array.isArray(client?.servers);
  });
}
