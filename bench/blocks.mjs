/** In the process that is measured: the CPU time of short blocks of calls, each way in turn. */

/** Calls under way at once. */
export const CONCURRENCY = 50;

/** A block of calls of one way, {@link CONCURRENCY} at once. */
export const blockOf = (call) => async (count) => {
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
};

/**
 * Answers each message with the CPU time, in microseconds, of so many blocks of so many calls, by the name of their way.
 * The blocks are short, and one way follows the other: whatever else the machine does slows down neighbours alike. What
 * they leave behind is collected as in an app: a collection in between would have V8 throw away the code compiled for them.
 * @param ways functions by name, each making a number of calls
 */
export function answerInTurn(ways) {
  const names = Object.keys(ways);
  process.on('message', async ({ blocks, calls }) => {
    const measured = Object.fromEntries(names.map((name) => [name, []]));
    for (let block = 0; block < blocks; block += 1) {
      for (let turn = 0; turn < names.length; turn += 1) {
        const name = names[(block + turn) % names.length];
        measured[name].push(await cpuTimeOfBlock(ways[name], calls));
      }
    }
    process.send(measured);
  });
  process.on('disconnect', () => process.exit());
  process.send('ready');
}

async function cpuTimeOfBlock(run, calls) {
  const start = process.cpuUsage();
  await run(calls);
  const { user, system } = process.cpuUsage(start);
  return user + system;
}
