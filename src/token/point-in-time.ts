/**
 * `expires_at`, as some issuers write it: epoch seconds or milliseconds (or their thousandths), as a number or text, or a
 * date; anything else is passed over. Returns epoch milliseconds, which may be later than a `Date` can be.
 */
export function pointInTime(value: unknown): number | undefined {
  const text = typeof value === 'string' ? value.trim() : value;
  const number = typeof text === 'string' && /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
  if (typeof number === 'number' && number > 0) return milliseconds(number);
  if (typeof number === 'string' && HTTP_DATE.test(number)) return dateOf(number);
  const parts = typeof number === 'string' ? ISO_TEXT.exec(number) : null;
  if (parts === null) return undefined;
  // Without a zone it is the issuer's, never this machine's.
  const [, day = '', time = '00:00:00', zone = 'Z'] = parts;
  return dateOf(`${day}T${time}${zone.toUpperCase()}`);
}

function dateOf(text: string): number | undefined {
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : date;
}

const ISO_TEXT = /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?([Zz]|[+-]\d{2}:?\d{2})?)?$/;

/** A date as HTTP writes it (RFC 9110 §5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

function milliseconds(since: number): number {
  if (since < SECONDS_BELOW) return since * 1000;
  if (since < MICROSECONDS_FROM || since >= NANOSECONDS_BELOW) return since;
  return since < NANOSECONDS_FROM ? since / 1e3 : since / 1e6;
}

/** Epoch microseconds have been above this since 2001; milliseconds are below it for 29,000 years. */
const MICROSECONDS_FROM = 1e15;

/** Epoch nanoseconds have been above this since 2001. */
const NANOSECONDS_FROM = 1e18;

/** A number from this on is no time in any unit: it is as late as a date can be. */
const NANOSECONDS_BELOW = 1e21;

/** Epoch seconds are below this for 3,000 years; epoch milliseconds have been above it since 1973. */
const SECONDS_BELOW = 1e11;
