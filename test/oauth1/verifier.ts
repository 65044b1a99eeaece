import { constants, createHash, createHmac, type KeyObject, publicDecrypt, verify } from 'node:crypto';
import type { RecordedRequest } from '../support/recorded-request.js';

/** Secrets of those who sign, as a server knows them. */
export interface Secrets {
  readonly clientSecret: string;
  readonly tokenSecret: string;
  readonly publicKey?: KeyObject;
}

/** A request that was verified: its protocol parameters, and where they stood. */
export interface Verified {
  readonly placement: 'header' | 'query' | 'body';
  readonly realm: string | undefined;
  readonly oauth: Readonly<Record<string, string>>;
}

/**
 * The server's side of RFC 5849, written from the RFC alone and sharing no code with the package: section 3.2, "Verifying
 * Requests".
 * @throws {Error} saying what is wrong
 */
export function verifyRequest(request: RecordedRequest, origin: string, secrets: Secrets): Verified {
  const header = headerParameters(request.headers.authorization);
  const query = decodedPairs(request.url.split('?').slice(1).join('?'));
  const isForm = /^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers['content-type'] ?? '');
  const form = isForm ? decodedPairs(request.text) : [];
  const placements = (
    [
      ['header', header],
      ['query', query],
      ['body', form],
    ] as const
  ).filter(([, pairs]) => pairs.some(([name]) => name === 'oauth_signature'));
  const [found] = placements;
  if (found === undefined || placements.length > 1) throw new Error(`${placements.length} places hold a signature`);
  const [placement, carrier] = found;

  const protocol = carrier.filter(([name]) => name.startsWith('oauth_'));
  const oauth = Object.fromEntries(protocol);
  if (Object.keys(oauth).length !== protocol.length) throw new Error('a protocol parameter appears twice');
  for (const name of ['oauth_consumer_key', 'oauth_signature_method', 'oauth_timestamp', 'oauth_nonce'])
    if (oauth[name] === undefined) throw new Error(`${name} is missing`);
  if (!/^[1-9]\d*$/.test(oauth['oauth_timestamp'] ?? '')) throw new Error('the timestamp is no positive integer');
  if ((oauth['oauth_version'] ?? '1.0') !== '1.0') throw new Error('the version is not 1.0');

  const all = [...header.filter(([name]) => name !== 'realm'), ...query, ...form];
  const signed = all.filter(([name]) => name !== 'oauth_signature');
  const normalized = signed
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .sort((a, b) => byOctets(a[0], b[0]) || byOctets(a[1], b[1]))
    .map((pair) => pair.join('='))
    .join('&');
  const address = addressOf(request, origin);
  const baseString = `${encode(request.method.toUpperCase())}&${encode(address)}&${encode(normalized)}`;
  assertSignature(oauth['oauth_signature_method'] ?? '', baseString, oauth['oauth_signature'] ?? '', secrets);

  const hash = oauth['oauth_body_hash'];
  if (hash !== undefined) {
    if (isForm) throw new Error('a form has no body hash');
    const algorithm = (/SHA\d+$/.exec(oauth['oauth_signature_method'] ?? '')?.[0] ?? 'SHA1').toLowerCase();
    if (createHash(algorithm).update(request.body).digest('base64') !== hash) throw new Error('the body hash is wrong');
  }
  return { placement, realm: header.find(([name]) => name === 'realm')?.[1], oauth };
}

/** Section 3.5.1: auth-params, each value in quotes. */
function headerParameters(header: string | undefined): [string, string][] {
  if (header === undefined || !/^OAuth /i.test(header)) return [];
  const rest = header.slice('OAuth '.length);
  const pattern = /\s*([^=\s,]+)="((?:[^"\\]|\\.)*)"\s*(?:,|$)/gy;
  const found: [string, string][] = [];
  let end = 0;
  for (let match = pattern.exec(rest); match !== null; match = pattern.exec(rest)) {
    const [, name = '', value = ''] = match;
    found.push(
      name === 'realm' ? [name, value.replace(/\\(.)/g, '$1')] : [decodeURIComponent(name), decodeURIComponent(value)],
    );
    end = pattern.lastIndex;
  }
  if (end !== rest.length) throw new Error('the Authorization header is malformed');
  return found;
}

function decodedPairs(text: string): [string, string][] {
  return [...new URLSearchParams(text)];
}

/** Section 3.4.1.2: scheme and host in lower case, without the scheme's own port, and the path of the request line. */
function addressOf(request: RecordedRequest, origin: string): string {
  const scheme = origin.split(':', 1)[0]?.toLowerCase() ?? '';
  const host = (request.headers.host ?? '').toLowerCase().replace(scheme === 'https' ? /:443$/ : /:80$/, '');
  return `${scheme}://${host}${request.path}`;
}

function assertSignature(method: string, baseString: string, signature: string, secrets: Secrets): void {
  const key = `${encode(secrets.clientSecret)}&${encode(secrets.tokenSecret)}`;
  const [family = '', hash = ''] = method.split('-');
  if (family === 'PLAINTEXT') {
    if (signature !== key) throw new Error('the plaintext signature is wrong');
  } else if (family === 'HMAC') {
    const expected = createHmac(hash, key).update(baseString, 'ascii').digest('base64');
    if (expected !== signature) throw new Error(`the signature is wrong; the base string is ${baseString}`);
  } else if (family === 'RSA' && secrets.publicKey !== undefined) {
    const bytes = Buffer.from(signature, 'base64');
    const padded = { key: secrets.publicKey, padding: constants.RSA_PKCS1_PADDING };
    publicDecrypt(padded, bytes); // Throws unless it is PKCS #1 v1.5.
    if (!verify(hash, Buffer.from(baseString, 'ascii'), padded, bytes)) throw new Error('the RSA signature is wrong');
  } else {
    throw new Error(`the signature method ${method} is unknown`);
  }
}

/** Section 3.6. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function byOctets(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
