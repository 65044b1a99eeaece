import { registeredCode } from './registered-code.js';

/** As the registry of IANA for OAuth's extension errors and the specifications beside it have them. */
const CODES = [
  'invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope access_denied',
  'unsupported_response_type server_error temporarily_unavailable invalid_token insufficient_scope',
  'unsupported_token_type authorization_pending slow_down expired_token invalid_target',
  'invalid_authorization_details use_dpop_nonce invalid_dpop_proof insufficient_user_authentication',
  'unsupported_pop_key incompatible_ace_profiles need_info request_denied request_submitted interaction_required',
  'login_required account_selection_required consent_required unmet_authentication_requirements invalid_request_uri',
  'invalid_request_object request_not_supported request_uri_not_supported registration_not_supported',
  'expired_login_hint_token unknown_user_id missing_user_code invalid_user_code invalid_binding_message',
  'transaction_failed invalid_redirect_uri invalid_client_metadata invalid_software_statement',
  'unapproved_software_statement',
].flatMap((line) => line.split(' '));

it.each(CODES)('repeats %s', (code) => {
  expect(registeredCode(code)).toBe(code);
});

it.each(['canary-4711', '', 'Invalid_Grant', 'invalid_grant ', undefined, null, 7, ['invalid_grant']])(
  'repeats nothing of what no specification registers: %j',
  (error) => {
    expect(registeredCode(error)).toBe('unregistered_error');
  },
);
