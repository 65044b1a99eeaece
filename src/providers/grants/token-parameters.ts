import { ownJson } from '../../option-check/own-json.js';
import { ownOptions } from '../../option-check/own-options.js';
import { scopes } from '../../token/token-key.js';
import type { TokenRequest } from '../../token/token-provider.js';
import type { GrantOptions } from '../grant-options.js';
import type { GrantParameters } from './grant.js';

/**
 * The form of a token request: the grant's own parameters, and what every grant asks with. What the call asks for takes
 * the place of what the service is configured with.
 */
export function tokenParameters(own: GrantParameters, given: GrantOptions, asked: TokenRequest): URLSearchParams {
  const options = ownOptions(given);
  const request = ownOptions(asked);
  const { scope = options.scope, audience = options.audience, resource = options.resource } = request;
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(own)) {
    for (const item of [value].flat()) parameters.append(name, item);
  }
  if (scope !== undefined && scopes(scope).length > 0) parameters.set('scope', scopes(scope).join(' '));
  for (const value of [audience ?? []].flat()) parameters.append('audience', value);
  for (const value of [resource ?? []].flat()) parameters.append('resource', value);
  const { claims } = request;
  if (claims !== undefined) parameters.set('claims', typeof claims === 'string' ? claims : ownJson(claims));
  for (const [name, value] of Object.entries({ ...options.extraParams, ...request.extraParams })) {
    if (name !== 'grant_type') parameters.set(name, value);
  }
  return parameters;
}
