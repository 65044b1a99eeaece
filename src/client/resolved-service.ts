import type { Authenticator } from '../auth/authenticator.js';
import type { PathExclusion } from '../auth/path-exclusion.js';
import type { Clock } from '../clock.js';
import type { ForgeLogger } from '../logger.js';
import type { Observers } from '../observer.js';
import type { HeaderSpelling, HttpHeaders } from '../http/http-request.js';
import type { QueryParams } from '../http/query-params.js';
import type { Transport } from '../http/transport.js';
import type { BaseUrl } from '../http/url.js';
import type { RequestRetryStrategy } from '../retry/request-retry.strategy.js';
import type { HookList } from './layers/hooks.layer.js';
import type { ResolvedLogging } from './layers/log.layer.js';
import type { OriginPolicy } from './layers/origin-policy.js';

/** A service's options, complete and checked: what a client is made of. */
export interface ResolvedService {
  readonly name: string;
  readonly base: BaseUrl | undefined;
  readonly origins: OriginPolicy;
  readonly excluded: PathExclusion | undefined;
  /** `false`: the service needs no credential. */
  readonly authenticator: Authenticator | false;
  /** True when calls may ask for token parameters of their own. */
  readonly usesTokens: boolean;
  /** True when the service's credential takes the place of one that a call brings. */
  readonly replaceCredential: boolean;
  /** Names are lower-case. */
  readonly headers: Readonly<HttpHeaders>;
  readonly spelling?: HeaderSpelling | undefined;
  readonly params: QueryParams | undefined;
  readonly timeoutMs: number;
  readonly totalTimeoutMs: number | undefined;
  /** Undefined: nothing is retried. */
  readonly retry: RequestRetryStrategy | undefined;
  readonly maxRedirects: number;
  /** Undefined: as much as one may hold in memory; of a stream, anything. */
  readonly maxContentLength: number | undefined;
  readonly validateStatus: (status: number) => boolean;
  /** Undefined: there are none. */
  readonly hooks: HookList | undefined;
  /** Undefined: nothing is logged. */
  readonly logging: ResolvedLogging | undefined;
  readonly transport: Transport;
  /** True when the transport was made for this service, and is closed with it. */
  readonly ownsTransport: boolean;
  /** Observers of its calls; undefined: nobody can listen. */
  readonly observer?: Observers | undefined;
  /** True when errors of the app's own code are shown with their messages. */
  readonly revealCauses: boolean;
  readonly clock: Clock;
  readonly logger: ForgeLogger;
}
