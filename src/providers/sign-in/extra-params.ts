import { ConfigurationError } from '../../errors.js';
import { IMPLICIT_FLOW } from './authorization-code-options.js';

/** Parameters that tie answer and request together: nobody but the provider sets them. */
const OURS: ReadonlySet<string> = new Set([
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_type',
  'state',
]);

/** @throws {ConfigurationError} when a parameter is none of the app's */
export function checkExtraParams(extraParams: Readonly<Record<string, string>> | undefined, owner: string): void {
  for (const [name, value] of Object.entries(extraParams ?? {})) {
    if (name === 'response_type' && value !== 'code') throw new ConfigurationError(`${owner}: ${IMPLICIT_FLOW}`);
    if (OURS.has(name)) throw new ConfigurationError(`${owner}: the parameter ${name} is set by the provider alone.`);
  }
}
