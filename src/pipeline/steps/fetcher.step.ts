import { shownWord } from '../../option-check/option-suggestion.js';
import { OptionThrew } from '../../option-check/option-threw.js';
import { callDeclared, declared } from '../../option-check/own-options.js';
import { ForgeAuthError } from '../../errors.js';
import { isTransient } from '../../token/token-failure.js';
import type { Token } from '../../token/token.js';
import { TokenRequestRetry } from '../../providers/issuer/token-request-retry.js';
import { TokenWanted } from '../fetchers/fetch-context.js';
import type { PipelineStep, StepScope } from './pipeline-step.js';
import { certificateIdentity, fetcherIdentity, opaqueOf, originOfFetcher } from './step-identity.js';
import type { FetchContext, TokenFetcher } from '../fetchers/token-fetcher.js';
import { withTtl } from '../fetchers/token-ttl.js';
import { ownCause, revealOwnCause } from '../../redaction/own-cause.js';

/** Binds a step that is a fetcher. */
export function fetcherStep(fetcher: TokenFetcher, scope: StepScope, owner: string): PipelineStep {
  const { clock, named, revealCauses, logger, storage } = scope;
  const opaque = opaqueOf(fetcher);
  if (opaque.length > 0 && storage()?.inProcess !== true)
    logger.log(
      `${owner}: step "${shownWord(fetcher.name)}": ${opaque.join(', ')} may change what is asked for, so its tokens stay in this process. To share them, add identity: 'a name for what it does' to the fetcher's options.`,
    );
  const retry = new TokenRequestRetry(declared(fetcher, 'retry'));
  let identity: Promise<readonly string[]> | undefined;
  return {
    name: fetcher.name,
    dependsOn: declared(fetcher, 'dependsOn') ?? [],
    ttlMs: declared(fetcher, 'ttlMs'),
    deadlineMs: declared(fetcher, 'deadlineMs'),
    refreshWindowMs: declared(fetcher, 'refreshWindowMs'),
    grantType: undefined,
    origin: originOfFetcher(fetcher),
    identity: async () => [
      ...(await (identity ??= fetcherIdentity(fetcher, named))),
      ...(await certificateIdentity(fetcher)),
    ],
    obtain: async ({ context, signal, deadline }) => {
      const token = await retry.run(
        () => {
          context.beginAttempt();
          return fetch(fetcher, context, revealCauses);
        },
        { clock, signal, deadline },
        (error) => !(error instanceof TokenWanted) && isTransient(error),
      );
      return withTtl(token, declared(fetcher, 'ttlMs'), context.requestedAt);
    },
    onFetchError: (error, context) => callDeclared(fetcher, 'onFetchError', error, context),
  };
}

async function fetch(fetcher: TokenFetcher, context: FetchContext, reveal: boolean): Promise<Token> {
  try {
    return await fetcher.fetch(context);
  } catch (error) {
    revealOwnCause(error, reveal);
    // It may be a function of the fetcher's that asks for the token.
    const wanted = OptionThrew.original(error);
    if (wanted instanceof TokenWanted) throw wanted;
    if (error instanceof ForgeAuthError || context.signal.aborted) throw error;
    const secrets = fetcher.dependsOn?.filter((name) => context.has(name)).map((name) => context.accessToken(name));
    throw ownCause(error, { reveal, secrets: secrets ?? [] });
  }
}
