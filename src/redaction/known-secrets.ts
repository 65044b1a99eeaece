import { REDACTED } from './redact.js';

/** Shorter texts are found everywhere: `GET`, `true`, a page's number. */
const SHORTEST = 4;

/** Length that a message may be cut to: the rest of a whole answer that is quoted adds nothing. */
const LONGEST_MESSAGE = 500;

/** Of a larger body nobody quotes a part by chance. */
const LARGEST_BODY = 65_536;

/** A word behind the name of a scheme, in any message. */
const AFTER_SCHEME = /\b(Bearer|Basic|DPoP|Digest|Negotiate)(\s+)[\w.~+/=-]+/gi;
/** A value behind a name that says that it is secret, as in JSON, in forms and in prose. */
const AFTER_NAME =
  /((?:authorization|token|secret|passw(?:or)?d|passphrase|api[-_ ]?key|cookie|session|signature|assertion|credentials?|pin|otp)["']?\s*[:=]\s*["']?)[^\s"',;&}]+/gi;
const JSON_WEB_TOKEN = /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*){0,3}/g;
/** Letters and digits in one long word are nobody's prose. */
const OPAQUE = /\b(?=[\w+=-]*\d)(?=[\w+=-]*[A-Za-z])[\w+=-]{12,}/g;
/** Of an address, everything but where it leads. */
const ADDRESS = /\b([a-z][a-z\d+.-]*:\/\/)(?:[^\s/?#"'@]*@)?([^\s?#"'<>]*)(?:[?#][^\s"'<>]*)?/gi;

/**
 * The secrets that this process has last used, to be masked wherever a message of the app's own code quotes one. Of the
 * whole process, not of an application: a secret of one is none the less secret in the log of the other.
 */
const noted = new Set<string>();

/** As many are kept; the oldest are forgotten first. */
const MOST_NOTED = 1_000;

/** Remembers a secret, so that it is masked in what is shown. Anything but a text is passed over. */
export function noteSecret(secret: unknown): void {
  if (typeof secret !== 'string' || secret.length < SHORTEST) return;
  noted.delete(secret);
  noted.add(secret);
  if (noted.size <= MOST_NOTED) return;
  for (const oldest of noted) {
    noted.delete(oldest);
    return;
  }
}

/**
 * A text without the secrets that are known, in whatever way they are written into it, and without what looks like one.
 * For words of the developer's own: what a service or an issuer says is not shown at all.
 */
export function maskSecrets(text: string, secrets: Iterable<string> = []): string {
  const variants = [...noted, ...secrets].flatMap(waysToWrite).filter((secret) => secret.length >= SHORTEST);
  let masked = text.slice(0, 10 * LONGEST_MESSAGE);
  for (const secret of variants.sort((a, b) => b.length - a.length)) masked = masked.replaceAll(secret, REDACTED);
  masked = masked
    .replace(ADDRESS, '$1$2')
    .replace(AFTER_SCHEME, `$1$2${REDACTED}`)
    .replace(AFTER_NAME, `$1${REDACTED}`)
    .replace(JSON_WEB_TOKEN, REDACTED)
    .replace(OPAQUE, REDACTED);
  return masked.length > LONGEST_MESSAGE ? `${masked.slice(0, LONGEST_MESSAGE)}…` : masked;
}

/** Parts of a request that {@link secretsOf} reads. */
interface Carrier {
  readonly url: string;
  readonly headers: object;
  readonly body?: unknown;
}

/** The texts of a request that may be secret: values of its headers, with and without a scheme, of its query and body. */
export function secretsOf({ url, headers, body }: Carrier): string[] {
  const inHeaders = Object.entries(headers)
    .filter(([name]) => !HARMLESS.has(name.toLowerCase()))
    .flatMap(([, value]) => [value].flat().map(String))
    .flatMap((value) => [value, value.slice(value.indexOf(' ') + 1), ...basicParts(value)]);
  return [...inHeaders, ...queryValues(url), ...textsOf(body)].filter((secret) => secret.length >= SHORTEST);
}

const HARMLESS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'connection',
  'content-length',
  'content-type',
  'host',
  'user-agent',
]);

/** Returns the password of Basic credentials; nothing of others. */
export function basicParts(value: string): string[] {
  if (!/^Basic /i.test(value)) return [];
  const [, password = ''] = Buffer.from(value.slice(6), 'base64').toString().split(/:(.*)/s);
  return [password];
}

/** The texts in a body of JSON or of a form. */
function textsOf(body: unknown): string[] {
  const text = typeof body === 'string' ? body : Buffer.isBuffer(body) ? body.toString() : '';
  if (text === '' || text.length > LARGEST_BODY) return [];
  if (!/^\s*[{[]/.test(text)) return [...new URLSearchParams(text).values()];
  const texts: string[] = [];
  try {
    JSON.parse(text, (_key, value: unknown) => {
      if (typeof value === 'string') texts.push(value);
      return value;
    });
  } catch {
    // No JSON: nobody quotes it by its parts.
  }
  return texts;
}

function queryValues(url: string): string[] {
  try {
    return [...new URL(url).searchParams.values()];
  } catch {
    return [];
  }
}

function waysToWrite(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    // Of what is well-formed: half of a character cannot be encoded.
    encodeURIComponent(bytes.toString()),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ];
}
