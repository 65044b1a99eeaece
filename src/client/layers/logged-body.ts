import { Readable } from 'node:stream';
import type { HttpHeaders } from '../../http/http-request.js';
import { REDACTED } from '../../redact.js';

/** More of a body than this nobody reads in a log. */
const MAX_CHARACTERS = 2_000;
/** Bodies above this are not even parsed. */
const MAX_BYTES = 65_536;
const MAX_DEPTH = 6;
const MAX_ITEMS = 20;

/** Keys whose values are somebody's secret, wherever they stand in the word. */
const SENSITIVE_KEY =
  /auth|token|secret|passw|pwd|pass(?:phrase|code)|credential|cookie|session|signature|assertion|jwt|bearer|api.?key|private|(?:^|[_-])(?:key|pin|otp|code|nonce|sid|sig|hash|csrf|xsrf)$|[a-z](?:Key|Pin|Otp|Code|Sid|Sig|Hash)$|ssn|iban|card|cvv|cvc|account/i;

/** What is shown of texts: one plain word, or a date. Everything longer may hold anything. */
const HARMLESS_TEXT = /^(?:\p{L}{0,16}|\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))?)$/u;
/** The name of a field, as people give them. */
const HARMLESS_KEY = /^[A-Za-z_$][A-Za-z_$.-]{0,39}\d{0,2}$/;

/** Which keys of a body are masked, and which are shown, beside what is known of keys. Lower-case. */
export interface BodyKeys {
  readonly sensitive: ReadonlySet<string>;
  readonly shown: ReadonlySet<string>;
}

/** What may be shown of a body: JSON and forms redacted by key and by value, of everything else type and size. */
export function describeBody(
  message: { readonly headers: HttpHeaders; readonly body?: string | Buffer | Readable | undefined },
  keys: BodyKeys,
): unknown {
  const { body } = message;
  if (body === undefined || body.valueOf() === '') return undefined;
  if (body instanceof Readable) return '[stream]';
  const label = String(message.headers['content-type'] ?? 'unknown type').split(';', 1)[0] ?? '';
  const size = Buffer.byteLength(body);
  if (size === 0) return undefined;
  const parsed = size > MAX_BYTES ? undefined : parse(body.toString(), label);
  if (parsed === undefined) return `[${size} bytes of ${/^[\w./+-]{1,64}$/.test(label) ? label : 'unknown type'}]`;
  const shown = redact(parsed, keys, 0);
  const text = JSON.stringify(shown);
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}… (${size} bytes)` : shown;
}

function parse(text: string, label: string): unknown {
  if (label.includes('x-www-form-urlencoded')) return Object.fromEntries(new URLSearchParams(text));
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function redact(value: unknown, keys: BodyKeys, depth: number): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'string') return HARMLESS_TEXT.test(value) ? value : REDACTED;
  if (depth >= MAX_DEPTH) return REDACTED;
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => redact(item, keys, depth + 1));
    return value.length > MAX_ITEMS ? [...items, `… ${value.length - MAX_ITEMS} more`] : items;
  }
  return Object.fromEntries(
    Object.entries(value as object).map(([key, child]) => [
      HARMLESS_KEY.test(key) ? key : REDACTED,
      redactField(key, child, keys, depth + 1),
    ]),
  );
}

function redactField(key: string, value: unknown, keys: BodyKeys, depth: number): unknown {
  const name = key.toLowerCase();
  if (SENSITIVE_KEY.test(key) || keys.sensitive.has(name)) return REDACTED;
  return typeof value === 'string' && keys.shown.has(name) ? value : redact(value, keys, depth);
}
