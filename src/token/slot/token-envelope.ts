import { ownJson } from '../../option-check/own-json.js';
import type { TokenRecord } from '../token-record.js';
import { Token } from '../token.js';
import type { StoredToken } from './stored-token.js';

/** Value stored under a token's key: a stored token in plain values. */
export interface TokenEnvelope extends Omit<StoredToken, 'token'> {
  readonly token: TokenRecord;
}

const VERSION = 1;
/** Generations follow the time of day in milliseconds: none of ours comes near it, and there must be room above. */
const LATEST_GENERATION = 2 ** 52;
/** Generations follow the time of day: no clock is a century off. */
const FARTHEST_AHEAD_MS = 100 * 365 * 24 * 3_600_000;
/** Nested deeper, no answer of an issuer is read. */
const DEEPEST = 100;

/** Names what is written down: a token in use has more beside it, which is this process's own. */
export function envelopeOf({ token, obtainedAt, generation, rejected, claimed }: StoredToken): TokenEnvelope {
  return {
    token: Token.record(token),
    obtainedAt,
    generation,
    ...(rejected === undefined ? undefined : { rejected }),
    ...(claimed === undefined ? undefined : { claimed }),
  };
}

/** Writes an envelope as one string, so any store with `get` and `set` will do. */
export function encodeEnvelope(envelope: TokenEnvelope): string {
  return ownJson({ v: VERSION, ...envelope });
}

/**
 * Reads an envelope; anything that is none (corrupt, of another version or program) is a miss: undefined.
 * @param now epoch milliseconds: an envelope from too far ahead is none. @default no matter when it was written
 */
export function decodeEnvelope(value: unknown, now = Number.POSITIVE_INFINITY): TokenEnvelope | undefined {
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
  // Nothing of ours comes from so far ahead: what does would have no room for a later one.
  return Math.max(envelope.generation, envelope.obtainedAt) < now + FARTHEST_AHEAD_MS ? envelope : undefined;
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
