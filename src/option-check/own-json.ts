import { declared, ownOptions } from './own-options.js';

/** As `JSON.stringify`, but for a `toJSON` that everything has inherited from `Object.prototype`: that is nobody's. */
export function ownJson(value: unknown): string {
  return JSON.stringify('toJSON' in Object.prototype ? withoutInherited(value, '') : value);
}

/** A copy that inherits nothing. Each `toJSON` of a class has been asked by then. */
function withoutInherited(given: unknown, key: string): unknown {
  const value = typeof given === 'object' && given !== null ? asWritten(given, key) : given;
  // JSON has no functions, though each inherits a `toJSON`, too.
  if (typeof value === 'function') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const copy = value.map((item: unknown, index) => withoutInherited(item, String(index)));
    return Object.setPrototypeOf(copy, null) as unknown;
  }
  const copy = ownOptions<Record<string, unknown>>({});
  for (const name of Object.keys(value)) copy[name] = withoutInherited((value as Record<string, unknown>)[name], name);
  return copy;
}

function asWritten(value: object, key: string): unknown {
  const toJson = declared(value as { toJSON?: unknown }, 'toJSON');
  return typeof toJson === 'function' ? (toJson.call(value, key) as unknown) : value;
}
