/**
 * The `error` codes that specifications register. Of an issuer's words only these are repeated: anything else may quote
 * what was sent, a secret among it.
 */
const REGISTERED: ReadonlySet<string> = new Set([
  // RFC 6749, 6750, 7009
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'access_denied',
  'unsupported_response_type',
  'server_error',
  'temporarily_unavailable',
  'invalid_token',
  'insufficient_scope',
  'unsupported_token_type',
  // RFC 8628, 8707, 9396, 9449, 9470
  'authorization_pending',
  'slow_down',
  'expired_token',
  'invalid_target',
  'invalid_authorization_details',
  'use_dpop_nonce',
  'invalid_dpop_proof',
  'insufficient_user_authentication',
  // RFC 9200
  'unsupported_pop_key',
  'incompatible_ace_profiles',
  // User-Managed Access
  'need_info',
  'request_denied',
  'request_submitted',
  // OpenID Connect Core and its extensions, CIBA
  'interaction_required',
  'login_required',
  'account_selection_required',
  'consent_required',
  'unmet_authentication_requirements',
  'invalid_request_uri',
  'invalid_request_object',
  'request_not_supported',
  'request_uri_not_supported',
  'registration_not_supported',
  'expired_login_hint_token',
  'unknown_user_id',
  'missing_user_code',
  'invalid_user_code',
  'invalid_binding_message',
  'transaction_failed',
  // RFC 7591
  'invalid_redirect_uri',
  'invalid_client_metadata',
  'invalid_software_statement',
  'unapproved_software_statement',
]);

/** Returns the code to report for an `error`: a registered one as it is, anything else as `unregistered_error`. */
export function registeredCode(error: unknown): string {
  return isRegisteredCode(error) ? error : 'unregistered_error';
}

/** Checks whether an `error` is a registered code. */
export function isRegisteredCode(error: unknown): error is string {
  return typeof error === 'string' && REGISTERED.has(error);
}
