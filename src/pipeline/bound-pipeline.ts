import { withDeadline } from '../clock.js';
import { AuthenticationError, ConfigurationError, ForgeAuthError } from '../errors.js';
import { linkSignals } from '../http/signals.js';
import { RedactedCause } from '../redact.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import { tokenFailure } from '../token/token-failure.js';
import { tokenKey } from '../token/token-key.js';
import type { ProviderEnvironment } from '../token/token-provider.js';
import { type SlotEvents, type SlotSettings, TokenSlot } from '../token/token-slot.js';
import type { Token } from '../token/token.js';
import { StepContext, TokenWanted } from './fetch-context.js';
import type { PipelineStep, ProviderStep } from './pipeline-step.js';
import { chainError, isRefusal } from './refusal.js';
import type { StepGraph } from './step-graph.js';
import type { TokenFetcher } from './token-fetcher.js';

/** Whom a pipeline is bound to. */
export interface PipelineEnvironment extends ProviderEnvironment {
  readonly keyPrefix: string;
  /** Tells this pipeline's keys apart: its prefix, or the service's name. */
  readonly keyName: string;
  readonly storage: () => GuardedStorage | undefined;
  readonly settings: SlotSettings;
  readonly jitter: number;
  readonly onClose?: () => Promise<void>;
}

/** What a step is doing. Holds no secret. */
export interface StepState {
  name: string;
  dependsOn: readonly string[];
  /** Whether there is a token in this process that has not run out. */
  cached: boolean;
  /** Seconds to the end of that token; left out where it has none. */
  secondsToExpiry?: number;
  /** Start of the token's fingerprint. */
  fingerprint?: string;
  /** What the last fetch failed with, if it did. */
  lastError?: { code: string; message: string };
}

/** A flight ends after its fetch, which knows better what was late. */
const LATE_MS = 1_000;

/** Characters of a fingerprint that are shown. */
const SHOWN_FINGERPRINT = 8;

/**
 * A pipeline bound to one service of one application: a slot for each step, which behaves as any token does: cached,
 * shared, renewed, held back. A step's flight first gets the tokens of the steps that it depends on, at the same time.
 */
export class BoundPipeline {
  readonly graph: StepGraph;
  /** The steps as they were given, classes created. */
  readonly given: readonly (TokenFetcher | ProviderStep)[];
  readonly #steps: ReadonlyMap<string, PipelineStep>;
  readonly #environment: PipelineEnvironment;
  readonly #slots = new Map<string, TokenSlot>();
  readonly #flightDeadlines = new Map<string, number>();
  readonly #errors = new Map<string, unknown>();
  readonly #listeners: SlotEvents[] = [];
  /** How often each step was invalidated: a fetch that began before is no longer true. */
  readonly #epochs = new Map<string, number>();
  readonly #forcing = new Map<string, Promise<Token>>();
  #invalidating: Promise<unknown> = Promise.resolve();

  constructor(
    graph: StepGraph,
    steps: readonly PipelineStep[],
    environment: PipelineEnvironment,
    given: readonly (TokenFetcher | ProviderStep)[],
  ) {
    this.given = given;
    this.graph = graph;
    this.#steps = new Map(steps.map((step) => [step.name, step]));
    this.#environment = environment;
    for (const step of steps) this.#slots.set(step.name, this.#createSlot(step));
  }

  /** Tells of what happens to the result's token from now on. */
  listen(events: SlotEvents): void {
    this.#listeners.push(events);
  }

  /** The slot of the result. */
  get result(): TokenSlot {
    return this.#slot(this.graph.result);
  }

