import { ConfigurationError } from '../errors.js';
import type { TokenLock } from '../lock/token-lock.js';
import { checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { declared } from '../option-check/own-options.js';
import { shownValue } from '../redaction/redact.js';
import type { GetSet, TokenStorage } from '../storage/token-storage.js';
import type { GivenStep, ProviderStep } from './steps/pipeline-step.js';
import { StepGraph } from './steps/step-graph.js';
import type { TokenFetcher } from './fetchers/token-fetcher.js';

/** A class whose instances are fetchers: in Nest the app's own instance, or a new one with what it injects. */
export type TokenFetcherType = new (...args: never[]) => TokenFetcher;

/** A step: a fetcher, its class, a provider with a name, or the token of another service. */
export type PipelineStepOption = GivenStep | TokenFetcherType;

/** Options of a `TokenFetchPipeline`. */
export interface TokenFetchPipelineOptions {
  /** Steps, in any order. */
  steps: readonly PipelineStepOption[];
  /** Store of the steps' tokens. @default the service's; outside a module a memory of the pipeline's own */
  storage?: TokenStorage | GetSet;
  /** Makes one process of many run a step. @default on the storage's Redis, else in this process */
  lock?: TokenLock;
  /** Part of every step's key. @default the service's name */
  cacheKeyPrefix?: string;
  /** The step whose token is the pipeline's. @default the one that nothing depends on; of several the last listed */
  resultStep?: string;
}

const PIPELINE_RULES: OptionRules<TokenFetchPipelineOptions> = Object.freeze({
  steps: { accepts: Array.isArray, what: 'a list' },
  storage: RULES.any,
  lock: RULES.lock,
  cacheKeyPrefix: RULES.text,
  resultStep: RULES.text,
});

function refuse(problem: string): ConfigurationError {
  return new ConfigurationError(`TokenFetchPipeline: ${problem}`);
}

/**
 * Checks what can be checked before classes are created.
 * @throws {ConfigurationError} for an option that is wrong, a cycle, an unknown dependency, a doubled name, no steps
 */
export function checkPipelineOptions(options: TokenFetchPipelineOptions): void {
  checkOptions(options, PIPELINE_RULES, { refuse });
  if (options.steps === undefined) throw refuse('steps must be a list of fetchers.');
  const steps = options.steps as readonly PipelineStepOption[];
  if (steps.some((step) => typeof step === 'function')) return;
  graphOf(steps as GivenStep[], options.resultStep);
}

/**
 * Returns the graph of steps, all of them created.
 * @throws {ConfigurationError} naming `owner`, when a step is none, or they make no graph
 */
export function graphOf(
  steps: readonly GivenStep[],
  resultStep: string | undefined,
  owner = 'TokenFetchPipeline',
): StepGraph {
  const missing = steps.findIndex((step) => typeof step !== 'object' || step === null);
  if (missing >= 0)
    throw new ConfigurationError(
      `${owner}: step ${missing + 1} is ${shownValue(steps[missing])}. Is its file part of a circular import?`,
    );
  const nodes = steps.map((step) => ({
    name: step.name,
    dependsOn: declared(step, 'dependsOn') ?? [],
    ttlMs: declared(step as Partial<ProviderStep>, 'ttlMs'),
  }));
  return new StepGraph(nodes, resultStep, owner);
}
