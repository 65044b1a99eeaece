import { synonymOf } from './option-synonyms.js';

/** An options object near the one that is checked, where an option may have been meant to stand. */
export interface NearbyOptions {
  /** Names that are known there. */
  readonly known: readonly string[];
  /** Example of one of them: `auth: { headerName: … }`. */
  readonly as: (name: string) => string;
}

/** Options that are known where a name was met that is not. */
export interface KnownOptions {
  readonly known: readonly string[];
  readonly prefix: string;
  readonly nearby: readonly NearbyOptions[];
}

/** Finds what a name was meant to be among those that are known. */
type Finder = (name: string, known: readonly string[]) => string | undefined;

/**
 * Two sentences about an option that is not known: the one that was probably meant, here or in an options object nearby,
 * else all that there are.
 *
 * In this order: the same letters (`client_id`) or the same without its unit (`timeout`), what other libraries call it
 * (`accessTokenUri`), the same nearby, a slip of the pen, and the last two nearby.
 */
export function suggestionFor(name: string, { known, prefix, nearby }: KnownOptions): string {
  const problem = `there is no option ${prefix}${shownName(name)}.`;
  const here = (find: Finder) => (): string | undefined => {
    const found = find(name, known);
    return found && `${prefix}${found}${unitOf(found)}`;
  };
  const elsewhere = (find: Finder) => (): string | undefined => {
    for (const place of nearby) {
      const found = find(name, place.known);
      if (found !== undefined) return `${place.as(found)}${unitOf(found)}`;
    }
    return undefined;
  };
  const finders = [
    here(alike),
    here(synonym),
    elsewhere(alike),
    here(misspelt),
    elsewhere(synonym),
    elsewhere(misspelt),
  ];
  for (const find of finders) {
    const found = find();
    if (found !== undefined) return `${problem} Did you mean ${found}? Use that instead.`;
  }
  return `${problem} There are ${known.join(', ')}.`;
}

/** The known name that was probably meant, if there is one. */
export function nameMeant(name: string, known: readonly string[]): string | undefined {
  return alike(name, known) ?? synonym(name, known) ?? misspelt(name, known);
}

/** Shows a name that nothing here has: one that is no word may be a value that came into the wrong place, a secret among them. */
export function shownName(name: string): string {
  return /^[A-Za-z_$][A-Za-z_$-]{0,39}\d{0,2}$/.test(name) ? name : '[a name with other characters in it]';
}

/**
 * Shows a name that an app has given to something of its own, a step of a pipeline: a word as it is. Anything else may be
 * a secret that came into the wrong place.
 */
export function shownWord(name: unknown): string {
  return /^[\p{L}\p{N}_.:-]{1,64}$/u.test(String(name)) ? String(name) : '[a name with other characters in it]';
}

function unitOf(name: string): string {
  return name.endsWith('Ms') ? ' (milliseconds)' : '';
}

/** The same letters, whatever their case and what stands between them; of a duration the unit need not be named. */
function alike(name: string, known: readonly string[]): string | undefined {
  const letters = lettersOf(name);
  return (
    known.find((candidate) => lettersOf(candidate) === letters) ??
    known.find((candidate) => candidate.endsWith('Ms') && lettersOf(candidate.slice(0, -2)) === withoutUnit(letters))
  );
}

function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z\d]/g, '');
}

function withoutUnit(letters: string): string {
  return letters.replace(/(?:in)?(?:milliseconds|millis|msec|ms|seconds|secs|sec|minutes|mins)$/, '');
}

/** Returns our name for what other libraries call it. */
function synonym(name: string, known: readonly string[]): string | undefined {
  const letters = lettersOf(name);
  const exact = synonymOf(letters);
  const candidates = exact.length > 0 ? exact : synonymOf(withoutUnit(letters));
  return candidates.find((candidate) => known.includes(candidate));
}

/** A few letters too many, too few, exchanged or wrong: one in three or four. */
function misspelt(name: string, known: readonly string[]): string | undefined {
  const letters = lettersOf(name);
  const allowed = letters.length < 4 ? 0 : letters.length < 6 ? 1 : letters.length < 10 ? 2 : 3;
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    for (const form of [lettersOf(candidate), lettersOf(candidate.replace(/Ms$/, ''))]) {
      const distance = distanceBetween(letters, form);
      if (distance <= allowed && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
        best = { name: candidate, distance };
    }
  }
  // Or the rest of the name is missing.
  return (
    best?.name ?? (letters.length < 5 ? undefined : known.find((candidate) => lettersOf(candidate).startsWith(letters)))
  );
}

/** Letters inserted, left out, replaced, or exchanged with their neighbour (optimal string alignment). */
function distanceBetween(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      const replaced = (last[j - 1] as number) + (same ? 0 : 1);
      row[j] = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, replaced);
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (exchanged) row[j] = Math.min(row[j] as number, (beforeLast[j - 2] as number) + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] as number;
}