  /** The result's token, after every step has run that has no valid token. */
  async get(signal?: AbortSignal): Promise<Token> {
    const others = this.graph.sinks.filter((name) => name !== this.graph.result);
    const [token] = await Promise.all([this.graph.result, ...others].map((name) => this.#get(name, signal)));
    return token as Token;
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
   * Undefined when there is no newer token to be had.
   */
  async replace(rejected: Token, from: string | undefined, signal?: AbortSignal): Promise<Token | undefined> {
    if (!this.reject(rejected, from)) return undefined;
    await this.#invalidating;
    return named(this.graph.result, this.result.replace(rejected, signal));
  }

  /** A rejected token is not used again, nor what it was made from, back to `from`. Answers false while renewal pauses. */
  reject(rejected: Token, from: string | undefined): boolean {
    const isCurrent = this.#isCurrent(this.graph.result, rejected);
    if (!this.result.reject(rejected)) return false;
    if (!isCurrent) return true;
    const upstream = this.#upstream(from);
    if (upstream.length > 0) this.#invalidating = this.#invalidateUpstream(upstream).catch(() => undefined);
    return true;
  }

  describe(): StepState[] {
    const now = this.#environment.clock.now();
    return this.graph.names.map((name) => {
      const token = this.#slot(name).peek();
      const error = this.#errors.get(name);
      return {
        name,
        dependsOn: this.graph.parents(name),
        cached: token !== undefined,
        ...(token?.expiresAt === undefined
          ? undefined
          : { secondsToExpiry: Math.floor((token.expiresAt - now) / 1000) }),
        ...(token === undefined ? undefined : { fingerprint: token.fingerprint.slice(0, SHOWN_FINGERPRINT) }),
        ...(error instanceof ForgeAuthError ? { lastError: { code: error.code, message: error.message } } : undefined),
      };
    });
  }

  async close(): Promise<void> {
    for (const slot of this.#slots.values()) slot.close();
    await Promise.all([...[...this.#steps.values()].map((step) => step.close?.()), this.#environment.onClose?.()]);
  }

  /** Another process may have renewed everything already: then upstream steps are left alone. */
  async #invalidateUpstream(names: readonly string[]): Promise<void> {
    if (await this.result.adoptStored()) return;
    await this.#invalidate(names);
  }

  /** Forgets the tokens in use here; newer ones of other processes stay. */
  async #invalidate(names: readonly string[]): Promise<void> {
    this.#beginEpoch(names);
    await Promise.all(names.map((name) => this.#slot(name).invalidate()));
  }

  /** Forgets whatever there is: what is newer may have been made of what is no good any more. */
  async #discard(names: readonly string[]): Promise<void> {
    this.#beginEpoch(names);
    await Promise.all(names.map((name) => this.#slot(name).discard()));
  }

  #beginEpoch(names: readonly string[]): void {
    for (const name of names) this.#epochs.set(name, this.#epoch(name) + 1);
  }

  #isCurrent(name: string, token: Token): boolean {
    return this.#slot(name).current?.token.fingerprint === token.fingerprint;
  }

  #createSlot(step: PipelineStep): TokenSlot {
    const { clock, logger, storage, settings, jitter, serviceName } = this.#environment;
    const listeners = step.name === this.graph.result ? this.#listeners : [];
    return new TokenSlot(
      {
        owner: this.#owner(step.name),
        serviceName,
        clock,
        logger,
        storage,
        jitter,
        settings: {
          ...settings,
          deadlineMs: this.#flightDeadlineMs(step.name),
          refreshWindowMs: step.refreshWindowMs ?? settings.refreshWindowMs,
        },
      },
      {
        key: () => this.#key(step.name),
        obtain: (previous, signal, onRedeem) => this.#obtain(step, previous, signal, onRedeem),
        isOwnFailure: (error) => isOwnFailure(error, step.name),
      },
      {
        refreshed: (token, previous) => {
          this.#errors.delete(step.name);
          for (const listener of listeners) listener.refreshed(token, previous);
        },
        invalidated: (token) => {
          for (const listener of listeners) listener.invalidated(token);
        },
        failed: (error) => {
          if (isOwnFailure(error, step.name)) this.#errors.set(step.name, error);
          for (const listener of listeners) listener.failed(error);
        },
      },
    );
  }

  /** One renewal of a step: its dependencies first, at the same time; renewed once if they turn out to be refused. */
  async #obtain(
    step: PipelineStep,
    previous: Token | undefined,
    signal: AbortSignal,
    onRedeem: () => Promise<void>,
  ): Promise<Token> {
    const startedAt = this.#environment.clock.now();
    const wanted = new Set(this.graph.parents(step.name));
    const renewed: string[] = [];
    for (;;) {
      const epoch = this.#lineage(step.name);
      const tokens = await this.#tokensOf(wanted, signal);
      try {
        const token = await this.#fetch(step, tokens, previous, signal, onRedeem);
        for (const [parent, used] of tokens) this.#slot(parent).judge(used, true);
        if (epoch === this.#lineage(step.name)) return token;
      } catch (error) {
        if (error instanceof TokenWanted) {
          wanted.add(error.step);
          continue;
        }
        if (signal.aborted) throw error;
        if (renewed.length > 0 || !isRefusal(error, step.name)) throw chainError(error, step.name, renewed);
        renewed.push(...(await this.#renewParents(step.name, tokens, startedAt, signal, error)));
      }
    }
  }

  async #tokensOf(names: ReadonlySet<string>, signal: AbortSignal): Promise<ReadonlyMap<string, Token>> {
    const entries = [...names].map(async (name): Promise<[string, Token]> => [name, await this.#get(name, signal)]);
    return new Map(await Promise.all(entries));
  }

  /** One fetch within the step's own deadline. The step is named in what it throws, and told of it. */
  async #fetch(
    step: PipelineStep,
    tokens: ReadonlyMap<string, Token>,
    previous: Token | undefined,
    signal: AbortSignal,
    onRedeem: () => Promise<void>,
  ): Promise<Token> {
    const { clock, serviceName } = this.#environment;
    const deadlineMs = step.deadlineMs ?? this.#environment.settings.deadlineMs;
    const link = linkSignals(signal);
    const late = (): AuthenticationError =>
      new AuthenticationError(`Token request for ${this.#owner(step.name)} did not end within ${deadlineMs} ms.`, {
        code: 'FORGE_AUTH_TOKEN_DEADLINE',
        step: step.name,
        transient: true,
      });
    const context = new StepContext(step.name, tokens, this.graph.ancestors(step.name), link.signal);
    const request = { context, signal: link.signal, deadline: clock.now() + deadlineMs, previous, onRedeem };
    try {
      return await withDeadline(clock, step.obtain(request), deadlineMs, late);
    } catch (error) {
      link.abort(error); // Ends what a deadline left behind.
      if (error instanceof TokenWanted || signal.aborted) throw error;
      const failure = tokenFailure(error, this.#owner(step.name), serviceName);
      if (failure instanceof AuthenticationError) failure.step ??= step.name;
      await this.#tell(step, failure, context);
      throw failure;
    } finally {
      link.release();
    }
  }

  async #tell(step: PipelineStep, failure: ForgeAuthError, context: StepContext): Promise<void> {
    try {
      await step.onFetchError?.(failure, context);
    } catch (error) {
      this.#environment.logger.warn(
        `onFetchError of ${this.#owner(step.name)} failed: ${new RedactedCause(error).message}.`,
      );
    }
  }

  /** The issuer refused a step's request: the tokens it was made with may be to blame, unless they are brand new. */
  async #renewParents(
    name: string,
    tokens: ReadonlyMap<string, Token>,
    startedAt: number,
    signal: AbortSignal,
    refusal: unknown,
  ): Promise<string[]> {
    const suspects = [...tokens].filter(([parent, token]) => !this.#isNew(parent, token, startedAt));
    if (suspects.length === 0) throw refusal;
    try {
      const results = await Promise.all(
        suspects.map(([parent, token]) => this.#replaceParent(parent, token, name, signal)),
      );
      if (results.includes(false)) throw refusal;
    } catch (error) {
      throw chainError(error, name, []);
    }
    return suspects.map(([parent]) => parent);
  }

  /** Whether a token that is still in use was obtained for the flight that began at `startedAt`. */
  #isNew(name: string, token: Token, startedAt: number): boolean {
    const current = this.#slot(name).current;
    return current?.token.fingerprint === token.fingerprint && current.obtainedAt >= startedAt;
  }

  /** A refused parent takes its other descendants with it, unless it was replaced meanwhile, and they were taken then. */
  async #replaceParent(parent: string, token: Token, child: string, signal: AbortSignal): Promise<boolean> {
    if (this.#isCurrent(parent, token)) {
      const others = this.graph.descendants(parent).filter((name) => name !== child);
      await this.#invalidate(others);
    }
    return (await this.#slot(parent).replace(token, signal)) !== undefined;
  }

  /** The key of a step: whatever tells it apart, and whatever tells those apart that it depends on. */
  #key(name: string, known = new Map<string, Promise<string>>()): Promise<string> {
    const key = known.get(name) ?? this.#makeKey(name, known);
    known.set(name, key);
    return key;
  }

  async #makeKey(name: string, known: Map<string, Promise<string>>): Promise<string> {
    const { keyPrefix, keyName } = this.#environment;
    const step = this.#steps.get(name) as PipelineStep;
    const parents = await Promise.all(this.graph.parents(name).map((parent) => this.#key(parent, known)));
    return tokenKey({
      prefix: keyPrefix,
      serviceName: keyName,
      identity: [...(await step.identity()), ...parents],
      request: `step ${name}`,
    });
  }

  /** `from` and all that depend on it; every step without `from`. */
  #downstream(from: string | undefined): readonly string[] {
    return from === undefined ? this.graph.names : [from, ...this.graph.descendants(from)];
  }

  /** What the result is made from, back to `from`. */
  #upstream(from: string | undefined): readonly string[] {
    return this.#downstream(from).filter((name) => name !== this.graph.result);
  }

  /** Changes when a step that `name` depends on is invalidated. */
  #lineage(name: string): string {
    return [...this.graph.ancestors(name)].map((ancestor) => this.#epoch(ancestor)).join(' ');
  }

  #epoch(name: string): number {
    return this.#epochs.get(name) ?? 0;
  }

  /** Each step has a deadline of its own; a flight also waits for its dependencies, and perhaps for their renewal. */
  #flightDeadlineMs(name: string): number {
    const known = this.#flightDeadlines.get(name);
    if (known !== undefined) return known;
    const own = this.#steps.get(name)?.deadlineMs ?? this.#environment.settings.deadlineMs;
    const parents = this.graph.parents(name).map((parent) => this.#flightDeadlineMs(parent));
    const deadlineMs = parents.length === 0 ? own + LATE_MS : 2 * (own + Math.max(...parents));
    this.#flightDeadlines.set(name, deadlineMs);
    return deadlineMs;
  }

  #owner(step: string): string {
    const { serviceName } = this.#environment;
    return serviceName === undefined ? `step "${step}"` : `"${serviceName}", step "${step}"`;
  }

  #get(name: string, signal: AbortSignal | undefined): Promise<Token> {
    return named(name, this.#slot(name).get(signal));
  }

  #slot(name: string): TokenSlot {
    const slot = this.#slots.get(name);
    if (slot === undefined) throw new ConfigurationError(`The pipeline has no step "${name}".`);
    return slot;
  }
}

/** Whether a step failed itself, rather than one that it depends on. */
function isOwnFailure(error: unknown, step: string): boolean {
  return !(error instanceof AuthenticationError) || error.step === undefined || error.step === step;
}

/** What fails outside of the fetch itself (held back, too late, no token) names its step, too. */
async function named<T>(step: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AuthenticationError) error.step ??= step;
    throw error;
  }
}
