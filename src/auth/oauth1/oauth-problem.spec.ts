import { knownProblem } from './oauth-problem.js';

/** As the page on problem reporting lists them. */
const LISTED = `additional_authorization_required consumer_key_refused consumer_key_rejected consumer_key_unknown nonce_used
  parameter_absent parameter_rejected permission_denied permission_unknown signature_invalid signature_method_rejected
  timestamp_refused token_expired token_rejected token_revoked token_used user_refused verifier_invalid version_rejected`;

describe('a problem that a service reports', () => {
  it.each(LISTED.split(/\s+/))('a problem that a service reports is repeated as %s', (problem) => {
    expect(knownProblem(`oauth_problem=${problem}&oauth_problem_advice=call%20us`)).toBe(problem);
  });

  it('a problem that a service reports is not repeated in any other word', () => {
    expect(knownProblem('oauth_problem=secret_of_the_consumer')).toBeUndefined();
  });
});
