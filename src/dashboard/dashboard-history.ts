import type { ForgeAuthEvent, Observer } from '../observer.js';

/** Minutes that are remembered. */
const MINUTES = 60;
const MINUTE_MS = 60_000;

/** Events of a service's tokens in the last hour: one number for each minute, the oldest first. */
export interface ServiceHistory {
  readonly renewals: readonly number[];
  readonly failures: readonly number[];
  readonly rejections: readonly number[];
}

type Series = keyof ServiceHistory;

/** Counts renewals, failures and rejections of the last hour, minute by minute. */
export class DashboardHistory implements Observer {
  /** Counts by service and minute. */
  readonly #services = new Map<string, Map<number, Record<Series, number>>>();

  event(event: ForgeAuthEvent): void {
    const series = seriesOf(event);
    if (series === undefined || event.service === undefined) return;
    const minute = Math.floor(event.at / MINUTE_MS);
    const minutes = this.#services.get(event.service) ?? new Map<number, Record<Series, number>>();
    this.#services.set(event.service, minutes);
    const counts = minutes.get(minute) ?? { renewals: 0, failures: 0, rejections: 0 };
    counts[series] += 1;
    minutes.set(minute, counts);
    if (minutes.size > MINUTES) minutes.delete(Math.min(...minutes.keys()));
  }

  /** @param at end of the hour, epoch milliseconds */
  of(service: string, at: number): ServiceHistory {
    const now = Math.floor(at / MINUTE_MS);
    const minutes = this.#services.get(service);
    const read = (series: Series): number[] =>
      Array.from({ length: MINUTES }, (_, index) => minutes?.get(now - MINUTES + 1 + index)?.[series] ?? 0);
    return { renewals: read('renewals'), failures: read('failures'), rejections: read('rejections') };
  }
}

function seriesOf(event: ForgeAuthEvent): Series | undefined {
  if (event.type === 'token_rejected') return 'rejections';
  if (event.type !== 'token_request') return undefined;
  if (event.outcome === 'obtained') return 'renewals';
  return event.outcome === 'failed' ? 'failures' : undefined;
}
