/** Returns a text as it was meant that a file holds: without its byte order mark, and without line breaks at its end. */
export function mountedText(text: string): string {
  return text.replace(/^\uFEFF|[\r\n\u2028\u2029]+$/g, '');
}

/** Returns what is wrong with a literal that was read from a file as it is; undefined for any other. */
export function mountedTextFault(text: string): string | undefined {
  if (/[\r\n\u2028\u2029]$/.test(text)) return 'ends in a line break';
  return text.startsWith('\uFEFF') ? 'begins with a byte order mark' : undefined;
}
