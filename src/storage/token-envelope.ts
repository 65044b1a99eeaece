import { ownJson } from '../option-check/own-json.js';

/** A token as it is written down: plain values, whole. Never logged, never part of an error. */
export interface TokenRecord {
  accessToken: string;
  tokenType: string;
  /** Epoch milliseconds. */
  expiresAt?: number;
  refreshToken?: string;
  scope?: string;
  idToken?: string;
  extra?: Record<string, unknown>;
  /** Claims of the id_token, validated when it came. */
  claims?: Record<string, unknown>;
}

/** Value stored under a token's key. */
export interface TokenEnvelope {
  token: TokenRecord;
  /** Instant at which the request that brought the token was started, epoch milliseconds. */
  obtainedAt: number;
  /** Orders writes: a later generation supersedes an earlier one. */
  generation: number;
  /**
   * A tombstone: a service rejected this access token, or an app invalidated it. Its refresh token may still be good,
   * which is why a rejection is never a bare delete.
   */
  rejected?: boolean;
  /**
   * Its refresh token is being sent. Found without anybody holding the lease: nobody knows whether the issuer has
   * seen it, so it is not sent again.
   */
  claimed?: boolean;
}

const VERSION = 1;
/** Generations follow the time of day in milliseconds: none of ours comes near it, and there must be room above. */
export const LATEST_GENERATION = 2 ** 52;
/** Nested deeper, no answer of an issuer is read. */
const DEEPEST = 100;

/** Writes an envelope as one string, so any store with `get` and `set` will do. */
export function encodeEnvelope(envelope: TokenEnvelope): string {
  return ownJson({ v: VERSION, ...envelope });
}

/** Reads an envelope; anything that is none (corrupt, of another version or program) is a miss: undefined. */
export function decodeEnvelope(value: unknown): TokenEnvelope | undefined {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value;
  if (typeof text !== 'string') return undefined;
  let parsed: unknown;
  if (isTooDeep(text)) return undefined;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isEnvelope(parsed)) return undefined;
  const { v: _version, ...envelope } = parsed;
  return envelope;
}

/** Checks for brackets nested so deep that reading or writing may run out of stack. Those in texts count, too. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let index = 0; index < text.length && depth <= DEEPEST; index += 1) {
    const code = text.charCodeAt(index);
    if (code === OPENING_BRACE || code === OPENING_BRACKET) depth += 1;
    else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) depth -= 1;
  }
  return depth > DEEPEST;
}

const [OPENING_BRACE, CLOSING_BRACE, OPENING_BRACKET, CLOSING_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

function isEnvelope(value: unknown): value is TokenEnvelope & { v: number } {
  if (!isObject(value) || value['v'] !== VERSION) return false;
  const { token, obtainedAt, generation, rejected, claimed } = value;
  return (
    Number.isFinite(obtainedAt) &&
    (obtainedAt as number) >= 0 &&
    Number.isSafeInteger(generation) &&
    (generation as number) >= 0 &&
    (generation as number) < LATEST_GENERATION &&
    isOptional('boolean', rejected) &&
    isOptional('boolean', claimed) &&
    isObject(token) &&
    typeof token['accessToken'] === 'string' &&
    token['accessToken'] !== '' &&
    typeof token['tokenType'] === 'string' &&
    (token['expiresAt'] === undefined || Number.isFinite(token['expiresAt'])) &&
    isOptional('string', token['refreshToken']) &&
    isOptional('string', token['scope']) &&
    isOptional('string', token['idToken']) &&
    (token['extra'] === undefined || isObject(token['extra'])) &&
    (token['claims'] === undefined || isObject(token['claims']))
  );
}

function isOptional(type: 'string' | 'boolean', value: unknown): boolean {
  return value === undefined || typeof value === type;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
