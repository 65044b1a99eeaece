import { shownName, shownWord } from '../option-check/option-suggestion.js';
import { checkOptions, definitionPlace, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { ConfigurationError } from '../errors.js';
import type { ServiceScope } from '../token/runtime.js';
import type { SourceProvider } from '../token/source-provider.js';
import type { TokenSource } from '../token/token-source.js';
import type { Token } from '../token/token.js';
import { PipelineTokenSource } from './pipeline.token-source.js';
import { TokenFetchPipeline } from './token-fetch-pipeline.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link PipelineTokenProvider}. */
export interface PipelineTokenProviderOptions {
  /** The pipeline whose result is the token. */
  pipeline: TokenFetchPipeline;
  /** Step from which a rejection of the result renews: this one and all that depend on it. @default every step */
  refreshFromStep?: string;
}

const RULES_OF: OptionRules<PipelineTokenProviderOptions> = Object.freeze({
  pipeline: RULES.any,
  refreshFromStep: RULES.text,
});

/** A pipeline, used like any other provider. A manager over it keeps no token of its own. */
export class PipelineTokenProvider implements SourceProvider {
  /** The definition that it stands on. */
  readonly pipeline: TokenFetchPipeline;
  readonly #refreshFromStep: string | undefined;

  /** @throws {ConfigurationError} when there is no pipeline, or no such step */
  constructor(given: PipelineTokenProviderOptions) {
    checkOptions(given, RULES_OF, definitionPlace(this));
    const options = ownOptions(given);
    const { pipeline, refreshFromStep } = options;
    if (!(pipeline instanceof TokenFetchPipeline))
      throw new ConfigurationError('PipelineTokenProvider: pipeline must be a TokenFetchPipeline.');
    const names = pipeline.stepNames;
    const known =
      refreshFromStep === undefined || names.includes(refreshFromStep) || names.length === 0 || pipeline.hasClasses;
    if (!known) {
      throw new ConfigurationError(
        `PipelineTokenProvider: refreshFromStep "${shownName(refreshFromStep)}" is no step. Steps: ${names.map(shownWord).join(', ')}.`,
      );
    }
    this.pipeline = pipeline;
    this.#refreshFromStep = refreshFromStep;
  }

  /** The pipeline's token. */
  fetchToken(): Promise<Token> {
    return this.pipeline.execute();
  }

  /**
   * The pipeline as the source of a manager's tokens: bound to a service; outside of one the pipeline itself, which is
   * kept as its first manager says.
   * @internal
   */
  async createSource(scope: ServiceScope): Promise<TokenSource> {
    const { standalone = false, events } = scope;
    const bound = standalone ? await this.pipeline.ready(scope) : await this.pipeline.bind(scope);
    bound.listen(events);
    return new PipelineTokenSource(bound, this.#refreshFromStep, this.pipeline);
  }
}
