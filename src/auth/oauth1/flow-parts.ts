import type { Clock } from '../../clock.js';
import type { HttpRequester } from '../../http/http-requester.js';
import { guardedLogger, silentLogger } from '../../logger.js';
import type { TokenEncryption } from '../../storage/encryption.js';
import { GuardedStorage } from '../../storage/guarded-storage.js';
import type { TokenStorage } from '../../storage/token-storage.js';
import { DEFAULT_KEY_PREFIX } from '../../token/standalone.js';
import type { OAuth1FlowOptions } from './flow-options.js';
import { RequestTokens } from './request-tokens.js';
import type { ResolvedSigning } from './signing-options.js';
import { TokenEndpoint } from './token-endpoint.js';
import { UserTokens } from './user-tokens.js';

/** Options of a flow, checked, and what was made of them. */
export interface FlowMaterial {
  readonly options: OAuth1FlowOptions;
  readonly signing: ResolvedSigning;
  readonly clock: Clock;
  readonly http: HttpRequester;
  readonly storage: TokenStorage;
  readonly encryption: TokenEncryption | undefined;
}

/** Parts of a flow that its first call needs. */
export interface FlowParts {
  readonly endpoint: TokenEndpoint;
  readonly storage: GuardedStorage;
  readonly pending: RequestTokens;
  readonly users: UserTokens;
}

/** Makes the parts of a flow. Loaded with its first call. */
export function flowParts({ options, signing, clock, http, storage, encryption }: FlowMaterial): FlowParts {
  const { clientId, accessTokenUrl, keyPrefix = DEFAULT_KEY_PREFIX, method = 'POST' } = options;
  const logger = guardedLogger(options.logger ?? silentLogger);
  const guarded = new GuardedStorage(storage, { clock, logger, encryption });
  const owner = [accessTokenUrl, typeof clientId === 'string' ? clientId : ''];
  const kept = { storage: guarded, clock, keyPrefix, owner };
  return {
    endpoint: new TokenEndpoint(signing, method, http, clock),
    storage: guarded,
    pending: new RequestTokens(kept),
    users: new UserTokens(kept),
  };
}
