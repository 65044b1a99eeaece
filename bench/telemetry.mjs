import { interleave, median, ratio } from './measure.mjs';
import { startProcess } from './process.mjs';

const CALLS = 3_000;
const ROUNDS = 15;
const WARM_UP_ROUNDS = 2;
const WAYS = ['without', 'metrics', 'spans'];

/** CPU time of calls with telemetry against those without, of one client in one process. */
export async function benchTelemetry() {
  const server = await startProcess('server.mjs');
  const caller = await startProcess('observed.mjs', server.ready.origin);
  try {
    const cases = Object.fromEntries(WAYS.map((way) => [way, () => caller.ask({ way, count: CALLS })]));
    await interleave(cases, WARM_UP_ROUNDS);
    const measured = await interleave(cases, ROUNDS);
    return WAYS.map((way) => ({
      way,
      microseconds: median(measured[way]) / CALLS,
      ratio: ratio(measured, way, 'without'),
    }));
  } finally {
    for (const { end } of [server, caller]) end();
  }
}
