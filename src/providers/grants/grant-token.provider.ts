import { ownJson } from '../../option-check/own-json.js';
import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { mountedData, mountedDataFault } from '../../option-check/mounted-text.js';
import { ConfigurationError } from '../../errors.js';
import { checkText, GRANT_RULES, type GrantOptions } from '../grant-options.js';
import { SlowFingerprint } from '../keys/secret.js';
import { readWithin } from '../keys/text-source.js';
import type { Grant, GrantParameters } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';

/** Options of {@link GrantTokenProvider}. */
export interface GrantTokenProviderOptions extends GrantOptions {
  /** The grant's name: a word or a URI. */
  grantType: string;
  /**
   * Parameters of the request beside scope, audience and resource; or a function of them, called for each request. Left
   * out: none.
   */
  params?: GrantParameters | (() => GrantParameters | Promise<GrantParameters>);
}

const NAMED_GRANT_RULES: OptionRules<GrantTokenProviderOptions> = Object.freeze({
  ...GRANT_RULES,
  params: RULES.any,
});

/** Any grant by its name. @see [RFC 6749 §4.5](https://www.rfc-editor.org/rfc/rfc6749#section-4.5) */
export class GrantTokenProvider extends OAuthTokenProvider<GrantTokenProviderOptions> {
  protected readonly rules = NAMED_GRANT_RULES;

  protected grantOf(options: GrantTokenProviderOptions, owner: string): Grant {
    const { grantType, params = {} } = options;
    checkText(grantType, `${owner}: grantType`);
    const checked = (given: unknown): GrantParameters => checkParameters(given, owner);
    if (typeof params !== 'function') {
      const fault = mountedDataFault(checked(params), `${owner}: params`);
      if (fault !== undefined) throw new ConfigurationError(`${fault}.`);
    }
    const fingerprint = new SlowFingerprint();
    const own = typeof params === 'function' ? [] : Object.entries(params).sort();
    return {
      grantType,
      parameters: async ({ clock }) =>
        typeof params === 'function'
          ? mountedData(checked(await readWithin(params, `${owner}: params`, clock)))
          : params,
      // A password may be among them. Without any it is the request of whatever provider has that grant.
      keyParts: async () => (own.length === 0 ? [] : [await fingerprint.of(ownJson(own), grantType)]),
      ...(typeof params === 'function' ? { unknown: 'params' } : undefined),
    };
  }
}

/** @throws {ConfigurationError} unless `params` is an object of texts and lists of texts */
function checkParameters(params: unknown, owner: string): GrantParameters {
  const valid =
    typeof params === 'object' &&
    params !== null &&
    Object.values(params).every((value) => isText(value) || (Array.isArray(value) && value.every(isText)));
  if (valid) return params as GrantParameters;
  throw new ConfigurationError(`${owner}: params must be an object of texts, or a function that returns one.`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
