/** Has no prototype's properties, and is as quick to read as any object. */
class OwnOptions {
  constructor(given: object | null | undefined) {
    Object.assign(this, given);
  }
}
Object.setPrototypeOf(OwnOptions.prototype, null);
delete (OwnOptions.prototype as { constructor?: unknown }).constructor;

/**
 * Returns a copy of options that holds their own properties and inherits nothing. An app that anybody can make write
 * to `Object.prototype` (by a careless merge of JSON) would otherwise have given every options object, for example,
 * `allowedOrigins`.
 */
export function ownOptions<T extends object>(given: T | null | undefined): T {
  return new OwnOptions(given) as T;
}

/** As {@link ownOptions} for an object that lists things by name; anything else is returned as it is. */
export function ownRecord<T>(given: T): T {
  return typeof given === 'object' && given !== null && !Array.isArray(given) ? (ownOptions(given) as T) : given;
}
