import { callDeclared } from '../option-check/own-options.js';
import { AuthenticationError, ConfigurationError } from '../errors.js';
import { shownName, shownWord } from '../option-check/option-suggestion.js';
import type { ServiceScope } from '../token/runtime.js';
import type { SlotEvents } from '../token/slot/slot-events.js';
import type { TokenSlot } from '../token/slot/token-slot.js';
import type { Replacement, TokenOrigin } from '../token/token-source.js';
import type { Token } from '../token/token.js';
import type { GivenStep, PipelineStep } from './steps/pipeline-step.js';
import { flightDeadlines, type PipelineScope } from './steps/step-flight.js';
import type { StepGraph } from './steps/step-graph.js';
import { StepHistory } from './steps/step-history.js';
import { StepKeys } from './steps/step-keys.js';
import { createStepSlot } from './steps/step-slot.js';
import { type StepState, stepState } from './steps/step-state.js';
import { TakenOutElsewhere } from './steps/taken-out-elsewhere.js';

/**
 * A pipeline bound to one service of one application: a slot for each step, so that its token is cached, shared, renewed
 * and held back like that of a service. A step's flight first gets the tokens of the steps that it depends on, at the same time.
 */
export class BoundPipeline {
  readonly graph: StepGraph;
  /** The steps as they were given, classes created. */
  readonly given: readonly GivenStep[];
  readonly #steps: ReadonlyMap<string, PipelineStep>;
  readonly #scope: ServiceScope;
  readonly #slots = new Map<string, TokenSlot>();
  readonly #flights: PipelineScope;
  readonly #errors = new Map<string, unknown>();
  readonly #listeners: SlotEvents[] = [];
  readonly #history: StepHistory;
  readonly #keys: StepKeys;
  readonly #forcing = new Map<string, Promise<Token>>();
  #invalidating: Promise<unknown> = Promise.resolve();
  readonly #elsewhere = new TakenOutElsewhere({
    slot: (step) => this.#slot(step),
    forget: (step, token, early) => this.#forgetShared(step, token, early),
  });

  constructor(graph: StepGraph, steps: readonly PipelineStep[], scope: ServiceScope, given: readonly GivenStep[]) {
    this.given = given;
    this.graph = graph;
    this.#steps = new Map(steps.map((step) => [step.name, step]));
    this.#scope = scope;
    this.#history = new StepHistory(graph);
    this.#keys = new StepKeys(graph, this.#steps, scope.keyPrefix, scope.keyName);
    this.#flights = this.#pipelineScope();
    const { settings } = scope;
    const deadlines = flightDeadlines(graph, (name) => this.#steps.get(name)?.deadlineMs ?? settings.deadlineMs);
    for (const step of steps) {
      const slot = createStepSlot(step, this.#flights, {
        keys: this.#keys,
        deadlineMs: deadlines.get(step.name) ?? settings.deadlineMs,
        errors: this.#errors,
        listeners: step.name === graph.result ? this.#listeners : [],
      });
      this.#slots.set(step.name, slot);
      callDeclared(step, 'onTakenOut', (token, early) => this.#elsewhere.takenOut(step.name, token, early));
    }
  }

  /** Reports what happens to the result's token from now on. */
  listen(events: SlotEvents): void {
    this.#listeners.push(events);
  }

  /** Origins of the tokens of the steps that depend on no other. */
  get origins(): readonly TokenOrigin[] {
    return [...this.#steps.values()].flatMap(({ name, dependsOn, origin }) =>
      dependsOn.length > 0 || origin === undefined ? [] : { ...origin, step: name },
    );
  }

  /** The slot of the result. */
  get result(): TokenSlot {
    return this.#slot(this.graph.result);
  }

  /** The result's token, after every step has run that has no valid token. */
  async get(signal?: AbortSignal): Promise<Token> {
    if (this.#elsewhere.looking) await this.#elsewhere.settled();
    const others = this.graph.sinks.filter((name) => name !== this.graph.result);
    const [token] = await Promise.all([this.graph.result, ...others].map((name) => this.#get(name, signal)));
    return token as Token;
  }

  /** The result's token while it is fresh, and nothing else is to be seen to. */
  peekFresh(): Token | undefined {
    return !this.#elsewhere.looking && this.graph.sinks.length === 1 ? this.result.peekFresh() : undefined;
  }

  /** New tokens of `from` and all that depend on it, each after those that it depends on; of all steps without `from`. */
  forceRefresh(from?: string): Promise<Token> {
    const names = this.#downstream(from);
    const key = names.join(' ');
    const running = this.#forcing.get(key);
    if (running !== undefined) return running;
    const renewals = new Map<string, Promise<Token>>();
    const renew = (name: string): Promise<Token> => {
      const known = renewals.get(name);
      if (known !== undefined) return known;
      const renewal = (async () => {
        await Promise.all(
          this.graph
            .parents(name)
            .filter((parent) => names.includes(parent))
            .map(renew),
        );
        return named(name, this.#slot(name).forceRefresh());
      })();
      renewals.set(name, renewal);
      return renewal;
    };
    const forcing = Promise.all(names.map(renew))
      .then(() => this.get())
      .finally(() => this.#forcing.delete(key));
    this.#forcing.set(key, forcing);
    return forcing;
  }

  /** Forgets the token of a step and of all that depend on it. @throws {ConfigurationError} when there is no such step */
  async invalidateStep(name: string): Promise<void> {
    this.graph.assertKnown(name);
    await this.#discard(this.#downstream(name));
  }

  async invalidateAll(): Promise<void> {
    await this.#discard(this.graph.names);
  }

  /** Forgets `rejected` if it is the result's token, and what it was made from, back to `from`. Others see it in storage. */
  async invalidateToken(rejected: Token, from: string | undefined): Promise<void> {
    if (this.#isCurrent(this.graph.result, rejected)) await this.#invalidate(this.#upstream(from));
    await this.result.invalidate(rejected);
  }

  /**
   * The service rejected `rejected`: renews `from` and its dependents, once however many calls report it.
   * Undefined when no newer token can be obtained.
   */
  async replace(rejected: Token, from: string | undefined, signal?: AbortSignal): Promise<Replacement | undefined> {
    if (!this.reject(rejected, from)) return undefined;
    await this.#invalidating;
    return named(this.graph.result, this.result.replace(rejected, signal));
  }

  /** A rejected token is not used again, nor what it was made from, back to `from`. Returns false while renewal pauses. */
  reject(rejected: Token, from: string | undefined): boolean {
    const isCurrent = this.#isCurrent(this.graph.result, rejected);
    if (!this.result.reject(rejected)) return false;
    if (!isCurrent) return true;
    const upstream = this.#upstream(from);
    if (upstream.length > 0) this.#invalidating = this.#invalidateUpstream(upstream).catch(() => undefined);
    return true;
  }

  describe(): StepState[] {
    const now = this.#scope.clock.now();
    return this.graph.names.map((name) =>
      stepState(name, this.graph.parents(name), this.#slot(name).peek(), this.#errors.get(name), now),
    );
  }

  async close(): Promise<void> {
    const last = new Map(this.graph.names.map((name) => [name, this.#slot(name).last]));
    for (const slot of this.#slots.values()) slot.close();
    await Promise.all([...this.#steps.values()].map((step) => callDeclared(step, 'close', last.get(step.name))));
    await callDeclared(this.#scope, 'onClose');
  }

  #forgetShared(step: string, token: Token, early: boolean): void {
    if (!this.#isCurrent(step, token)) return;
    const forgetting = early ? this.#invalidate(this.#downstream(step)) : this.#slot(step).invalidate(token);
    this.#invalidating = forgetting.catch(() => undefined);
  }

  /** Another process may have renewed everything already: then upstream steps are left alone. */
  async #invalidateUpstream(names: readonly string[]): Promise<void> {
    if (await this.result.adoptStored()) return;
    await this.#invalidate(names);
  }

  /** Forgets the tokens in use here; newer ones of other processes stay. */
  async #invalidate(names: readonly string[]): Promise<void> {
    this.#history.invalidated(names);
    await Promise.all(names.map((name) => this.#slot(name).invalidate()));
  }

  /** Forgets whatever there is: what is newer may have been made of what is no good any more. */
  async #discard(names: readonly string[]): Promise<void> {
    this.#history.invalidated(names);
    await Promise.all(names.map((name) => this.#slot(name).discard()));
  }

  #isCurrent(name: string, token: Token): boolean {
    return this.#slot(name).current?.token.fingerprint === token.fingerprint;
  }

  #pipelineScope(): PipelineScope {
    return {
      ...this.#scope,
      graph: this.graph,
      history: this.#history,
      ownerOf: (step) => this.#owner(step),
      slot: (step) => this.#slot(step),
      get: (step, signal) => this.#get(step, signal),
      invalidate: (steps) => this.#invalidate(steps),
    };
  }

  /** `from` and all that depend on it; every step without `from`. */
  #downstream(from: string | undefined): readonly string[] {
    return from === undefined ? this.graph.names : [from, ...this.graph.descendants(from)];
  }

  /** Returns the steps that the result is made from, back to `from`. */
  #upstream(from: string | undefined): readonly string[] {
    return this.#downstream(from).filter((name) => name !== this.graph.result);
  }

  #owner(step: string): string {
    const { serviceName } = this.#scope;
    return serviceName === undefined ? `step "${shownWord(step)}"` : `"${serviceName}", step "${shownWord(step)}"`;
  }

  #get(name: string, signal: AbortSignal | undefined): Promise<Token> {
    return named(name, this.#slot(name).get(signal));
  }

  #slot(name: string): TokenSlot {
    const slot = this.#slots.get(name);
    if (slot === undefined) throw new ConfigurationError(`The pipeline has no step "${shownName(name)}".`);
    return slot;
  }
}

/** Adds the name of the step to what fails outside of the fetch itself (held back, too late, no token). */
async function named<T>(step: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AuthenticationError) error.step ??= step;
    throw error;
  }
}
