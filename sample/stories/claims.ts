/** Prints what was claimed and what was counted, and remembers what did not hold. */
export class Claims {
  #kept = 0;
  #broken = 0;

  /** That there were exactly so many. */
  exactly(expected: number, counted: number, what: string): void {
    this.#settle(counted === expected, counted, what, `expected ${expected}`);
  }

  /** That there were so many, or more. */
  atLeast(expected: number, counted: number, what: string): void {
    this.#settle(counted >= expected, counted, what, `expected ${expected} or more`);
  }

  /** That there were so many, or fewer. */
  atMost(expected: number, counted: number, what: string): void {
    this.#settle(counted <= expected, counted, what, `expected ${expected} or fewer`);
  }

  /** Says in one line how it went. Answers whether every claim held. */
  conclude(): boolean {
    const all = this.#kept + this.#broken;
    console.log(this.#broken === 0 ? `\nAll ${all} claims hold.` : `\n${this.#broken} of ${all} claims do not hold.`);
    return this.#broken === 0;
  }

  #settle(kept: boolean, counted: number, what: string, expected: string): void {
    if (kept) this.#kept += 1;
    else this.#broken += 1;
    console.log(`   ${kept ? '✓' : '✗'} ${String(counted).padStart(5)} ${what}${kept ? '' : ` (${expected})`}`);
  }
}
