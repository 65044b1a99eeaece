import { randomUUID } from 'node:crypto';
import { ClientClosedError, ConfigurationError } from '../errors.js';
import { untilAborted } from '../http/signals.js';
import { Deferred, Lazy } from '../lazy.js';
import { storageOf } from '../storage/get-set.token-storage.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import { loadStorageGuards } from '../storage/storage-guards.js';
import { InMemoryTokenStorage } from '../storage/in-memory.token-storage.js';
import type { ServiceScope } from '../token/runtime.js';
import { standaloneScope } from '../token/standalone.js';
import type { Token } from '../token/token.js';
import type { BoundPipeline } from './bound-pipeline.js';
import {
  checkPipelineOptions,
  graphOf,
  type PipelineStepOption,
  type TokenFetchPipelineOptions,
} from './pipeline-options.js';
import type { GivenStep, PipelineStep } from './steps/pipeline-step.js';
import type { StepState } from './steps/step-state.js';
import type { TokenFetcher } from './fetchers/token-fetcher.js';
import { ownOptions } from '../option-check/own-options.js';

/** Whoever binds a pipeline elsewhere: opens it, and says what is known of it before. */
export interface DeferredPipeline {
  openPipeline(): Promise<BoundPipeline>;
  boundPipeline(): BoundPipeline | undefined;
  pipelineDefinition(): TokenFetchPipeline | undefined;
}

/** Options of {@link TokenFetchPipeline.execute}. */
export interface ExecuteOptions {
  /** Runs every step anew. @default false */
  forceRefresh?: boolean;
  /** Aborts the wait; the steps go on for others. */
  signal?: AbortSignal;
}

/**
 * Token calls that build on each other, each cached with its own lifetime: device → app → user.
 *
 * A definition: each service that uses it runs it with state of its own, which `@InjectTokenPipeline` gives. Used on its
 * own it keeps its tokens in its own storage.
 */
export class TokenFetchPipeline {
  readonly #options: TokenFetchPipelineOptions | undefined;
  readonly #elsewhere: DeferredPipeline | undefined;
  readonly #bound: Lazy<BoundPipeline, [scope?: ServiceScope]>;

