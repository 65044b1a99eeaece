import { ConfigurationError } from '../errors.js';
import { compileGlob } from './path-glob.js';

/** Paths of a service that are called without a credential. */
export interface PathExclusionOptions {
  /** Named in errors. */
  readonly serviceName?: string | undefined;
  /**
   * Exact paths below the base URL, but for one trailing slash: `/health` also stands for `/health/`.
   * A leading slash may be left out.
   * @default []
   */
  readonly excludedPaths?: Iterable<string> | undefined;
  /**
   * Globs over the path below the base URL. `*` crosses slashes, as in Python's fnmatch: `/public/*` matches all that
   * is below `/public`, and not `/public` itself; `/public/**` matches both. `?`, `[ab]` and `[!ab]` stand for one
   * character other than a slash, `{a,b}` for either, and a backslash takes a character literally.
   * A pattern that starts with neither `/` nor `*` is read as if it started with `/`.
   * @default []
   */
  readonly excludedPathPatterns?: Iterable<string> | undefined;
}

/** Checks whether a path below the base URL (percent-encoded, as it is sent, without query) gets no credential. */
export type PathExclusion = (path: string) => boolean;

/** Well-formed UTF-8 in percent-encoding, one character a match; `decodeURIComponent` judges the details. */
const ENCODED_CHARACTER =
  /%[0-7][\da-f]|%[cd][\da-f]%[89ab][\da-f]|%e[\da-f](?:%[89ab][\da-f]){2}|%f[0-7](?:%[89ab][\da-f]){3}/gi;

/**
 * Characters that `%2F` and `%5C` are decoded to: halves of surrogate pairs, which no other encoded text decodes to.
 * So they match each other, and never a slash.
 */
const ENCODED_SLASH: Readonly<Record<string, string>> = Object.freeze({ '/': '\uD800', '\\': '\uD801' });

/**
 * Compiles the excluded paths of a service; undefined when nothing is excluded.
 *
 * Paths are compared case-sensitively, percent-encoding decoded once on both sides; `%2F` never matches a slash.
 * Globs match the path as it is, or without its trailing slash.
 * @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when an option is no iterable of strings, or an entry is empty,
 * a URL, no valid glob or a negated one, or an exact path with a query
 */
export function createPathExclusion(options: PathExclusionOptions): PathExclusion | undefined {
  if (options.excludedPaths === undefined && options.excludedPathPatterns === undefined) return undefined;
  const paths = new Set(entriesOf(options, 'excludedPaths').map((entry, index) => exactPath(entry, index, options)));
  const globs = entriesOf(options, 'excludedPathPatterns').map((entry, index) => globOf(entry, index, options));
  if (paths.size === 0 && globs.length === 0) return undefined;
  return (path) => {
    const decoded = decode(path, (character) => character);
    const trimmed = withoutTrailingSlash(decoded);
    return paths.has(trimmed) || globs.some((matches) => matches(decoded) || matches(trimmed));
  };
}

type ListOption = 'excludedPaths' | 'excludedPathPatterns';

/** Quotes a text that looks like a path, and no other: that may be anything. */
function shownPath(text: string): string {
  return /^\/[\w./*-]{0,60}$/.test(text) ? `['${text}']` : 'an array of strings';
}

/** Returns an entry as far as it is made like a path, else its place: it may be anything. */
function shownEntry(text: string, index: number): string {
  const shown = text.replace(/[?#].*$/s, '');
  return /^!?\/[\w./*{},[\]!-]{0,60}$/.test(shown) ? `'${shown}'` : `entry ${index + 1}`;
}

function entriesOf(options: PathExclusionOptions, option: ListOption): string[] {
  const list: unknown = options[option];
  if (list === undefined) return [];
  if (typeof list === 'string') throw refused(options, `${option} is a string`, `Give ${shownPath(list)}.`);
  if (!isIterable(list)) throw refused(options, `${option} is no iterable`, 'Give an array of strings.');
  return Array.from(list, (entry, index) => {
    if (typeof entry !== 'string') throw refused(options, `${option}[${index}] is no string`, 'Give a path.');
    if (entry.trim() === '') throw refused(options, `${option}[${index}] is empty`, "Give a path; '/' is the root.");
    if (!/^[a-z][a-z\d+.-]*:\/\//i.test(entry)) return entry;
    throw refused(options, `${option}[${index}] is a URL`, 'Give the path below the base URL only.');
  });
}

function exactPath(entry: string, index: number, options: PathExclusionOptions): string {
  if (/[?#]/.test(entry)) {
    throw refused(
      options,
      `excludedPaths holds ${shownEntry(entry, index)} with a query or fragment`,
      'Give the path only.',
    );
  }
  if (/\*|\{[^{}]*,[^{}]*\}/.test(entry)) {
    throw refused(
      options,
      `excludedPaths holds ${shownEntry(entry, index)}, a glob, and lists exact paths`,
      'Give it to excludedPathPatterns; of a path that is so named write * as %2A and { as %7B.',
    );
  }
  return withoutTrailingSlash(decode(entry.startsWith('/') ? entry : `/${entry}`, (character) => character));
}

function globOf(entry: string, index: number, options: PathExclusionOptions): PathExclusion {
  if (entry.startsWith('!')) {
    throw refused(
      options,
      `excludedPathPatterns holds ${shownEntry(entry, index)}, a negation`,
      'List what is excluded instead.',
    );
  }
  const rooted = /^[/*]/.test(entry) ? entry : `/${entry}`;
  try {
    return compileGlob(decode(rooted, (character) => character.replace(/\W/, '\\$&')));
  } catch {
    throw refused(
      options,
      `excludedPathPatterns holds ${shownEntry(entry, index)}, which is no valid glob`,
      'Close its brackets, and give no more than 1,000 alternatives.',
    );
  }
}

function decode(text: string, quote: (character: string) => string): string {
  if (!text.includes('%')) return text;
  return text.replace(ENCODED_CHARACTER, (encoded) => {
    try {
      const character = decodeURIComponent(encoded);
      return ENCODED_SLASH[character] ?? quote(character);
    } catch {
      return encoded;
    }
  });
}

function withoutTrailingSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function refused({ serviceName }: PathExclusionOptions, problem: string, cure: string): ConfigurationError {
  const subject = serviceName === undefined ? '' : `Service "${serviceName}": `;
  return new ConfigurationError(`${subject}${problem}. ${cure}`, serviceName === undefined ? {} : { serviceName });
}
