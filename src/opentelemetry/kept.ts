/** One part of a path, and what is kept below it. */
interface Branch<T> {
  readonly below: Map<unknown, Branch<T>>;
  value?: T;
}

/**
 * Values by path, made once each, for as many paths as there is room for. All paths of one are of one length. A path is
 * looked up part by part: joining them would make a string, and hash it, on every call.
 */
export class Kept<T> {
  readonly #root: Branch<T> = { below: new Map() };
  readonly #max: number;
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get(path: readonly unknown[], make: () => T): T {
    let branch: Branch<T> | undefined = this.#root;
    for (const part of path) {
      branch = branch.below.get(part);
      if (branch === undefined) return this.#keep(path, make());
    }
    return branch.value ?? this.#keep(path, make());
  }

  #keep(path: readonly unknown[], value: T): T {
    if (this.#size >= this.#max) return value;
    this.#size += 1;
    let branch = this.#root;
    for (const part of path) {
      const next: Branch<T> = branch.below.get(part) ?? { below: new Map() };
      branch.below.set(part, next);
      branch = next;
    }
    branch.value = value;
    return value;
  }
}
