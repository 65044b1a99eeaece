import { InvalidRequestError } from '../../errors.js';

const REFERRER_POLICIES = `
  no-referrer no-referrer-when-downgrade same-origin origin strict-origin origin-when-cross-origin
  strict-origin-when-cross-origin unsafe-url
`
  .trim()
  .split(/\s+/);

/** The words that `fetch` knows for an option. It refuses others, even of options that change nothing here. */
const WORDS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  redirect: ['follow', 'error', 'manual'],
  credentials: ['omit', 'same-origin', 'include'],
  mode: ['cors', 'no-cors', 'same-origin'],
  referrerPolicy: ['', ...REFERRER_POLICIES],
  duplex: ['half'],
});

/** Checks the options of a call as `fetch` does. @throws {InvalidRequestError} naming the option and its words */
export function assertInit(init: unknown): void {
  if (init === undefined || init === null) return;
  if (typeof init !== 'object' && typeof init !== 'function')
    throw new InvalidRequestError('The second argument of fetch must be an object.');
  for (const name of Object.keys(init)) {
    const value = (init as Record<string, unknown>)[name];
    if (name === 'window' && value !== undefined && value !== null)
      throw new InvalidRequestError('window must be null.');
    const words = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
    if (words === undefined || value === undefined || words.includes(String(value))) continue;
    throw new InvalidRequestError(`${name} must be one of ${words.map((word) => `'${word}'`).join(', ')}.`);
  }
}
