/** Longest wait that a Retry-After header is believed to ask for. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/** Whole seconds by the RFC; fractions are met in the wild. */
const DELAY_SECONDS = /^(?:\d+(?:\.\d*)?|\.\d+)$/;

const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = String.raw`\d{2}:\d{2}:\d{2}`;

/**
 * The three forms of an HTTP-date, without which `Date.parse` takes almost any text for a date.
 * @see [RFC 9110 §5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)
 */
const IMF_FIXDATE = new RegExp(String.raw`^[A-Z][a-z]{2}, \d{2} ${MONTH} \d{4} ${TIME} GMT$`);
const RFC_850_DATE = new RegExp(String.raw`^[A-Z][a-z]{5,8}, \d{2}-${MONTH}-\d{2} ${TIME} GMT$`);
const ASCTIME_DATE = new RegExp(String.raw`^[A-Z][a-z]{2} ${MONTH} [ \d]\d ${TIME} \d{4}$`);

/**
 * Reads a `Retry-After` header: milliseconds to wait, from 0 to {@link MAX_RETRY_AFTER_MS}; undefined when it is missing
 * or malformed. A date that has passed asks for no wait. Of several headers the first counts.
 * @param nowMs current time in epoch milliseconds
 * @see [RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)
 */
export function parseRetryAfter(value: string | readonly string[] | undefined, nowMs: number): number | undefined {
  const text = (typeof value === 'string' ? value : value?.[0])?.trim() ?? '';
  const askedMs = DELAY_SECONDS.test(text) ? Number(text) * 1_000 : parseHttpDate(text) - nowMs;
  return Number.isNaN(askedMs) ? undefined : Math.min(Math.max(Math.ceil(askedMs), 0), MAX_RETRY_AFTER_MS);
}

/** Epoch milliseconds, or NaN. */
function parseHttpDate(text: string): number {
  if (IMF_FIXDATE.test(text) || RFC_850_DATE.test(text)) return Date.parse(text);
  // The one form that does not say that it is GMT.
  return ASCTIME_DATE.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}
