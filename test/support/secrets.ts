/** A canary must be this long, or its encoded forms would be found everywhere. */
const SHORTEST = 8;

/**
 * Fails if one of the secrets is in the text: as it is, or in base64 or base64url (also amid other bytes, as in a Basic
 * header), in hex, URL-encoded, form-encoded, JSON-escaped, or as an inspected Buffer.
 * @throws {Error} naming the form, and showing the place.
 */
export function expectNoSecrets(text: string, secrets: readonly string[]): void {
  for (const secret of secrets) {
    if (secret.length < SHORTEST) throw new Error(`The canary "${secret}" is shorter than ${SHORTEST} characters.`);
    for (const [form, encoded] of formsOf(secret)) {
      const at = text.indexOf(encoded);
      if (at < 0) continue;
      const place = text.slice(Math.max(0, at - 80), at + encoded.length + 80);
      throw new Error(`The secret "${secret}" is in the text, ${form}: …${place}…`);
    }
  }
}

function formsOf(secret: string): [form: string, encoded: string][] {
  const hex = Buffer.from(secret).toString('hex');
  const url = encodeURIComponent(secret);
  const form = new URLSearchParams([['', secret]]).toString().slice(1);
  return [
    ['as it is', secret],
    ['JSON-escaped', JSON.stringify(secret).slice(1, -1)],
    ['URL-encoded', url],
    ['URL-encoded', lowerEscapes(url)],
    ['form-encoded', form],
    ['form-encoded', lowerEscapes(form)],
    ['in hex', hex],
    ['in hex', hex.toUpperCase()],
    ['as a Buffer', hex.replace(/../g, '$& ').trim().slice(0, 149)],
    ...base64Cores(secret),
  ];
}

function lowerEscapes(text: string): string {
  return text.replace(/%../g, (escape) => escape.toLowerCase());
}

/**
 * The characters of the base64 of a secret that stand, whatever bytes come before and after it:
 * one form for each of the three ways in which it may be aligned.
 */
function base64Cores(secret: string): [form: string, encoded: string][] {
  return [0, 1, 2].flatMap((before): [string, string][] => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)]);
    const [from, to] = [Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6)];
    return (['base64', 'base64url'] as const).map((name) => [`in ${name}`, bytes.toString(name).slice(from, to)]);
  });
}
