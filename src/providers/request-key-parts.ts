import type { Clock } from '../clock.js';
import { readTls } from '../http/node/fresh-tls.agent.js';
import { certificatesOf } from '../http/tls-options.js';
import { ownOptions } from '../option-check/own-options.js';
import { canonicalRequest, fingerprintOf } from '../token/token-key.js';
import type { TokenRequest } from '../token/token-provider.js';
import type { GrantOptions } from './grant-options.js';
import { waysOf } from './opaque-parts.js';
import { readWithin } from './keys/text-source.js';

/**
 * The parts of a token's key that come from what every request of a grant carries: scope, audience, resource, headers,
 * certificates, ways to the endpoint.
 */
export async function requestKeyParts(options: GrantOptions, owner: string, clock: Clock): Promise<readonly string[]> {
  const { scope, audience, resource, extraParams, http } = options;
  const tls = await readWithin(() => readTls(ownOptions(http).tls), `${owner}: http.tls`, clock);
  const asked: TokenRequest = {
    ...(scope === undefined ? undefined : { scope }),
    ...(audience === undefined ? undefined : { audience }),
    ...(resource === undefined ? undefined : { resource }),
    ...(extraParams === undefined ? undefined : { extraParams }),
  };
  return [
    canonicalRequest(asked),
    // A tenant may stand in a header, and tokens may be bound to the client's certificate.
    fingerprintOf(
      Object.entries(http?.headers ?? {})
        .sort()
        .flat(),
    ),
    fingerprintOf(certificatesOf(tls)),
    fingerprintOf(waysOf(http?.axios)),
  ];
}
