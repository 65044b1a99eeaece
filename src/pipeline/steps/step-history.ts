import type { Token } from '../../token/token.js';
import type { StepGraph } from './step-graph.js';

/** Events of the steps of a pipeline in this process, in order: clocks are too coarse to show what came first. */
export class StepHistory {
  readonly #graph: StepGraph;
  /** Number of times that each step was invalidated. */
  readonly #epochs = new Map<string, number>();
  readonly #latest = new Map<string, { readonly fingerprint: string; readonly number: number }>();
  #fetches = 0;

  constructor(graph: StepGraph) {
    this.#graph = graph;
  }

  /** Number of tokens fetched so far, of all steps. */
  get fetches(): number {
    return this.#fetches;
  }

  fetched(step: string, token: Token): void {
    this.#fetches += 1;
    this.#latest.set(step, { fingerprint: token.fingerprint, number: this.#fetches });
  }

  /** Checks whether a token was fetched here after {@link fetches} was `since`. */
  isNew(step: string, token: Token, since: number): boolean {
    const latest = this.#latest.get(step);
    return latest?.fingerprint === token.fingerprint && latest.number > since;
  }

  invalidated(steps: readonly string[]): void {
    for (const step of steps) this.#epochs.set(step, this.#epoch(step) + 1);
  }

  /** Changes when a step that `step` depends on is invalidated: a fetch that began before is no longer true. */
  lineage(step: string): string {
    return [...this.#graph.ancestors(step)].map((ancestor) => this.#epoch(ancestor)).join(' ');
  }

  #epoch(step: string): number {
    return this.#epochs.get(step) ?? 0;
  }
}
