import { shownWord } from '../../option-check/option-suggestion.js';
import { declared, ownOptions } from '../../option-check/own-options.js';
import { checkOptions, type OptionRules, warningsOf } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { ConfigurationError } from '../../errors.js';
import { fetcherStep } from './fetcher.step.js';
import type { GivenStep, PipelineStep, ProviderStep, SharedStep, StepScope } from './pipeline-step.js';
import { providerStep } from './provider.step.js';
import { sharedStep } from './shared.step.js';
import type { TokenFetcher } from '../fetchers/token-fetcher.js';

const SHARED_STEP_RULES: OptionRules<SharedStep> = Object.freeze({
  name: RULES.text,
  tokenManager: RULES.text,
  dependsOn: { ...RULES.texts, what: 'a list of step names' },
});

const STEP_RULES: OptionRules<ProviderStep> = Object.freeze({
  name: RULES.text,
  provider: RULES.any,
  dependsOn: { ...RULES.texts, what: 'a list of step names' },
  ttlMs: RULES.lifetimeMs,
});

/** Binds a step. @throws {ConfigurationError} when it is neither a fetcher nor `{ name, provider }` */
export async function bindStep(given: GivenStep, scope: StepScope, owner: string): Promise<PipelineStep> {
  for (const warning of warningsOf(given)) scope.logger.warn(warning);
  if (isObject(given) && typeof declared(given as Partial<TokenFetcher>, 'fetch') === 'function')
    return fetcherStep(given as TokenFetcher, scope, owner);
  const step = ownOptions(given as ProviderStep & SharedStep);
  const place = {
    refuse: (problem: string): ConfigurationError => new ConfigurationError(`${owner}: ${problem}`),
    warn: (problem: string): void => scope.logger.warn(`${owner}: ${problem}`),
    prefix: `step "${shownWord(step.name)}": `,
  };
  if (isObject(step.provider) && typeof declared(step.provider, 'fetchToken') === 'function') {
    checkOptions<ProviderStep>(step, STEP_RULES, place);
    return providerStep(step, scope);
  }
  if (typeof step.tokenManager === 'string') {
    checkOptions<SharedStep>(step, SHARED_STEP_RULES, place);
    return sharedStep(step, scope, owner);
  }
  throw new ConfigurationError(
    `${owner}: a step must have a method fetch(), or be { name, provider } or { name, tokenManager }.`,
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
