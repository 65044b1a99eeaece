import type { AxiosAdapter, AxiosInstance } from 'axios';
import { ConfigurationError } from '../errors.js';
import type { ForgeHttpClient } from './forge-http-client.js';

/** Marks an adapter that was put there by {@link attachForgeAuth}. */
const ATTACHED = Symbol('nestjs-forge-auth: attached');

/**
 * Gives an axios instance, or Nest HttpService, that exists already the client's authentication, retries, hooks and
 * redaction. Its own defaults, interceptors and agents stay; so does an adapter of its own, which then sends.
 *
 * Returns a function that undoes it.
 * @throws {ConfigurationError} when a client is attached already: detach it first
 */
export function attachForgeAuth(
  target: AxiosInstance | { readonly axiosRef: AxiosInstance },
  client: ForgeHttpClient,
): () => void {
  const instance = 'axiosRef' in target ? target.axiosRef : target;
  const defaults = (instance as Partial<AxiosInstance> | undefined)?.defaults;
  if (defaults === undefined)
    throw new ConfigurationError('attachForgeAuth needs an axios instance or an HttpService.');
  const previous = defaults.adapter;
  if (typeof previous === 'function' && ATTACHED in previous) {
    throw new ConfigurationError('A client is attached to this axios instance already. Detach it first.');
  }
  const adapter: AxiosAdapter = Object.assign(
    client.adapterOver(typeof previous === 'function' ? previous : undefined),
    {
      [ATTACHED]: true,
    },
  );
  defaults.adapter = adapter;
  return () => {
    if (defaults.adapter !== adapter) return;
    if (previous === undefined) delete defaults.adapter;
    else defaults.adapter = previous;
  };
}
