import { measureInTurn } from './in-turn.mjs';
import { median, ratio } from './measure.mjs';
import { startProcess } from './process.mjs';

const BLOCKS = 300;
/** What was attached runs at its own speed late. */
const WARM_UP_BLOCKS = 80;
const WITHOUT = 'without';
const WAYS = [WITHOUT, 'metrics', 'spans'];

/** CPU time of calls with telemetry against those without. */
export async function benchTelemetry() {
  const server = await startProcess('server.mjs');
  try {
    const start = (ways) => startProcess('observed.mjs', server.ready.origin, ways.join(','));
    const measured = await measureInTurn(WAYS, start, { warmUpBlocks: WARM_UP_BLOCKS, blocks: BLOCKS });
    return WAYS.map((way) => ({
      way,
      microseconds: median(measured[way]),
      ratio: ratio(measured, way, WITHOUT),
    }));
  } finally {
    server.end();
  }
}
