/** CPU time of ways to make a call, measured in turn within one process. */
import { mean, withoutSlowest } from './measure.mjs';
import { progress } from './progress.mjs';

/** Blocks of each way between two lines of progress. */
const BLOCKS_A_ROUND = 25;
/** One and the same code can be a tenth faster or slower from process to process. */
const PROCESSES = 2;
/** Blocks that the machine interrupted. Garbage is collected in far more of them, and stays in the measure. */
const SLOWEST = 0.05;

/**
 * Measures ways that are compared with each other: short blocks of each, in turn, as they would run in one app. What is set
 * up first is faster: one process sets them up in the opposite order.
 * @param ways names of the ways
 * @param start starts one of these processes, given the names in the order in which they are to be set up
 * @param calls of one block
 * @param blocks of each way, in each process
 * @returns by way, the microseconds of one call in each process
 */
export async function measureInTurn(ways, start, { calls = 100, warmUpBlocks = 30, blocks }) {
  const results = {};
  for (let count = 1; count <= PROCESSES; count += 1) {
    const caller = await start(count % 2 === 1 ? ways : ways.toReversed());
    const measured = {};
    try {
      progress.show(`process ${count} of ${PROCESSES}, warming up`);
      await caller.ask({ blocks: warmUpBlocks, calls });
      for (let done = 0; done < blocks; done += BLOCKS_A_ROUND) {
        progress.show(`process ${count} of ${PROCESSES}, block ${done} of ${blocks}`);
        const answer = await caller.ask({ blocks: Math.min(BLOCKS_A_ROUND, blocks - done), calls });
        for (const [way, times] of Object.entries(answer)) (measured[way] ??= []).push(...times);
      }
    } finally {
      caller.end();
    }
    for (const [way, times] of Object.entries(measured))
      (results[way] ??= []).push(mean(withoutSlowest(times, SLOWEST)) / calls);
  }
  return results;
}
