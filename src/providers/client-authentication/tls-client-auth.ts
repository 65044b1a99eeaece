import { ownOptions } from '../../option-check/own-options.js';
import type { ClientAuthDefinition } from './client-authentication.js';

/** A certificate of an authority that the issuer trusts. @see [RFC 8705 §2.1](https://www.rfc-editor.org/rfc/rfc8705#section-2.1) */
export const tlsClientAuth: ClientAuthDefinition = certificate('tls_client_auth');

/** A certificate that the issuer knows. @see [RFC 8705 §2.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.2) */
export const selfSignedTlsClientAuth: ClientAuthDefinition = certificate('self_signed_tls_client_auth');

/** The connection proves who the client is: the request names it. */
function certificate(name: string): ClientAuthDefinition {
  return {
    name,
    missing: ({ http }) =>
      http !== undefined && (hasCertificate(ownOptions(http).tls) || http.transport || http.axios)
        ? undefined
        : 'certificate in http.tls',
    bind: ({ options: { clientId } }) => ({ name, apply: ({ body }) => body.set('client_id', clientId) }),
  };
}

/** Checks whether TLS options hold a client certificate; a function is taken to. */
export function hasCertificate(tls: unknown): boolean {
  if (typeof tls === 'function') return true;
  const { cert, pfx } = (tls ?? {}) as { cert?: unknown; pfx?: unknown };
  return cert !== undefined || pfx !== undefined;
}
