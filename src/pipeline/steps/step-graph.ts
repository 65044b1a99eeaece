import { shownName, shownWord } from '../../option-check/option-suggestion.js';
import { ConfigurationError } from '../../errors.js';
import { shownValue } from '../../redaction/redact.js';

/** A step, as far as the graph is concerned. */
export interface GraphStep {
  readonly name: string;
  readonly dependsOn: readonly string[];
  readonly ttlMs?: number | undefined;
}

/** Graph of the steps and what they depend on. Steps may stand in any order. */
export class StepGraph {
  /** As they were listed. */
  readonly names: readonly string[];
  /** The step whose token is the pipeline's. */
  readonly result: string;
  /** Steps that nothing depends on: with them everything runs. */
  readonly sinks: readonly string[];
  readonly #steps: ReadonlyMap<string, GraphStep>;

  /** @throws {ConfigurationError} for no steps, a doubled name, an unknown dependency, a cycle, a bad ttl */
  constructor(steps: readonly GraphStep[], resultStep: string | undefined, owner: string) {
    const refuse = (problem: string): ConfigurationError => new ConfigurationError(`${owner}: ${problem}`);
    if (steps.length === 0) throw refuse('there are no steps. Give at least one.');
    this.names = steps.map(({ name }) => name);
    const known = (): string => this.names.map(shownWord).join(', ');
    this.#steps = new Map(steps.map((step) => [step.name, step]));
    for (const [index, { name, dependsOn, ttlMs }] of steps.entries()) {
      if (typeof name !== 'string' || name === '') throw refuse(`step ${index + 1} has no name.`);
      if (this.names.indexOf(name) !== index)
        throw refuse(`two steps are named "${shownWord(name)}". Give each a name of its own.`);
      if (ttlMs !== undefined && !(ttlMs > 0 && Number.isFinite(ttlMs)))
        throw refuse(
          `ttlMs of step "${shownWord(name)}" must be a number of milliseconds above zero, not ${shownValue(ttlMs)}.`,
        );
      const unknown = dependsOn.find((dependency) => !this.#steps.has(dependency));
      if (unknown !== undefined)
        throw refuse(
          `step "${shownWord(name)}" depends on "${shownName(unknown)}", which is no step. Steps: ${known()}.`,
        );
    }
    const cycle = this.#cycle();
    if (cycle !== undefined)
      throw refuse(`steps depend on each other in a circle: ${cycle.map(shownWord).join(' → ')}.`);
    const needed = new Set(steps.flatMap(({ dependsOn }) => dependsOn));
    this.sinks = this.names.filter((name) => !needed.has(name));
    if (resultStep !== undefined && !this.#steps.has(resultStep))
      throw refuse(`resultStep "${shownName(resultStep)}" is no step. Steps: ${known()}.`);
    this.result = resultStep ?? (this.sinks.at(-1) as string);
  }

  /** Names of the steps that `name` depends on directly. */
  parents(name: string): readonly string[] {
    return this.#steps.get(name)?.dependsOn ?? [];
  }

  /** Names of all steps that `name` depends on, directly or through others. */
  ancestors(name: string): ReadonlySet<string> {
    const found = new Set<string>();
    const visit = (step: string): void => {
      for (const parent of this.parents(step)) {
        if (found.has(parent)) continue;
        found.add(parent);
        visit(parent);
      }
    };
    visit(name);
    return found;
  }

  /** Names of all steps that depend on `name`, directly or through others. */
  descendants(name: string): readonly string[] {
    return this.names.filter((other) => this.ancestors(other).has(name));
  }

  /** @throws {ConfigurationError} listing the steps */
  assertKnown(name: string): void {
    if (this.#steps.has(name)) return;
    throw new ConfigurationError(
      `The pipeline has no step "${shownName(name)}". Steps: ${this.names.map(shownWord).join(', ')}.`,
    );
  }

  /** The graph as a Mermaid flowchart. @see [Mermaid flowcharts](https://mermaid.js.org/syntax/flowchart.html) */
  toMermaid(): string {
    const id = (name: string): string => `s${this.names.indexOf(name)}`;
    const nodes = this.names.map((name) => `  ${id(name)}["${name.replaceAll('"', '#quot;')}"]`);
    const edges = this.names.flatMap((name) => this.parents(name).map((parent) => `  ${id(parent)} --> ${id(name)}`));
    return ['flowchart LR', ...nodes, ...edges].join('\n');
  }

  #cycle(): string[] | undefined {
    const done = new Set<string>();
    const walk = (name: string, path: string[]): string[] | undefined => {
      if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
      if (done.has(name)) return undefined;
      for (const parent of this.parents(name)) {
        const cycle = walk(parent, [...path, name]);
        if (cycle !== undefined) return cycle;
      }
      done.add(name);
      return undefined;
    };
    for (const name of this.names) {
      const cycle = walk(name, []);
      // Listed in the direction in which tokens flow.
      if (cycle !== undefined) return cycle.toReversed();
    }
    return undefined;
  }
}
