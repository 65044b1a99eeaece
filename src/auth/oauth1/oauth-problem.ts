import type { ForgeResponse } from '../../http/forge-response.js';

/**
 * The problems that services report by name. Of what a service says, only these are repeated.
 * @see [OAuth Problem Reporting](https://web.archive.org/web/20120311082346/http://wiki.oauth.net/w/page/12238543/ProblemReporting)
 */
const PROBLEMS: ReadonlySet<string> = new Set([
  'additional_authorization_required',
  'consumer_key_refused',
  'consumer_key_rejected',
  'consumer_key_unknown',
  'nonce_used',
  'parameter_absent',
  'parameter_rejected',
  'permission_denied',
  'permission_unknown',
  'signature_invalid',
  'signature_method_rejected',
  'timestamp_refused',
  'token_expired',
  'token_rejected',
  'token_revoked',
  'token_used',
  'user_refused',
  'verifier_invalid',
  'version_rejected',
]);

/** A report is a line; a page that is longer is none. */
const MOST_CHARACTERS = 8_192;

/** Returns the problem that the service reports, in the challenge or the body; undefined where none is known. */
export function oauthProblemOf(response: ForgeResponse): string | undefined {
  const challenges = [response.headers['www-authenticate'] ?? []].flat().join(', ');
  return knownProblem(challenges) ?? knownProblem(textOf(response));
}

/** The `oauth_problem` that a text names, as a form, an auth-param or JSON has it. */
export function knownProblem(text: string): string | undefined {
  const named = /\boauth_problem["']?\s*[=:]\s*["']?(\w+)/.exec(text.slice(0, MOST_CHARACTERS))?.[1];
  return named !== undefined && PROBLEMS.has(named) ? named : undefined;
}

/**
 * Describes a rejection, in words that follow the status.
 * @param correctionS seconds by which the timestamp was corrected, where it was
 * @param sentAgain whether it was sent with that correction
 */
export function describeRejection(
  problem: string | undefined,
  correctionS: number | undefined,
  sentAgain: boolean,
): string {
  const why = problem === undefined ? 'the OAuth 1.0a signature was refused' : `OAuth 1.0a: ${problem}`;
  if (correctionS === undefined) return why;
  const off = `the clock of this machine is ${Math.abs(correctionS)} s ${correctionS > 0 ? 'behind' : 'ahead of'} the service's`;
  return sentAgain ? `${why}, also after the timestamp was corrected: ${off}` : `${why}: ${off}`;
}

/** A stream is the caller's to read. */
function textOf(response: ForgeResponse): string {
  try {
    return response.text();
  } catch {
    return '';
  }
}
