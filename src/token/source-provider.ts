import type { ServiceScope } from './runtime.js';
import type { TokenProvider } from './token-provider.js';
import type { TokenSource } from './token-source.js';
import { declared } from '../option-check/own-options.js';

/** A provider that keeps its tokens itself: a manager over it keeps none. */
export interface SourceProvider extends TokenProvider {
  /** @internal */
  createSource(scope: ServiceScope): Promise<TokenSource>;
}

/** Checks whether a provider keeps its tokens itself. */
export function isSourceProvider(provider: TokenProvider): provider is SourceProvider {
  return typeof declared(provider as Partial<SourceProvider>, 'createSource') === 'function';
}
