import { ownJson } from '../option-check/own-json.js';
import type { Compliance } from '../providers/compliance.js';
import { preset, type Preset } from './preset.js';

const asJson: NonNullable<Compliance['tokenRequest']> = (request) => ({
  ...request,
  headers: { ...request.headers, 'content-type': 'application/json' },
  body: ownJson(Object.fromEntries(new URLSearchParams(request.body))),
});

/**
 * Atlassian Cloud: token requests as JSON with id and secret in them; refresh tokens rotate and are given for the scope
 * `offline_access`. People are asked for the audience `api.atlassian.com`.
 * @see [Atlassian: OAuth 2.0 (3LO) apps](https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/)
 */
export function atlassian<Given extends object>(options: Given = {} as Given): Preset<object, Given, AtlassianMade> {
  return preset<object, Given, AtlassianMade>('atlassian', options, [], {
    tokenUrl: 'https://auth.atlassian.com/oauth/token',
    authorizationUrl: 'https://auth.atlassian.com/authorize',
    authMethod: 'client_secret_post',
    compliance: { tokenRequest: asJson, refreshRequest: asJson },
  });
}

interface AtlassianMade {
  tokenUrl: string;
  authorizationUrl: string;
  authMethod: 'client_secret_post';
  compliance: Compliance;
}
