import type { HttpResponse } from '../http-request.js';

/** The first bytes of a body in Zstandard (RFC 8878 §3.1.1), and of one in gzip that was put around it (RFC 1952 §2.3.1). */
const MARKS = [Buffer.from('28b52ffd', 'hex'), Buffer.from('1f8b', 'hex')];

/**
 * Returns why a body cannot be read as text: it is in Zstandard, which Node decodes since 22.15 only. Undefined for any other.
 * A transport of the app's own may have decoded it and left the header: its first bytes decide.
 */
export function undecodedIn({ headers, body }: Pick<HttpResponse, 'headers' | 'body'>): string | undefined {
  const coding = headers['content-encoding'];
  if (coding === undefined || !Buffer.isBuffer(body) || !/\bzstd\b/i.test(String(coding))) return undefined;
  if (!MARKS.some((mark) => body.subarray(0, mark.length).equals(mark))) return undefined;
  return `in the coding zstd, though it was not asked for; Node decodes it since 22.15, and this is ${process.version}`;
}
