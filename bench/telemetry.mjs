import { measureInTurn } from './in-turn.mjs';
import { median, ratio } from './measure.mjs';
import { startProcess } from './process.mjs';

const BLOCKS = 600;
/** What was attached runs at its own speed late. */
const WARM_UP_BLOCKS = 80;
const WITHOUT = 'without';

/** CPU time of calls with telemetry against those without. */
export async function benchTelemetry() {
  const server = await startProcess('server.mjs');
  try {
    const start = () => startProcess('observed.mjs', server.ready.origin);
    const measured = await measureInTurn(start, { warmUpBlocks: WARM_UP_BLOCKS, blocks: BLOCKS });
    return Object.keys(measured).map((way) => ({
      way,
      microseconds: median(measured[way]),
      ratio: ratio(measured, way, WITHOUT),
    }));
  } finally {
    server.end();
  }
}
