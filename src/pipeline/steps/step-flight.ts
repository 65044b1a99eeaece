import { withDeadline } from '../../clock.js';
import { AuthenticationError } from '../../errors.js';
import { linkSignals } from '../../http/signals.js';
import { ownCause } from '../../redaction/own-cause.js';
import type { ServiceScope } from '../../token/runtime.js';
import type { FlightReport } from '../../token/slot/slot-observer.js';
import type { ClaimRefreshToken } from '../../token/slot/refresh-token-claims.js';
import { tokenFailure } from '../../token/token-failure.js';
import type { TokenSlot } from '../../token/slot/token-slot.js';
import type { Token } from '../../token/token.js';
import { StepContext, TokenWanted } from '../fetchers/fetch-context.js';
import type { PipelineStep } from './pipeline-step.js';
import { chainError, isRefusal } from './refusal.js';
import type { StepGraph } from './step-graph.js';
import type { StepHistory } from './step-history.js';

/** Parts that the flights of a pipeline's steps have in common. */
export interface PipelineScope extends ServiceScope {
  readonly graph: StepGraph;
  readonly history: StepHistory;
  /** For messages: `"orders", step "app_token"`. */
  ownerOf(step: string): string;
  slot(step: string): TokenSlot;
  /** A valid token of a step. */
  get(step: string, signal: AbortSignal): Promise<Token>;
  /** Forgets the tokens of steps that are in use here. */
  invalidate(steps: readonly string[]): Promise<void>;
}

/** Replacements of one refused token: by what another process obtained, then by force. */
const MAX_REPLACEMENTS = 2;

/**
 * One renewal of a step: first the tokens of the steps that it depends on, at the same time, then its own fetch. When
 * that is refused, the tokens that it was made with are renewed, and it is tried again.
 */
export class StepFlight {
  readonly #step: PipelineStep;
  readonly #scope: PipelineScope;
  readonly #signal: AbortSignal;
  readonly #since: number;
  readonly #wanted: Set<string>;
  /** Number of times that each step that this one depends on was replaced for it. */
  readonly #replaced = new Map<string, number>();
  #context: StepContext;
  #fetchFailed = false;

  constructor(step: PipelineStep, scope: PipelineScope, signal: AbortSignal) {
    this.#step = step;
    this.#scope = scope;
    this.#signal = signal;
    this.#since = scope.history.fetches;
    this.#wanted = new Set(scope.graph.parents(step.name));
    this.#context = this.#contextOf(new Map(), signal);
  }

