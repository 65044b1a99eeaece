import { ownOptions } from '../../option-check/own-options.js';
import { hasCertificate } from './client-certificate.js';
import type { ClientAuthDefinition } from './client-authentication.js';

/** A certificate of an authority that the issuer trusts. @see [RFC 8705 §2.1](https://www.rfc-editor.org/rfc/rfc8705#section-2.1) */
export const tlsClientAuth: ClientAuthDefinition<'tls_client_auth'> = certificate('tls_client_auth');

/** A certificate that the issuer knows. @see [RFC 8705 §2.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.2) */
export const selfSignedTlsClientAuth: ClientAuthDefinition<'self_signed_tls_client_auth'> =
  certificate('self_signed_tls_client_auth');

/** The connection proves who the client is: the request names it. */
function certificate<Name extends string>(name: Name): ClientAuthDefinition<Name> {
  return {
    name,
    missing: ({ http }) =>
      http !== undefined && (hasCertificate(ownOptions(http).tls) || http.transport || http.axios)
        ? undefined
        : 'certificate in http.tls',
    // An agent or transport may hold a certificate, and mostly does not. Nobody but the issuer says whether one takes
    // the place of a secret: without discovery the secret is shown, as over a connection without one.
    isCertain: ({ http, issuer, clientSecret }) =>
      http !== undefined &&
      (issuer !== undefined || clientSecret === undefined) &&
      hasCertificate(ownOptions(http).tls),
    bind: ({ options: { clientId } }) => ({ name, apply: ({ body }) => body.set('client_id', clientId) }),
  };
}
