import { ConfigurationError } from '../errors.js';
import type { SourceEnvironment, SourceProvider } from '../token/source-provider.js';
import type { TokenSource } from '../token/token-source.js';
import type { Token } from '../token/token.js';
import { PipelineTokenSource } from './pipeline.token-source.js';
import { TokenFetchPipeline } from './token-fetch-pipeline.js';

/** Options of {@link PipelineTokenProvider}. */
export interface PipelineTokenProviderOptions {
  pipeline: TokenFetchPipeline;
  /** Where a rejection of the result starts to renew: this step and all that depend on it. @default every step */
  refreshFromStep?: string;
}

/** A pipeline, used like any other provider. A manager over it keeps no token of its own. */
export class PipelineTokenProvider implements SourceProvider {
  readonly #pipeline: TokenFetchPipeline;
  readonly #refreshFromStep: string | undefined;

  /** @throws {ConfigurationError} when there is no pipeline, or no such step */
  constructor(options: PipelineTokenProviderOptions) {
    const { pipeline, refreshFromStep } = options;
    if (!(pipeline instanceof TokenFetchPipeline))
      throw new ConfigurationError('PipelineTokenProvider: pipeline must be a TokenFetchPipeline.');
    const names = pipeline.stepNames;
    const known =
      refreshFromStep === undefined || names.includes(refreshFromStep) || names.length === 0 || pipeline.hasClasses;
    if (!known) {
      throw new ConfigurationError(
        `PipelineTokenProvider: refreshFromStep "${refreshFromStep}" is no step. Steps: ${names.join(', ')}.`,
      );
    }
    this.#pipeline = pipeline;
    this.#refreshFromStep = refreshFromStep;
  }

  /** The pipeline's token. */
  fetchToken(): Promise<Token> {
    return this.#pipeline.execute();
  }

  /**
   * The pipeline as the source of a manager's tokens: bound to a service, or as it is outside of one.
   * @internal
   */
  async createSource(environment?: SourceEnvironment): Promise<TokenSource> {
    const bound = environment === undefined ? await this.#pipeline.ready() : await this.#pipeline.bind(environment);
    return new PipelineTokenSource(bound, this.#refreshFromStep);
  }
}
