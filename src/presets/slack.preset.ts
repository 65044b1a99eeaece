import type { Compliance } from '../providers/compliance.js';
import { jsonOf, preset, type Preset } from './preset.js';

/** Options of {@link slack}. */
export interface SlackPresetOptions {
  /** Owner of the token that is used: the app's bot, or the user who installed it. @default 'bot' */
  token?: 'bot' | 'user';
}

/** Errors by which Slack refuses a refresh token or code that is spent: RFC 6749's `invalid_grant`. */
const SPENT = /^(?:invalid_refresh_token|invalid_code|code_already_used|token_expired|token_revoked|invalid_grant)/;
const WRONG_CLIENT = /^(?:invalid_client_id|bad_client_secret)/;

/**
 * Slack with token rotation: failures come as 200 with `ok: false`, types are `bot` and `user`, and a user's token stands
 * in `authed_user`. For `RefreshTokenProvider` and `AuthorizationCodeTokenProvider`; scopes are separated by commas there.
 * @see [Slack: Token rotation](https://docs.slack.dev/authentication/using-token-rotation/)
 */
export function slack<Given extends SlackPresetOptions & { clientId?: string }>(
  options: Given = {} as Given,
): Preset<SlackPresetOptions, Given, SlackMade> {
  const readable: NonNullable<Compliance['tokenResponse']> = (response) => {
    const body = jsonOf(response.body);
    if (body?.['ok'] === false) return { ...response, status: 400, body: { error: errorOf(body['error']) } };
    const user = options.token === 'user' ? jsonOf(body?.['authed_user']) : undefined;
    return { ...response, body: { ...body, ...user, token_type: 'Bearer' } };
  };
  return preset<SlackPresetOptions, Given, SlackMade>('slack', options, ['token'], {
    tokenUrl: 'https://slack.com/api/oauth.v2.access',
    authorizationUrl: 'https://slack.com/oauth/v2/authorize',
    authMethod: 'client_secret_post',
    compliance: { tokenResponse: readable, refreshResponse: readable },
  });
}

interface SlackMade {
  tokenUrl: string;
  authorizationUrl: string;
  authMethod: 'client_secret_post';
  compliance: Compliance;
}

function errorOf(error: unknown): string {
  const code = typeof error === 'string' ? error : '';
  if (SPENT.test(code)) return 'invalid_grant';
  if (WRONG_CLIENT.test(code)) return 'invalid_client';
  return code === 'ratelimited' || code === 'internal_error' || code === 'service_unavailable'
    ? 'temporarily_unavailable'
    : 'invalid_request';
}