  /** @throws {ConfigurationError} for a cycle, an unknown dependency, a doubled name, no steps, a bad ttl */
  constructor(options: TokenFetchPipelineOptions);
  /** @internal */
  constructor(deferred: Deferred<DeferredPipeline>);
  constructor(given: TokenFetchPipelineOptions | Deferred<DeferredPipeline>) {
    if (given instanceof Deferred) {
      this.#elsewhere = given.how;
      this.#bound = new Lazy(() => given.how.openPipeline());
      return;
    }
    this.#options = ownOptions(given);
    checkPipelineOptions(this.#options);
    this.#bound = new Lazy((scope = this.#ownScope()) => this.bind(scope));
  }

  /**
   * A pipeline that is bound elsewhere, later.
   * @internal
   */
  static deferred(elsewhere: DeferredPipeline): TokenFetchPipeline {
    return new TokenFetchPipeline(new Deferred(elsewhere));
  }

  /**
   * The result's token; steps without a valid one are run, independent ones at the same time.
   * @throws {AuthenticationError} whose `step` is the one that failed
   */
  async execute(options: ExecuteOptions = {}): Promise<Token> {
    const { forceRefresh = false, signal } = options;
    const bound = this.#bound.value ?? (await this.ready());
    return forceRefresh ? untilAborted(bound.forceRefresh(), signal) : bound.get(signal);
  }

  /**
   * Forgets the token of a step and of all that depend on it, for every process on the storage.
   * @throws {ConfigurationError} listing the steps when there is no such one
   */
  async invalidateStep(name: string): Promise<void> {
    await (await this.ready()).invalidateStep(name);
  }

  /** Forgets the tokens of all steps. */
  async invalidateAll(): Promise<void> {
    await (await this.ready()).invalidateAll();
  }

  /** A step as it was given; undefined where there is no such one, or its class was not created yet. */
  getStep(name: string): GivenStep | undefined {
    const steps = this.#known?.given ?? this.#definedSteps.filter((step) => typeof step !== 'function');
    return steps.find((step) => step.name === name);
  }

  /** Names of the steps, as they were listed. */
  get stepNames(): readonly string[] {
    return (
      this.#known?.graph.names ?? this.#definedSteps.flatMap((step) => (typeof step === 'function' ? [] : [step.name]))
    );
  }

  /** True when a step is a class that is not created yet: then not every name is known. */
  get hasClasses(): boolean {
    return this.#known === undefined && this.#definedSteps.some((step) => typeof step === 'function');
  }

  /**
   * The graph as a Mermaid flowchart.
   * @throws {ConfigurationError} while its steps are not known: classes are created when it is first used
   */
  toMermaid(): string {
    const known = this.#known;
    if (known !== undefined) return known.graph.toMermaid();
    if (this.#definition === undefined || this.hasClasses)
      throw new ConfigurationError('The steps of the pipeline are not known before it is first used.');
    return graphOf(this.#definedSteps as readonly GivenStep[], this.#definition.resultStep).toMermaid();
  }

  /** Returns the state of each step: cached or not, seconds to expiry, fingerprint, last error. Holds no secret. */
  describe(): StepState[] {
    return (
      this.#known?.describe() ??
      this.stepNames.map((name) => ({ name, dependsOn: [...(this.getStep(name)?.dependsOn ?? [])], cached: false }))
    );
  }

  /** Aborts what is under way; every later call is refused. */
  async close(): Promise<void> {
    const opened = await this.#bound.close(closedUnused);
    await (this.#known ?? opened)?.close();
  }

  /**
   * The bound pipeline.
   * @param scope what it is bound to if it is not bound yet; left out, it keeps its tokens itself
   * @throws {ConfigurationError} when it cannot be bound
   * @internal
   */
  ready(scope?: ServiceScope): Promise<BoundPipeline> {
    return this.#bound.open(scope);
  }

  /**
   * Binds the definition to a service.
   * @throws {ConfigurationError} when a step is wrong
   * @internal
   */
  async bind(service: ServiceScope): Promise<BoundPipeline> {
    if (this.#options === undefined) return this.ready();
    await loadStorageGuards();
    const { steps, cacheKeyPrefix, resultStep } = this.#options;
    const owner =
      service.serviceName === undefined ? 'TokenFetchPipeline' : `Service "${service.serviceName}": the pipeline`;
    const given = await Promise.all(
      steps.map((step) =>
        typeof step === 'function' ? service.instantiate<TokenFetcher>(step, `${owner}: a step`) : step,
      ),
    );
    const own = this.#ownStorage(service, owner);
    const named = cacheKeyPrefix !== undefined || service.serviceName !== undefined;
    const scope: ServiceScope = {
      ...service,
      keyName: cacheKeyPrefix ?? (named ? service.keyName : `pipeline-${randomUUID()}`),
      storage: own === undefined ? service.storage : () => own,
    };
    const graph = graphOf(given, resultStep, owner);
    const [{ BoundPipeline: Bound }, { bindStep }] = await Promise.all([
      import('./bound-pipeline.js'),
      import('./steps/bind-step.js'),
    ]);
    const bound: PipelineStep[] = [];
    for (const step of given) bound.push(await bindStep(step, { ...service, named }, owner));
    return new Bound(graph, bound, scope, given);
  }

  #ownStorage({ guard, standalone }: ServiceScope, owner: string): GuardedStorage | undefined {
    const { storage, lock } = this.#options ?? {};
    if (storage !== undefined) return guard(storageOf(storage, owner), lock);
    if (lock === undefined) return undefined;
    if (standalone === true) return guard(new InMemoryTokenStorage(), lock);
    throw new ConfigurationError(`${owner}: lock without storage. Give it both, or give the lock to the service.`);
  }

  get #known(): BoundPipeline | undefined {
    return this.#bound.value ?? this.#elsewhere?.boundPipeline();
  }

  get #definition(): TokenFetchPipelineOptions | undefined {
    if (this.#options !== undefined) return this.#options;
    const defined = this.#elsewhere?.pipelineDefinition();
    return defined && defined.#definition;
  }

  get #definedSteps(): readonly PipelineStepOption[] {
    return this.#definition?.steps ?? [];
  }

  #ownScope(): ServiceScope {
    return standaloneScope({}, 'TokenFetchPipeline', 'pipeline');
  }
}

function closedUnused(): ClientClosedError {
  return new ClientClosedError('The pipeline was closed before it was used.');
}
