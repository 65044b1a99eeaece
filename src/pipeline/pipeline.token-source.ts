import { InvalidRequestError } from '../errors.js';
import type { TakenOutListener } from '../token/shared-tokens.js';
import type { RefusingResources } from '../token/refusing-resources.js';
import type { TokenRequest } from '../token/token-provider.js';
import type { Replacement, TokenHandle, TokenOrigin, TokenSource } from '../token/token-source.js';
import type { Token } from '../token/token.js';
import type { BoundPipeline } from './bound-pipeline.js';

/** A pipeline's result as a manager's tokens: nothing is kept twice. */
export class PipelineTokenSource implements TokenSource, TokenHandle {
  readonly pipeline: BoundPipeline;
  readonly origins: readonly TokenOrigin[];
  readonly #refreshFromStep: string | undefined;

  /**
   * @param definition the pipeline as the app wrote it
   * @throws {ConfigurationError} when `refreshFromStep` is no step
   */
  constructor(pipeline: BoundPipeline, refreshFromStep: string | undefined, definition: object = pipeline) {
    if (refreshFromStep !== undefined) pipeline.graph.assertKnown(refreshFromStep);
    this.pipeline = pipeline;
    this.origins = [{ definition, endpoint: undefined, identity: async () => undefined }, ...pipeline.origins];
    this.#refreshFromStep = refreshFromStep;
  }

  for(request?: TokenRequest): TokenHandle {
    if (request === undefined || Object.keys(request).length === 0) return this;
    throw new InvalidRequestError(
      'The tokens of a pipeline take no parameters of a call: steps build their requests themselves.',
    );
  }

  get(signal?: AbortSignal): Promise<Token> {
    return this.pipeline.get(signal);
  }

  peek(): Token | undefined {
    return this.pipeline.result.peek();
  }

  peekFresh(): Token | undefined {
    return this.pipeline.peekFresh();
  }

  forceRefresh(): Promise<Token> {
    return this.pipeline.forceRefresh(this.#refreshFromStep);
  }

  replace(rejected: Token, signal?: AbortSignal): Promise<Replacement | undefined> {
    return this.pipeline.replace(rejected, this.#refreshFromStep, signal);
  }

  reject(rejected: Token): void {
    this.pipeline.reject(rejected, this.#refreshFromStep);
  }

  resume(rejected: Token): void {
    this.pipeline.result.resume(rejected);
  }

  get refusing(): RefusingResources {
    return this.pipeline.result.refusing;
  }

  recordOutcome(token: Token, accepted: boolean): void {
    this.pipeline.result.recordOutcome(token, accepted);
  }

  async invalidate(rejected?: Token): Promise<void> {
    if (rejected !== undefined) await this.pipeline.invalidateToken(rejected, this.#refreshFromStep);
    else if (this.#refreshFromStep === undefined) await this.pipeline.invalidateAll();
    else await this.pipeline.invalidateStep(this.#refreshFromStep);
  }

  set(token: Token): Promise<void> {
    return this.pipeline.result.set(token);
  }

  revoke(): Promise<void> {
    return this.pipeline.result.revoke();
  }

  introspect(): Promise<Record<string, unknown>> {
    return this.pipeline.result.introspect();
  }

  onTakenOut(listener: TakenOutListener): void {
    this.pipeline.result.onTakenOut(listener);
  }

  has(): Promise<boolean> {
    return this.pipeline.result.has();
  }

  forget(): Promise<boolean> {
    return this.pipeline.result.forget();
  }

  close(): Promise<void> {
    return this.pipeline.close();
  }
}
