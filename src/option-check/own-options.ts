/** Options without inherited properties, which are read as quickly as those of a plain object. */
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

/** Options of a listener that is called once; what it would inherit, a `signal` for one, is none of its own. */
export const ONCE = Object.freeze(ownOptions({ once: true }));

/** As `Object.defineProperty`, by a descriptor that inherits nothing: no `get` of `Object.prototype`. */
export function defineOwn<T extends object>(object: T, name: PropertyKey, descriptor: PropertyDescriptor): T {
  return Object.defineProperty(object, name, ownOptions(descriptor));
}

/** As {@link ownOptions} for an object that lists things by name; anything else is returned as it is. */
export function ownRecord<T>(given: T): T {
  return typeof given === 'object' && given !== null && !Array.isArray(given) ? (ownOptions(given) as T) : given;
}

/** A member that an object or its class has, not one that every object has inherited from `Object.prototype`. */
export function declared<T extends object, K extends keyof T>(object: T, name: K): T[K] | undefined {
  for (let owner: object | null = object; owner !== null && owner !== Object.prototype;) {
    if (Object.hasOwn(owner, name)) return object[name];
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  return undefined;
}

/** Calls a method that is {@link declared}. Returns undefined where there is none. */
export function callDeclared<T extends object, K extends keyof T>(
  object: T,
  name: K,
  ...given: Parameters<Method<T[K]>>
): ReturnType<Method<T[K]>> | undefined {
  const method = declared(object, name) as Method<T[K]> | undefined;
  return method?.call(object, ...given) as ReturnType<Method<T[K]>> | undefined;
}

/** The part of a member's type that can be called. */
type Method<Member> = Extract<Member, (...given: never[]) => unknown>;
