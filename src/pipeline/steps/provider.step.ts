import { Instant } from '../../clock.js';
import { callDeclared, declared, ownOptions } from '../../option-check/own-options.js';
import { HttpRequester } from '../../http/http-requester.js';
import { obtainToken } from '../../token/obtain-token.js';
import { closeProvider } from '../../token/close-provider.js';
import { revokeAll, revokesAtClose } from '../../token/revocation-at-close.js';
import { bindProvider, type TokenRequestContext, type TokenRequest } from '../../token/token-provider.js';
import { originOfProvider } from '../../token/provider-origin.js';
import type { PipelineStep, ProviderStep, StepScope } from './pipeline-step.js';
import { withTtl } from '../fetchers/token-ttl.js';

/** Binds a step whose token comes from a grant or a provider of one's own. */
export async function providerStep(step: ProviderStep, scope: StepScope): Promise<PipelineStep> {
  const { clock, logger, serviceName } = scope;
  const provider = await bindProvider(step.provider, scope);
  const http = declared(provider, 'http') ?? new HttpRequester({}, clock);
  const contextOf = (signal: AbortSignal, deadline: number): TokenRequestContext => ({
    http,
    signal,
    deadline,
    clock,
    logger,
    request: ownOptions<TokenRequest>({}),
    ...(serviceName === undefined ? undefined : { serviceName }),
  });
  return {
    name: step.name,
    dependsOn: step.dependsOn ?? [],
    ttlMs: step.ttlMs,
    deadlineMs: undefined,
    refreshWindowMs: undefined,
    grantType: declared(provider, 'grantType'),
    origin: originOfProvider(provider, step.provider),
    identity: async () => [
      ...((await callDeclared(provider, 'keyParts')) ?? [provider.constructor.name]),
      ...(declared(provider, 'identity') ?? []),
    ],
    obtain: async ({ previous, signal, deadline, claim, report }) => {
      const requestedAt = new Instant(clock);
      const context = contextOf(signal, deadline);
      const reveal = scope.revealCauses;
      const token = await obtainToken(provider, { previous, context, claim, report, reveal });
      return withTtl(token, step.ttlMs, requestedAt.epochMs);
    },
    close: async (last) => {
      if (last !== undefined && revokesAtClose(provider, scope))
        await revokeAll(provider, [last], scope, (signal) =>
          contextOf(signal, clock.now() + scope.settings.deadlineMs),
        );
      await Promise.all([closeProvider(provider, scope), http.close()]);
    },
  };
}
