import { tokenKey } from '../../token/token-key.js';
import type { PipelineStep } from './pipeline-step.js';
import type { StepGraph } from './step-graph.js';

/** The storage keys of a pipeline's steps. */
export class StepKeys {
  readonly #graph: StepGraph;
  readonly #steps: ReadonlyMap<string, PipelineStep>;
  readonly #prefix: string;
  readonly #name: string;

  /** @param name distinguishes this pipeline's keys from those of others */
  constructor(graph: StepGraph, steps: ReadonlyMap<string, PipelineStep>, prefix: string, name: string) {
    this.#graph = graph;
    this.#steps = steps;
    this.#prefix = prefix;
    this.#name = name;
  }

  /** The key of a step: whatever distinguishes it, and those that it depends on. */
  of(name: string): Promise<string> {
    return this.#once(name, new Map());
  }

  /** @param known what was made for the same key: steps may share what they depend on */
  #once(name: string, known: Map<string, Promise<string>>): Promise<string> {
    const key = known.get(name) ?? this.#make(name, known);
    known.set(name, key);
    return key;
  }

  async #make(name: string, known: Map<string, Promise<string>>): Promise<string> {
    const step = this.#steps.get(name) as PipelineStep;
    const parents = await Promise.all(this.#graph.parents(name).map((parent) => this.#once(parent, known)));
    return tokenKey({
      prefix: this.#prefix,
      serviceName: this.#name,
      identity: [...(await step.identity()), ...parents],
      request: `step ${name}`,
    });
  }
}
