import type { GrantOptions } from './grant-options.js';

/** Settings of axios that may hold a certificate, or change a request. */
const OPAQUE_SETTINGS = [
  'httpAgent',
  'httpsAgent',
  'adapter',
  'beforeRedirect',
  'lookup',
  'socketPath',
  'proxy',
] as const;

/**
 * Names the options that can change what is asked for and cannot be read: hooks, functions, agents, transports. Two
 * providers that differ in them could get different tokens, and nothing in a key would tell.
 * @param more of the grant's own
 */
export function opaqueOptions(options: GrantOptions, more: string | undefined): readonly string[] {
  const { compliance = {}, authMethod, http = {} } = options;
  const asking = ['tokenRequest', 'tokenResponse', 'refreshRequest', 'refreshResponse'] as const;
  return [
    ...asking.filter((name) => compliance[name] !== undefined).map((name) => `compliance.${name}`),
    ...([authMethod] as unknown[][]).flat(2).flatMap((method) => (typeof method === 'function' ? ['authMethod'] : [])),
    ...(http.transport === undefined ? [] : ['http.transport']),
    ...OPAQUE_SETTINGS.filter((name) => http.axios?.[name as 'proxy'] !== undefined).map(
      (name) => `http.axios.${name}`,
    ),
    ...(more === undefined ? [] : [more]),
  ];
}
