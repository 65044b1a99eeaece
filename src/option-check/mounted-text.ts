import { shownWord } from './option-suggestion.js';

/** Returns a text as it was meant that a file holds: without its byte order mark, and without line breaks at its end. */
export function mountedText(text: string): string {
  return text.replace(/^\uFEFF|[\r\n\u2028\u2029]+$/g, '');
}

/** Returns what is wrong with a literal that was read from a file as it is; undefined for any other. */
export function mountedTextFault(text: string): string | undefined {
  if (/[\r\n\u2028\u2029]$/.test(text)) return 'ends in a line break';
  return text.startsWith('\uFEFF') ? 'begins with a byte order mark' : undefined;
}

/** A text of several lines, such as a PEM: its last break belongs to it. */
const SEVERAL_LINES = /[\r\n\u2028\u2029][^\r\n\u2028\u2029]/;

/**
 * Returns plain data with its texts as they were meant; those of several lines stay as they are.
 * @param within what it stands in: data that contains itself is left to whoever writes it, and refuses it
 */
export function mountedData<T>(data: T, within: readonly unknown[] = []): T {
  if (typeof data === 'string') return (SEVERAL_LINES.test(data) ? data : mountedText(data)) as T;
  if (within.includes(data)) return data;
  const inside = [...within, data];
  if (Array.isArray(data)) return data.map((value) => mountedData(value, inside)) as T;
  if (!isPlainObject(data)) return data;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, mountedData(value, inside)])) as T;
}

/** Returns what is wrong with a text within plain data, where it stands: `data.secret ends in a line break`. */
export function mountedDataFault(data: unknown, path: string, within: readonly unknown[] = []): string | undefined {
  if (typeof data === 'string') {
    const fault = SEVERAL_LINES.test(data) ? undefined : mountedTextFault(data);
    return fault === undefined ? undefined : `${path} ${fault}. Was it read from a file? Trim it`;
  }
  if ((!Array.isArray(data) && !isPlainObject(data)) || within.includes(data)) return undefined;
  for (const [name, value] of Object.entries(data)) {
    const place = Array.isArray(data) ? `${path}[${name}]` : `${path}.${shownWord(name)}`;
    const fault = mountedDataFault(value, place, [...within, data]);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
