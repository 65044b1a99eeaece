import { ownJson } from '../option-check/own-json.js';
import type { Compliance } from '../providers/compliance.js';
import type { JwtBearerAssertion } from '../providers/grants/jwt-bearer.provider.js';
import { jsonOf, preset, type Preset, text } from './preset.js';

/** Options of {@link githubApp}. */
export interface GithubAppPresetOptions {
  /** The app's client id, or its numeric id. */
  appId: string | number;
  /** Numeric id of the installation. */
  installationId: string | number;
  /** The app's private key (PEM). */
  privateKey: JwtBearerAssertion['key'];
  /** Narrows the token to some repositories and permissions. @default all of the installation */
  repositories?: readonly string[];
  /** Permissions of the token. Left out: all that the installation has. */
  permissions?: Readonly<Record<string, string>>;
  /** Base URL of the API. @default 'https://api.github.com' */
  apiUrl?: string;
}

/** GitHub refuses assertions of more than ten minutes, and its clock may be behind. */
const LIFETIME_MS = 540_000;

/**
 * An installation of a GitHub App, for `JwtBearerTokenProvider`: the assertion is the request's bearer token, the body is
 * JSON, and the answer a 201 with `token` and `expires_at`.
 * @throws {ConfigurationError} when an id is missing
 * @see [GitHub: Generating an installation access token](https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app)
 */
export function githubApp<Given extends GithubAppPresetOptions>(
  options: Given,
): Preset<GithubAppPresetOptions, Given, GithubAppMade> {
  const { privateKey, repositories, permissions, apiUrl = 'https://api.github.com' } = options;
  const installation = encodeURIComponent(text('githubApp', 'installationId', String(options.installationId ?? '')));
  const narrowed = ownJson({ repositories, permissions });
  return preset<GithubAppPresetOptions, Given, GithubAppMade>('githubApp', options, OWN, {
    tokenUrl: `${apiUrl.replace(/\/+$/, '')}/app/installations/${installation}/access_tokens`,
    assertion: {
      iss: text('githubApp', 'appId', String(options.appId ?? '')),
      key: privateKey,
      alg: 'RS256',
      lifetimeMs: LIFETIME_MS,
    },
    // What is narrowed changes the token: it is part of the key.
    identity: [narrowed],
    compliance: {
      tokenRequest: (request) => {
        const assertion = new URLSearchParams(request.body).get('assertion') ?? '';
        return {
          ...request,
          headers: {
            accept: 'application/vnd.github+json',
            authorization: `Bearer ${assertion}`,
            'content-type': 'application/json',
            'x-github-api-version': '2022-11-28',
          },
          body: narrowed,
        };
      },
      tokenResponse: (response) => {
        const body = jsonOf(response.body);
        if (typeof body?.['token'] !== 'string') return response;
        const { token, ...others } = body;
        return { ...response, body: { ...others, access_token: token, token_type: 'Bearer' } };
      },
    },
  });
}

const OWN = ['appId', 'installationId', 'privateKey', 'repositories', 'permissions', 'apiUrl'] as const;

interface GithubAppMade {
  tokenUrl: string;
  assertion: JwtBearerAssertion;
  identity: readonly string[];
  compliance: Compliance;
}
