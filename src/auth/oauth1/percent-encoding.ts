/**
 * Percent-encodes a text's UTF-8 octets: all but letters, digits, `-`, `.`, `_` and `~`, in upper case.
 * @see [RFC 5849 §3.6](https://www.rfc-editor.org/rfc/rfc5849#section-3.6)
 */
export function percentEncode(text: string): string {
  return escapeOctets(Buffer.from(text, 'utf8').toString('latin1'));
}

/**
 * Rewrites a name or value of a query or a form in the one way of {@link percentEncode}. Octets that are no UTF-8 stay
 * what they are, and a `%` that escapes nothing stands for itself, as in every form decoder.
 * @param formEncoded one character for each octet
 */
export function reencode(formEncoded: string): string {
  const octets = formEncoded
    .replaceAll('+', ' ')
    .replace(/%([\dA-Fa-f]{2})/g, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return escapeOctets(octets);
}

function escapeOctets(octets: string): string {
  return octets.replace(/[^\w.~-]/g, (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
