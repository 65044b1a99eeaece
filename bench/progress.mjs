/** Shows, on standard error, which case is measured and how long the whole bench still takes. */
class Progress {
  /** Names and seconds of the parts, as they take on a machine that is not busy. */
  #parts = [];
  #part = 'bench';
  #startedAt = performance.now();
  #partStartedAt = performance.now();
  /** Factor by which the parts that are done took longer than expected: a busy machine takes longer for all. */
  #pace = 1;

  plan(parts) {
    this.#parts = Object.entries(parts);
    this.#startedAt = performance.now();
  }

  begin(name) {
    const at = this.#parts.findIndex(([part]) => part === name);
    const expected = this.#parts.slice(0, at).reduce((sum, [, seconds]) => sum + seconds, 0);
    if (expected > 0) this.#pace = (performance.now() - this.#startedAt) / 1_000 / expected;
    this.#part = name;
    this.#partStartedAt = performance.now();
  }

  show(what) {
    const at = this.#parts.findIndex(([part]) => part === this.#part);
    const [here = [this.#part, 0], ...later] = this.#parts.slice(Math.max(0, at));
    const inPart = (performance.now() - this.#partStartedAt) / 1_000;
    const left = Math.max(1, here[1] * this.#pace - inPart) + later.reduce((sum, [, s]) => sum + s, 0) * this.#pace;
    const time = left < 90 ? `${Math.ceil(left)} s` : `${Math.floor(left / 60)} min ${Math.round(left % 60)} s`;
    console.error(`${this.#part}: ${what}; about ${time} left in all`);
  }
}

export const progress = new Progress();
