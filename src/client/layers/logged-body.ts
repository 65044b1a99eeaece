import { ownJson } from '../../option-check/own-json.js';
import { Readable } from 'node:stream';
import type { HttpHeaders } from '../../http/http-request.js';
import { isSecret } from '../../redaction/echoed-secret.js';
import { REDACTED } from '../../redaction/redact.js';

/** More of a body than this nobody reads in a log. */
const MAX_CHARACTERS = 2_000;
/** Bodies above this are not even parsed. */
const MAX_BYTES = 65_536;
const MAX_DEPTH = 6;
const MAX_ITEMS = 20;

/** Keys whose values are masked even if somebody lists them. */
const SENSITIVE_KEY =
  /auth(?!or)|token|secret|passw|pwd|passphrase|passcode|credential|cookie|assertion|signature|jwt|bearer|api.?key|private/i;

/** The name of a field, as people give them. */
const HARMLESS_KEY = /^[A-Za-z_$][A-Za-z_$.-]{0,39}\d{0,2}$/;

/** Keys of a body that are masked, and whose texts and numbers are shown. Lower-case. */
export interface BodyKeys {
  readonly sensitive: ReadonlySet<string>;
  readonly shown: ReadonlySet<string>;
}

/**
 * Describes a body for the log: of JSON and forms keys, types and sizes, and the texts and numbers of the keys that
 * are listed; of everything else type and size.
 * @param secrets of the call: masked in what is listed, too
 */
export function describeBody(
  message: { readonly headers: HttpHeaders; readonly body?: string | Buffer | Readable | undefined },
  keys: BodyKeys,
  secrets: readonly string[] = [],
): unknown {
  const { body } = message;
  if (body === undefined || body.valueOf() === '') return undefined;
  if (body instanceof Readable) return '[stream]';
  const label = String(message.headers['content-type'] ?? 'unknown type').split(';', 1)[0] ?? '';
  const size = Buffer.byteLength(body);
  if (size === 0) return undefined;
  const parsed = size > MAX_BYTES ? undefined : parse(body.toString(), label);
  if (parsed === undefined) return `[${size} bytes of ${/^[\w./+-]{1,64}$/.test(label) ? label : 'unknown type'}]`;
  const shown = describe(parsed, keys, secrets, 0);
  const text = ownJson(shown);
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

function describe(value: unknown, keys: BodyKeys, secrets: readonly string[], depth: number): unknown {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return '[number]';
  if (typeof value === 'string') return `[text of ${value.length}]`;
  if (depth >= MAX_DEPTH) return Array.isArray(value) ? `[list of ${value.length}]` : '[object]';
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => describe(item, keys, secrets, depth + 1));
    return value.length > MAX_ITEMS ? [...items, `… ${value.length - MAX_ITEMS} more`] : items;
  }
  return Object.fromEntries(
    Object.entries(value as object).map(([key, child]) => [
      HARMLESS_KEY.test(key) && !isSecret(key, secrets) ? key : REDACTED,
      describeField(key, child, keys, secrets, depth + 1),
    ]),
  );
}

function describeField(
  key: string,
  value: unknown,
  keys: BodyKeys,
  secrets: readonly string[],
  depth: number,
): unknown {
  const name = key.toLowerCase();
  if (SENSITIVE_KEY.test(key) || keys.sensitive.has(name)) return REDACTED;
  if (!keys.shown.has(name)) return describe(value, keys, secrets, depth);
  if (typeof value === 'number') return value;
  return typeof value === 'string' && !isSecret(value, secrets) ? value : describe(value, keys, secrets, depth);
}
