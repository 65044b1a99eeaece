/** Shorter texts are found everywhere: `GET`, `true`, a page's number. */
const SHORTEST = 4;

/** Shorter texts are found by chance in what is decoded of something else. */
const SHORTEST_ENCODED = 8;

/** A text may have been encoded once for each URL that it was wrapped into. */
const MOST_ENCODINGS = 3;

/** Of a longer text nobody hides a credential in the middle. */
const LONGEST = 65_536;

/** Matches what may be Base64, in either alphabet, or hexadecimal. */
const WORD = /[\w+/=-]{8,}/g;

/** Checks whether a text contains one of the secrets: as it is, in another case, in percent-encoding, Base64 or hexadecimal. */
export function isSecret(text: string, secrets: readonly string[]): boolean {
  const known = secrets.filter((secret) => secret.length >= SHORTEST).map((secret) => secret.toLowerCase());
  if (known.length === 0) return false;
  const long = known.filter((secret) => secret.length >= SHORTEST_ENCODED);
  let reading = text.slice(0, LONGEST);
  for (let encodings = 0; encodings <= MOST_ENCODINGS; encodings += 1) {
    if (contains(reading, known)) return true;
    if (long.length > 0 && encodedIn(reading).some((decoded) => contains(decoded, long))) return true;
    const next = percentDecoded(reading);
    if (next === reading) return false;
    reading = next;
  }
  return false;
}

/** Byte by byte: credentials are ASCII, and what is malformed must not hide what is not. */
export function percentDecoded(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function contains(text: string, secrets: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return secrets.some((secret) => lower.includes(secret));
}

/** Returns what the words of a text are, decoded, from wherever in them the code begins. */
function encodedIn(text: string): string[] {
  const words = [...text.matchAll(WORD)].flatMap(([word]) =>
    /[/=]./.test(word) ? [word, ...word.split(/[/=]+/)] : [word],
  );
  return words.flatMap((word) => [
    ...[0, 1, 2, 3].map((start) => Buffer.from(word.slice(start), 'base64').toString('latin1')),
    Buffer.from(word, 'hex').toString('latin1'),
  ]);
}
