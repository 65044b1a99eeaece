import { mean, withoutSlowest } from './measure.mjs';
import { startProcess } from './process.mjs';
import { progress } from './progress.mjs';

const CALLS = 100;
const BLOCKS = 25;
const ROUNDS = 24;
const WARM_UP_BLOCKS = 80;
/** Blocks that the machine interrupted. Garbage is collected in far more of them, and stays in the measure. */
const SLOWEST = 0.05;

/** CPU time of calls with telemetry against those without, in one process: of 600 blocks of each, in turn. */
export async function benchTelemetry() {
  const server = await startProcess('server.mjs');
  const caller = await startProcess('observed.mjs', server.ready.origin);
  const measured = {};
  try {
    progress.tell('warming up');
    await caller.ask({ blocks: WARM_UP_BLOCKS, calls: CALLS });
    for (let round = 1; round <= ROUNDS; round += 1) {
      progress.tell(`round ${round} of ${ROUNDS}`);
      for (const [way, blocks] of Object.entries(await caller.ask({ blocks: BLOCKS, calls: CALLS })))
        (measured[way] ??= []).push(...blocks);
    }
  } finally {
    for (const { end } of [server, caller]) end();
  }
  const typical = (way) => mean(withoutSlowest(measured[way], SLOWEST));
  return Object.keys(measured).map((way) => ({
    way,
    microseconds: typical(way) / CALLS,
    ratio: typical(way) / typical('without'),
  }));
}
