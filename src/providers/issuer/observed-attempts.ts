import { monotonicNow } from '../../clock.js';
import type { ServiceScope } from '../../token/runtime.js';

/** Reports to the application's observers each request of a token flight. */
export class ObservedAttempts {
  readonly #scope: ServiceScope;
  readonly #grant: string;
  #attempt = 0;

  constructor(scope: ServiceScope, grant: string) {
    this.#scope = scope;
    this.#grant = grant;
  }

  /** Makes one request. */
  async run<T>(request: () => Promise<T>): Promise<T> {
    this.#attempt += 1;
    const { clock } = this.#scope;
    const startedAt = monotonicNow(clock);
    try {
      const answered = await request();
      this.#emit(startedAt, 200);
      return answered;
    } catch (error) {
      const { status } = error as { status?: unknown };
      this.#emit(startedAt, typeof status === 'number' ? status : undefined);
      throw error;
    }
  }

  #emit(startedAt: number, status: number | undefined): void {
    const { clock, observer, serviceName } = this.#scope;
    observer.emit({
      type: 'token_attempt',
      at: clock.now(),
      service: serviceName,
      grant: this.#grant,
      attempt: this.#attempt,
      durationMs: monotonicNow(clock) - startedAt,
      ...(status === undefined ? undefined : { status }),
    });
  }
}
