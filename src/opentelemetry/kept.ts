/** Values by key, made once each, for as many keys as there is room for. */
export class Kept<T> {
  readonly #values = new Map<string, T>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string, make: () => T): T {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const made = make();
    if (this.#values.size < this.#max) this.#values.set(key, made);
    return made;
  }
}
