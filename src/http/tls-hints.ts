import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { systemClock } from '../clock.js';

/** Cures for a refused handshake, by the code of Node or OpenSSL. */
const CURES: readonly (readonly [RegExp, string])[] = [
  [/^CERT_HAS_EXPIRED$/, 'The certificate of the server has expired: it must be renewed there.'],
  [/^CERT_NOT_YET_VALID$/, 'The certificate of the server is not valid yet: check the clock of this machine.'],
  [
    /^(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_)/,
    'The certificate of the server is signed by nobody who is known here: give its authority as tls.ca.',
  ],
  [/ALTNAME|HOSTNAME_MISMATCH/, 'The certificate of the server is for another name: check the URL.'],
  [/ALERT_CERTIFICATE_REQUIRED/, 'The server asks for a client certificate: give tls.cert and tls.key.'],
  [/ALERT_CERTIFICATE_EXPIRED/, 'The server takes tls.cert for expired: give one that is valid.'],
  [
    /ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)/,
    'The server does not trust tls.cert: give one of an authority that it knows.',
  ],
];

/** Returns what is to be done about a refused handshake; empty where nobody knows. */
export function tlsCure(code: string): string {
  return CURES.find(([codes]) => codes.test(code))?.[1] ?? '';
}

/**
 * Returns the problem of a failed connection's client certificate: servers mostly hang up without a word. Undefined
 * where nothing is.
 * @param now epoch milliseconds
 */
export function certificateProblem(tls: SecureContextOptions | undefined, now = systemClock.now()): string | undefined {
  if (tls?.cert === undefined && tls?.pfx === undefined) return undefined;
  const option = tls.cert === undefined ? 'tls.pfx' : 'tls.cert';
  const certificate = certificateOf(tls);
  if (certificate === undefined) return undefined;
  const { validFrom, validTo } = certificate;
  if (Date.parse(validTo) < now)
    return `The client certificate in ${option} has expired (${day(validTo)}): give one that is valid, or tls as a function that reads the renewed one.`;
  if (Date.parse(validFrom) > now)
    return `The client certificate in ${option} is not valid yet (${day(validFrom)}): check the clock of this machine.`;
  return undefined;
}

/** Explains why Node makes nothing of TLS options, and the cure, by the code of OpenSSL. */
export function unusableTls(tls: SecureContextOptions, code: string, prefix = ''): string {
  const at = (option: keyof SecureContextOptions): string => `${prefix}tls.${option}`;
  const secret = tls.pfx === undefined || tls.pfx === null ? at('key') : at('pfx');
  if (/KEY_VALUES_MISMATCH/.test(code))
    return `${at('key')} is not the key of ${at('cert')}: give the two that belong together`;
  const encrypted = /BAD_DECRYPT|MAC_VERIFY|INTERRUPTED_OR_CANCELLED|BAD_PASSWORD|PASSWORD/.test(code);
  if (encrypted && tls.passphrase === undefined) return `${secret} is encrypted: give ${at('passphrase')}`;
  if (encrypted) return `${secret} cannot be decrypted: ${at('passphrase')} must be the right one`;
  return `give cert, key, ca and pfx as PEM texts or Buffers, with the right passphrase${code === '' ? '' : ` (${code})`}`;
}

function certificateOf(tls: SecureContextOptions): X509Certificate | undefined {
  try {
    const { context } = createSecureContext(tls) as { context: { getCertificate?(): Buffer | undefined } };
    const bytes = context.getCertificate?.();
    return bytes && new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}

function day(date: string): string {
  return new Date(date).toISOString().slice(0, 10);
}
