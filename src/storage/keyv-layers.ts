import { ownJson } from '../option-check/own-json.js';
import { systemClock } from '../clock.js';
import { isRedisClient, type RedisClient } from '../redis/redis-connection.js';
import { layersUnder } from './shared-store.js';

/** Layer on the way from a Keyv to its Redis: the Keyv, what it may put between, the adapter at the end. */
export interface KeyvLayer extends Keyv5, Keyv6, Bridge, RedisAdapter {
  readonly namespace?: string;
}

interface Keyv5 {
  readonly useKeyPrefix?: boolean;
  serializeData?(data: KeyvData): Promise<unknown>;
  deserializeData?(written: string): Promise<unknown>;
}

interface Keyv6 {
  readonly sanitize?: { readonly enabled: boolean; cleanKey(key: string): string };
  encode?(data: KeyvData): Promise<unknown>;
  decode?(written: string): Promise<unknown>;
}

/** Layer that Keyv 6 puts before an adapter that was made for Keyv 5. */
interface Bridge {
  getKeyPrefix?(key: string, namespace?: string): string;
}

/** An adapter for Redis or Valkey. */
interface RedisAdapter {
  readonly client?: RedisClient;
  readonly redis?: RedisClient;
  createKeyPrefix?(key: string, namespace?: string): string;
  /** Returns the prefixed key, in `@keyv/valkey`. */
  _getKeyName?(key: string): string;
}

/** Value as Keyv writes it. */
interface KeyvData {
  value: unknown;
  expires: number | undefined;
}

/**
 * The layers from a cache's store to its Redis, outermost first; none where it does not stand on one, or writes no text.
 *
 * There may be more than one Keyv: Nest wraps a Keyv 6 in its own Keyv 5.
 */
export function layersOf(store: unknown): readonly KeyvLayer[] {
  const layers: KeyvLayer[] = [];
  for (const layer of layersUnder(store) as Iterable<KeyvLayer>) {
    layers.push(layer);
    if (clientOf(layer) !== undefined) return layers.some(isKeyv) ? layers : [];
  }
  return [];
}

/** The client of an adapter. */
export function clientOf({ client, redis }: KeyvLayer): RedisClient | undefined {
  return [client, redis].find(isRedisClient);
}

/** A key as it stands in Redis. */
export function keyIn(layers: readonly KeyvLayer[], key: string): string {
  return layers.reduce((inner, layer) => {
    if (layer.serializeData !== undefined) return keyv5Key(layer, inner);
    if (layer.sanitize !== undefined) return layer.sanitize.enabled ? layer.sanitize.cleanKey(inner) : inner;
    const name = layer.createKeyPrefix ?? layer.getKeyPrefix ?? layer['_getKeyName'];
    return name?.call(layer, inner, layer.namespace) ?? inner;
  }, key);
}

/** A value as it stands in Redis. */
export async function encodedBy(
  layers: readonly KeyvLayer[],
  value: string,
  expires: number | undefined,
): Promise<string> {
  let text = value;
  for (const keyv of layers.filter(isKeyv)) {
    const data = { value: text, expires };
    const encoded = await (keyv.encode?.(data) ?? keyv.serializeData?.(data));
    text = typeof encoded === 'string' ? encoded : ownJson(encoded);
  }
  return text;
}

/** The value in what stands in Redis; undefined where it is of another program, or has run out. */
export async function decodedBy(layers: readonly KeyvLayer[], written: unknown): Promise<unknown> {
  let inner = written;
  for (const keyv of layers.filter(isKeyv).toReversed()) {
    if (typeof inner !== 'string') return undefined;
    try {
      const decoded = await (keyv.decode?.(inner) ?? keyv.deserializeData?.(inner));
      const { value, expires } = (typeof decoded === 'string' ? JSON.parse(decoded) : decoded) as Partial<KeyvData>;
      if (typeof expires === 'number' && expires < systemClock.now()) return undefined;
      inner = value;
    } catch {
      return undefined;
    }
  }
  return inner;
}

function isKeyv({ serializeData, deserializeData, encode, decode }: KeyvLayer): boolean {
  const [writes, reads] = encode === undefined ? [serializeData, deserializeData] : [encode, decode];
  return typeof writes === 'function' && typeof reads === 'function';
}

function keyv5Key({ namespace, useKeyPrefix }: KeyvLayer, key: string): string {
  const prefixed = useKeyPrefix !== false && namespace !== undefined && namespace !== '';
  return prefixed && !key.startsWith(`${namespace}:`) ? `${namespace}:${key}` : key;
}
