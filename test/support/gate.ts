/** Holds whoever passes while it is shut. */
export class Gate {
  #waiting: (() => void)[] = [];
  #open = true;

  /** How many are being held. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Holds those who come from now on. */
  hold(): void {
    this.#open = false;
  }

  /** Opens again, and lets everyone through in order. */
  release(): void {
    this.#open = true;
    for (const pass of this.#waiting.splice(0)) pass();
  }

  /** Resolves at once, or when it is opened. */
  pass(): Promise<void> {
    if (this.#open) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
