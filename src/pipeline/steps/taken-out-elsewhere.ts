import type { Token } from '../../token/token.js';
import type { TokenSlot } from '../../token/slot/token-slot.js';

/** Parts of a pipeline that a token concerns which another service has taken out of use. */
export interface SharingPipeline {
  slot(step: string): Pick<TokenSlot, 'current' | 'adoptStored'>;
  /** Forgets the token of a step, if that is the one in use; `early`: and what was made with it. */
  forget(step: string, token: Token, early: boolean): void;
}

/** Follows tokens that steps share with other services, once those take them out of use. */
export class TakenOutElsewhere {
  readonly #pipeline: SharingPipeline;
  readonly #looks = new Set<Promise<void>>();

  constructor(pipeline: SharingPipeline) {
    this.#pipeline = pipeline;
  }

  /** True while storage is asked what a step has made of a token. */
  get looking(): boolean {
    return this.#looks.size > 0;
  }

  /** Settles when storage has answered for each step. */
  async settled(): Promise<void> {
    await Promise.all(this.#looks);
  }

  /** @param early true when the token was no good any more before it was due */
  takenOut(step: string, token: Token, early: boolean): void {
    const slot = this.#pipeline.slot(step);
    if (slot.current !== undefined) {
      this.#pipeline.forget(step, token, early);
      return;
    }
    // What was made with it may be in use although the step was not asked yet: then storage knows.
    const look: Promise<void> = slot
      .adoptStored()
      .then(
        (found) => void (found && this.#pipeline.forget(step, token, early)),
        () => undefined,
      )
      .finally(() => this.#looks.delete(look));
    this.#looks.add(look);
  }
}