  /** @throws what the step's fetch, or that of a step before it, failed with; the former is reported to the step */
  async run(previous: Token | undefined, claim: ClaimRefreshToken, report: FlightReport): Promise<Token> {
    try {
      return await this.#run(previous, claim, report);
    } catch (error) {
      if (this.#fetchFailed && !this.#signal.aborted) await this.#report(error);
      throw error;
    }
  }

  async #run(previous: Token | undefined, claim: ClaimRefreshToken, report: FlightReport): Promise<Token> {
    const { name } = this.#step;
    for (;;) {
      const lineage = this.#scope.history.lineage(name);
      const tokens = await this.#tokens();
      try {
        const token = await this.#fetch(tokens, previous, claim, report);
        for (const [parent, used] of tokens) this.#scope.slot(parent).recordOutcome(used, true);
        if (lineage === this.#scope.history.lineage(name)) return token;
      } catch (error) {
        if (error instanceof TokenWanted) {
          this.#wanted.add(error.step);
          continue;
        }
        if (this.#signal.aborted) throw error;
        if (!isRefusal(error, name)) throw chainError(error, name, [...this.#replaced.keys()]);
        await this.#replaceParents(tokens, error);
      }
    }
  }

  async #tokens(): Promise<ReadonlyMap<string, Token>> {
    const entries = [...this.#wanted].map(async (name): Promise<[string, Token]> => [
      name,
      await this.#scope.get(name, this.#signal),
    ]);
    return new Map(await Promise.all(entries));
  }

  /** One fetch within the step's own deadline. What it throws names the step. */
  async #fetch(
    tokens: ReadonlyMap<string, Token>,
    previous: Token | undefined,
    claim: ClaimRefreshToken,
    report: FlightReport,
  ): Promise<Token> {
    const { clock, serviceName } = this.#scope;
    const { name, deadlineMs = this.#scope.settings.deadlineMs } = this.#step;
    const owner = this.#scope.ownerOf(name);
    const link = linkSignals(this.#signal);
    const late = (): AuthenticationError =>
      new AuthenticationError(`Token request for ${owner} did not end within ${deadlineMs} ms.`, {
        code: 'FORGE_AUTH_TOKEN_DEADLINE',
        transient: true,
      });
    this.#fetchFailed = false;
    this.#context = this.#contextOf(tokens, link.signal);
    const deadline = clock.now() + deadlineMs;
    const request = { context: this.#context, signal: link.signal, deadline, previous, claim, report };
    try {
      return await withDeadline(clock, this.#step.obtain(request), deadlineMs, late);
    } catch (error) {
      link.abort(error); // Ends what a deadline left behind.
      if (error instanceof TokenWanted || this.#signal.aborted) throw error;
      this.#fetchFailed = true;
      const failure = tokenFailure(error, owner, serviceName);
      if (failure instanceof AuthenticationError) failure.step ??= name;
      throw failure;
    } finally {
      link.release();
    }
  }

  /** The tokens of a refused request may be to blame, unless they are brand new. */
  async #replaceParents(tokens: ReadonlyMap<string, Token>, refusal: unknown): Promise<void> {
    const { name } = this.#step;
    const tried = [...this.#replaced.keys()];
    const suspects = [...tokens].filter(([parent, token]) => this.#isSuspect(parent, token));
    if (suspects.length === 0) throw chainError(refusal, name, tried);
    try {
      const replaced = await Promise.all(suspects.map(([parent, token]) => this.#replace(parent, token)));
      if (replaced.includes(false)) throw refusal;
    } catch (error) {
      throw chainError(error, name, tried);
    }
  }

  #isSuspect(parent: string, token: Token): boolean {
    return (
      !this.#scope.history.isNew(parent, token, this.#since) && (this.#replaced.get(parent) ?? 0) < MAX_REPLACEMENTS
    );
  }

  /** A refused parent takes its other descendants with it, unless it was replaced meanwhile, and they were taken then. */
  async #replace(parent: string, token: Token): Promise<boolean> {
    const { graph } = this.#scope;
    const slot = this.#scope.slot(parent);
    const times = this.#replaced.get(parent) ?? 0;
    if (slot.current?.token.fingerprint === token.fingerprint)
      await this.#scope.invalidate(graph.descendants(parent).filter((other) => other !== this.#step.name));
    // What another process obtained instead was refused, too: now it is fetched.
    const newer = times === 0 ? await slot.replace(token, this.#signal) : await slot.forceRefresh(this.#signal);
    this.#replaced.set(parent, times + 1);
    return newer !== undefined;
  }

  async #report(failure: unknown): Promise<void> {
    try {
      await this.#step.onFetchError?.(failure, this.#context);
    } catch (error) {
      const owner = this.#scope.ownerOf(this.#step.name);
      const { summary, frames } = ownCause(error, { reveal: this.#scope.revealCauses });
      this.#scope.logger.warn(`onFetchError of ${owner} failed: ${summary}.${frames}`);
    }
  }

  #contextOf(tokens: ReadonlyMap<string, Token>, signal: AbortSignal): StepContext {
    const { name } = this.#step;
    return new StepContext(name, tokens, this.#scope.graph.ancestors(name), signal, this.#scope.clock);
  }
}

/** A flight ends after its fetch, which knows better what was late. */
const LATE_MS = 1_000;

/**
 * Computes how long the flight of each step may take: its own fetch, and the flights of those that it depends on, and both once
 * more when it is refused.
 */
export function flightDeadlines(
  graph: StepGraph,
  fetchDeadlineMs: (step: string) => number,
): ReadonlyMap<string, number> {
  const deadlines = new Map<string, number>();
  const deadlineOf = (name: string): number => {
    const known = deadlines.get(name);
    if (known !== undefined) return known;
    const parents = graph.parents(name).map(deadlineOf);
    const own = fetchDeadlineMs(name);
    const deadlineMs = parents.length === 0 ? own + LATE_MS : 2 * (own + Math.max(...parents));
    deadlines.set(name, deadlineMs);
    return deadlineMs;
  };
  for (const name of graph.names) deadlineOf(name);
  return deadlines;
}
