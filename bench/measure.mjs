/** Collects what earlier work left behind, so that it is not counted as the next one's. */
export function collectGarbage() {
  if (globalThis.gc === undefined) throw new Error('Run the bench with node --expose-gc.');
  globalThis.gc();
}

/** Microseconds of CPU time, user and system, that `work` takes in this process. */
export async function cpuTimeOf(work) {
  collectGarbage();
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Measures every case once per round, each round starting with another one: a machine that is slow for a while, or
 * heats up, is so for all of them.
 * @param cases functions by name, each answering a number
 * @returns the numbers by name, one a round
 */
export async function interleave(cases, rounds) {
  const names = Object.keys(cases);
  const measured = Object.fromEntries(names.map((name) => [name, []]));
  const startedAt = performance.now();
  const total = rounds * names.length;
  for (let done = 0; done < total; done += 1) {
    const [round, turn] = [Math.floor(done / names.length), done % names.length];
    const name = names[(round + turn) % names.length];
    tell(name, round, rounds, done, total, performance.now() - startedAt);
    measured[name].push(await cases[name]());
  }
  return measured;
}

let part = 'bench';

/** Names the part that is measured from now on, for the lines that tell how far it is. */
export function begin(name) {
  part = name;
  console.error(`${part}: starts`);
}

function tell(name, round, rounds, done, total, elapsedMs) {
  const leftMs = done === 0 ? undefined : (elapsedMs / done) * (total - done);
  const left = leftMs === undefined ? '' : `, ${Math.ceil(leftMs / 1_000)} s left of this series`;
  console.error(`${part}: ${name}, round ${round + 1} of ${rounds}${left}`);
}

/** Median of the ratios of each round: both parts of one were measured under the same weather. */
export function ratio(measured, name, reference) {
  return median(measured[name].map((value, round) => value / measured[reference][round]));
}
