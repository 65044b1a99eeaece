import type { SecureContextOptions } from 'node:tls';

/**
 * TLS of one party: a service, or a provider's token endpoint. Nothing is inherited between the two.
 * @see [tls.createSecureContext](https://nodejs.org/docs/latest-v20.x/api/tls.html#tlscreatesecurecontextoptions)
 */
export interface TlsOptions extends Pick<SecureContextOptions, 'cert' | 'key' | 'ca' | 'pfx' | 'passphrase'> {
  /** `false` switches certificate checks off, and is warned of at bootstrap. Left out, Node's own rule holds. */
  rejectUnauthorized?: boolean;
}
