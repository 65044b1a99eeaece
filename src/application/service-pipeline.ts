import { ownOptions } from '../option-check/own-options.js';
import type { TokenAuthOptions } from '../options/options.js';
import type { BoundPipeline } from '../pipeline/bound-pipeline.js';
import { PipelineTokenProvider } from '../pipeline/pipeline.provider.js';
import { PipelineTokenSource } from '../pipeline/pipeline.token-source.js';
import { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import type { TokenProvider } from '../token/token-provider.js';
import type { TokenSource } from '../token/token-source.js';

/** The pipeline that a source runs, if it runs one. */
export function boundPipelineOf(source: TokenSource | undefined): BoundPipeline | undefined {
  return source instanceof PipelineTokenSource ? source.pipeline : undefined;
}

/** The pipeline that options define, if they define one. */
export function definedPipelineOf(auth: TokenAuthOptions | undefined): TokenFetchPipeline | undefined {
  const provider = auth?.pipeline === undefined ? auth?.provider : pipelineProvider(auth.pipeline);
  return provider instanceof PipelineTokenProvider ? provider.pipeline : undefined;
}

/** The provider that the option `pipeline` stands for. */
export function pipelineProvider(given: NonNullable<TokenAuthOptions['pipeline']>): TokenProvider {
  if (given instanceof TokenFetchPipeline) return new PipelineTokenProvider({ pipeline: given });
  const { refreshFromStep, ...options } = ownOptions(given);
  const pipeline = new TokenFetchPipeline(options);
  return new PipelineTokenProvider({ pipeline, ...(refreshFromStep === undefined ? undefined : { refreshFromStep }) });
}
