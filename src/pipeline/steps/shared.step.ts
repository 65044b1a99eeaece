import { shownWord } from '../../option-check/option-suggestion.js';
import { callDeclared } from '../../option-check/own-options.js';
import { ConfigurationError } from '../../errors.js';
import type { PipelineStep, SharedStep, StepScope } from './pipeline-step.js';

/** Binds a step whose token is another service's. It stays where it is: a refresh token least of all is kept twice. */
export function sharedStep(step: SharedStep, scope: StepScope, owner: string): PipelineStep {
  const { name, tokenManager, dependsOn = [] } = step;
  const source = callDeclared(scope, 'sharedSource', tokenManager, `step "${shownWord(name)}": tokenManager`);
  if (source === undefined)
    throw new ConfigurationError(
      `${owner}: step "${shownWord(name)}": tokenManager names a service, and there are none here.`,
    );
  return {
    name,
    dependsOn,
    ttlMs: undefined,
    deadlineMs: undefined,
    refreshWindowMs: undefined,
    grantType: undefined,
    identity: async () => ['shared', tokenManager],
    obtain: async ({ previous, signal, report: { cause } }) => {
      const handle = (await source()).for();
      const token = await handle.get(signal);
      const isAged = cause === 'window' || cause === 'expired';
      const isRefused = !isAged && token.fingerprint === previous?.fingerprint;
      const newer = isRefused ? await handle.replace(token, signal) : undefined;
      return (newer?.token ?? token).with({ refreshToken: undefined });
    },
    onTakenOut: (listener) =>
      void source().then(
        (tokens) => callDeclared(tokens.for(), 'onTakenOut', listener),
        () => undefined, // The first fetch reports why.
      ),
  };
}
