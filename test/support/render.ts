import { inspect, types } from 'node:util';

/** Every form in which a value might get into a log: as text, inspected ten levels deep, as JSON; errors in full. */
export function render(value: unknown): string {
  if (typeof value === 'string') return value;
  if (types.isNativeError(value) || value instanceof Error) return renderError(value);
  return forms(value).join('\n');
}

/**
 * All that an error tells: message, stack, every own property, enumerable or not, JSON, `inspect`;
 * and the same of its whole cause chain, and of the errors of an AggregateError.
 */
export function renderError(error: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (seen.has(value)) return;
    seen.add(value);
    parts.push(...forms(value));
    if (typeof value !== 'object' || value === null) return;
    for (const key of Reflect.ownKeys(value)) {
      const property = attempt(() => (value as Record<PropertyKey, unknown>)[key]);
      parts.push(String(key), ...forms(property));
    }
    const { message, stack, cause, errors } = value as Partial<AggregateError>;
    parts.push(String(message), String(stack));
    if (cause !== undefined) visit(cause);
    if (Array.isArray(errors)) errors.forEach(visit);
  };
  visit(error);
  return parts.join('\n');
}

function forms(value: unknown): string[] {
  return [
    attempt(() => String(value)),
    inspect(value, { depth: 10, showHidden: false, maxStringLength: null, maxArrayLength: null }),
    attempt(() => asJson(value)),
  ].map(String);
}

/** JSON, with bytes as the text that they are, and without what would make it circular. */
function asJson(value: unknown): string | undefined {
  const above: unknown[] = [];
  return JSON.stringify(value, function (this: Record<string, unknown>, key, converted: unknown) {
    const raw = this[key];
    if (types.isUint8Array(raw)) return Buffer.from(raw).toString('utf8');
    if (typeof converted === 'bigint') return String(converted);
    if (typeof converted !== 'object' || converted === null) return converted;
    while (above.length > 0 && above.at(-1) !== this) above.pop();
    if (above.includes(converted)) return '[Circular]';
    above.push(converted);
    return converted;
  });
}

function attempt<T>(read: () => T): T | string {
  try {
    return read();
  } catch (fault) {
    return `[unreadable: ${String(fault)}]`;
  }
}
