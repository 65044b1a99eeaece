import { setTimeout as pause } from 'node:timers/promises';

/** Outcome of the app's callers. */
export interface Fared {
  readonly served: number;
  readonly failed: number;
}

/** People who call the app's routes over HTTP. What happens behind them they never see. */
export class Visitors {
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** So many calls at the same moment. */
  async allAtOnce(calls: number, path: string): Promise<Fared> {
    return tally(await Promise.all(Array.from({ length: calls }, () => this.#visit(path))));
  }

  /** A few who keep calling, one call after the other, for a while. */
  async keepCalling(callers: number, durationMs: number, path: string): Promise<Fared> {
    const end = Date.now() + durationMs;
    const calling = async (): Promise<boolean[]> => {
      const visits: boolean[] = [];
      for (; Date.now() < end; await pause(20)) visits.push(await this.#visit(path));
      return visits;
    };
    return tally((await Promise.all(Array.from({ length: callers }, calling))).flat());
  }

  /** Returns whether the app served the call. */
  async #visit(path: string): Promise<boolean> {
    try {
      const response = await fetch(this.#origin + path);
      await response.text();
      return response.ok;
    } catch {
      return false;
    }
  }
}

function tally(visits: readonly boolean[]): Fared {
  const served = visits.filter(Boolean).length;
  return { served, failed: visits.length - served };
}
