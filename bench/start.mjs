import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { interleave, median } from './measure.mjs';

const PROCESSES = 20;
const PROBE = fileURLToPath(new URL('start-probe.mjs', import.meta.url));

const probe = (what) => () => Number(execFileSync(process.execPath, [PROBE, what], { encoding: 'utf8' }));

/** Milliseconds of CPU time that importing the package adds to a process that has `@nestjs/core` and axios. */
export async function benchStart() {
  const measured = await interleave({ without: probe('nothing'), with: probe('package') }, PROCESSES);
  const [without, withPackage] = [median(measured.without), median(measured.with)];
  return {
    without,
    with: withPackage,
    // Each pair of neighbours ran in the same conditions.
    milliseconds: median(measured.with.map((value, round) => value - measured.without[round])),
  };
}
