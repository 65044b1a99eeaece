import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** PEM texts of one certificate and its private key. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** @default 'localhost' */
  commonName?: string;
  /** Names and addresses that the certificate is good for. @default ['localhost', '127.0.0.1', '::1'] */
  hosts?: readonly string[];
  /** Start of its validity. @default a day ago */
  notBefore?: Date;
  /** End of its validity; give a past date for an expired certificate. @default a day from now */
  notAfter?: Date;
  /** Signs the certificate. Without it the certificate signs itself, and is its own CA. */
  issuer?: Certificate;
}

const DAY_MS = 86_400_000;

/**
 * Makes a fresh EC certificate, for a server or for a client.
 *
 * A self-signed one can stand as `ca` of the other side, and as the `issuer` of further certificates.
 */
export async function createCertificate(options: CertificateOptions = {}): Promise<Certificate> {
  const { commonName = 'localhost', hosts = ['localhost', '127.0.0.1', '::1'], issuer } = options;
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: options.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfterDate: options.notAfter ?? new Date(Date.now() + DAY_MS),
    ...(issuer && { ca: issuer }),
    extensions: [
      { name: 'basicConstraints', cA: !issuer, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: !issuer, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: hosts.map((host) => (isIP(host) ? { type: 7, ip: host } : { type: 2, value: host })),
      },
    ],
  });
  return { cert: made.cert, key: made.private };
}
