import { type AxiosAdapter, type AxiosInstance, getAdapter } from 'axios';
import { ConfigurationError } from '../../errors.js';
import type { ForgeHttpClient } from '../forge-http-client.js';

/** Marks an adapter that was put there by {@link attachForgeAuth}: whether it is still to authenticate. */
const ATTACHED = Symbol('nestjs-forge-auth: attached');

interface Attached extends AxiosAdapter {
  [ATTACHED]?: boolean;
}

/**
 * Gives an axios instance, or Nest HttpService, that exists already the client's authentication, retries, hooks and
 * redaction. Its own defaults, interceptors and agents stay; so does an adapter of its own, which then sends.
 *
 * Returns a function that undoes it, for instances that were made of this one, too.
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
  if (typeof previous === 'function' && (previous as Attached)[ATTACHED] === true) {
    throw new ConfigurationError('A client is attached to this axios instance already. Detach it first.');
  }
  const authenticated = client.adapterOver(typeof previous === 'function' ? previous : undefined);
  // Detached, it may come back: a mock that was put over it restores it, and instances made of this one have it, too.
  const adapter: Attached = (config) =>
    (adapter[ATTACHED] === true ? authenticated : getAdapter(previous ?? 'http', config))(config);
  adapter[ATTACHED] = true;
  defaults.adapter = adapter;
  return () => {
    adapter[ATTACHED] = false;
    if (defaults.adapter !== adapter) return;
    if (previous === undefined) delete defaults.adapter;
    else defaults.adapter = previous;
  };
}
