import { ownJson } from '../option-check/own-json.js';
import { types } from 'node:util';
import { InvalidRequestError } from '../errors.js';

/** Query parameters: arrays as `a[]=1&a[]=2`, objects as `a[b]=1`, dates as ISO 8601; null and undefined are left out. */
export type QueryParams = URLSearchParams | Readonly<Record<string, unknown>>;

/** Deepest nesting that is written, as in axios: what is deeper is a mistake, or an attack. */
const MAX_DEPTH = 100;

type Append = (key: string, value: unknown) => void;

/**
 * Writes query parameters as axios does by default, without a leading `?`. A key that ends in `{}` holds JSON.
 * @throws {InvalidRequestError} FORGE_AUTH_INVALID_REQUEST when a value cannot be written: an invalid date, a symbol,
 * half a surrogate pair, a circle, more than 100 levels
 */
export function serializeParams(params: QueryParams): string {
  if (typeof params !== 'object' || params === null) {
    throw new InvalidRequestError(`The query parameters are a ${typeof params}. Give an object or URLSearchParams.`);
  }
  if (isUrlSearchParams(params)) return params.toString();
  const pairs: string[] = [];
  try {
    appendAll(Object.entries(params), (key, value) => pairs.push(`${encode(key)}=${encode(textOf(value))}`));
  } catch (error) {
    if (error instanceof InvalidRequestError) throw error;
    throw new InvalidRequestError('A query parameter holds a value that cannot be written into a URL.', {
      cause: error,
    });
  }
  return pairs.join('&');
}

function appendAll(entries: readonly [string, unknown][], append: Append): void {
  for (const [name, value] of entries) {
    const key = name.trim();
    if (isObject(value) && key.endsWith('{}')) append(key, ownJson(value));
    else if (Array.isArray(value) && (key.endsWith('[]') || !value.some(isNested))) {
      for (const element of value.filter(isPresent)) append(`${withoutBrackets(key)}[]`, element);
    } else appendNested(value, name, [], append);
  }
}

function appendNested(value: unknown, name: string, parents: readonly string[], append: Append): void {
  if (!isPresent(value)) return;
  if (!isNested(value)) {
    append(keyOf(name.trim(), parents), value);
    return;
  }
  if (parents.length >= MAX_DEPTH) {
    throw new InvalidRequestError(`A query parameter is nested deeper than ${MAX_DEPTH} levels, or in a circle.`);
  }
  for (const [child, element] of Object.entries(value)) appendNested(element, child, [...parents, name], append);
}

function keyOf(name: string, parents: readonly string[]): string {
  const [first, ...rest] = [...parents, name].map(withoutBrackets);
  return rest.length === 0 ? name : `${first}${rest.map((key) => `[${key}]`).join('')}`;
}

function withoutBrackets(key: string): string {
  return key.endsWith('[]') ? key.slice(0, -2) : key;
}

/** More readable than `encodeURIComponent`, and the same to a server. */
function encode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%3A', ':')
    .replaceAll('%24', '$')
    .replaceAll('%2C', ',')
    .replaceAll('%20', '+');
}

function textOf(value: unknown): string {
  return types.isDate(value) ? value.toISOString() : `${value as string}`;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Arrays and plain objects; everything else is a value. */
function isNested(value: unknown): value is object {
  if (!isObject(value)) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Object.prototype of another realm ends the chain as well.
  const plain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return plain && !Object.hasOwn(value, Symbol.toStringTag) && !Object.hasOwn(value, Symbol.iterator);
}

/** By tag, so one of another realm counts too. */
function isUrlSearchParams(value: object): value is URLSearchParams {
  return Object.prototype.toString.call(value) === '[object URLSearchParams]';
}
