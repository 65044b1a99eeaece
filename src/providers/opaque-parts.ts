import { isSetPerRequest } from '../http/axios/per-request.js';
import { ownJson } from '../option-check/own-json.js';
import type { HttpRequesterOptions } from '../http/http-requester.js';
import { ownOptions } from '../option-check/own-options.js';
import { opaqueCredentials } from './client-authentication/registry.js';
import type { GrantOptions } from './grant-options.js';

/** Settings of axios that lead requests another way, and can be written down. */
const WAYS = ['proxy', 'socketPath'] as const;

/** Returns the settings that lead requests another way, in one form: they are part of a token's key. */
export function waysOf(axios: HttpRequesterOptions['axios']): readonly string[] {
  const settings = ownOptions(axios);
  return WAYS.flatMap((name) => (settings[name] ? [name, ownJson(settings[name])] : []));
}

/**
 * Names the options that can change what is asked for and cannot be read: hooks, functions, agents, transports. Two
 * providers that differ in them could get different tokens, and nothing in a key would show it.
 * @param more of the grant's own
 */
export function opaqueOptions(options: GrantOptions, more: string | undefined): readonly string[] {
  const { compliance, authMethod, http } = options;
  const names: string[] = [];
  if (compliance !== undefined)
    names.push(...ASKING.filter((name) => compliance[name] !== undefined).map((name) => `compliance.${name}`));
  if (authMethod !== undefined)
    for (const method of ([authMethod] as unknown[][]).flat(2))
      if (typeof method === 'function') names.push('authMethod');
  names.push(...opaqueCredentials(options));
  if (http !== undefined) names.push(...opaqueSettings(http).map((name) => `http.${name}`));
  if (more !== undefined) names.push(more);
  return names;
}

/** Hooks of {@link GrantOptions.compliance} that see what is asked for. */
const ASKING = ['tokenRequest', 'tokenResponse', 'refreshRequest', 'refreshResponse'] as const;

/** Names what of the way to an endpoint can change a request and cannot be read: a transport, agents, functions. */
export function opaqueSettings({ transport, axios }: HttpRequesterOptions): readonly string[] {
  const settings = Object.entries(ownOptions(axios)).filter(
    ([name, value]) => !isSetPerRequest(name) && !isPlain(value),
  );
  return [...(transport === undefined ? [] : ['transport']), ...settings.map(([name]) => `axios.${name}`)];
}

/** Checks for a value that can be written down whole: no function, no instance of anything, nor one within. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function';
  const prototype: unknown = Object.getPrototypeOf(value);
  const isData = prototype === Object.prototype || prototype === null || Array.isArray(value);
  return isData && Object.values(value).every(isPlain);
}
