import type { JwtBearerAssertion } from '../providers/grants/jwt-bearer.provider.js';
import { preset, type Preset } from './preset.js';

/** Options of {@link google}. */
export interface GooglePresetOptions {
  /** The service account's key file: its text, its JSON, `{ file }`, or a function of one. */
  key: JwtBearerAssertion['key'];
  /** User of a Workspace domain for whom the account acts (domain-wide delegation). Left out: the account itself. */
  subject?: string;
}

/**
 * A Google service account, for `JwtBearerTokenProvider`. Scopes stand in the assertion; there is no client id.
 * @see [Google: Using OAuth 2.0 for Server to Server Applications](https://developers.google.com/identity/protocols/oauth2/service-account#httprest)
 */
export function google<Given extends GooglePresetOptions>(
  options: Given,
): Preset<GooglePresetOptions, Given, { tokenUrl: string; assertion: JwtBearerAssertion }> {
  const { key, subject } = options;
  return preset('google', options, ['key', 'subject'], {
    tokenUrl: 'https://oauth2.googleapis.com/token',
    assertion: { key, lifetimeMs: 3_600_000, ...(subject === undefined ? undefined : { sub: subject }) },
  });
}
