import { progress } from './progress.mjs';

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
  return quantile(values, 0.5);
}

/** The value that such a share of the others is below: between two of them, where it falls there. */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** All but such a share of the values, the greatest of them. */
export function withoutSlowest(values, share) {
  return values.toSorted((a, b) => a - b).slice(0, Math.ceil(values.length * (1 - share)));
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
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length];
      progress.show(`${name}, round ${round + 1} of ${rounds}`);
      measured[name].push(await cases[name]());
    }
  }
  return measured;
}

/** Median of the ratios of each round: both parts of one were measured under the same weather. */
export function ratio(measured, name, reference) {
  return median(measured[name].map((value, round) => value / measured[reference][round]));
}
