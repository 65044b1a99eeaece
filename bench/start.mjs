import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { interleave, mean } from './measure.mjs';

const PROCESSES = 20;
const PROBE = fileURLToPath(new URL('start-probe.mjs', import.meta.url));

const probe = (what) => () => JSON.parse(execFileSync(process.execPath, [PROBE, what], { encoding: 'utf8' }));

/**
 * Milliseconds of CPU time that importing the package adds to a process that has `@nestjs/core` and axios: within one
 * process, as what those cost differs more from process to process than this does. Others on the machine add to a time
 * and take nothing away, so the least ones count.
 */
export async function benchStart() {
  const measured = await interleave({ nothing: probe('nothing'), package: probe('package') }, PROCESSES);
  const least = (of, part) => meanOfLeast(measured[of].map((times) => times[part]));
  const without = least('package', 'without');
  const milliseconds = least('package', 'added') - least('nothing', 'added');
  return { without, with: without + milliseconds, milliseconds };
}

/** Mean of the least fifth. */
function meanOfLeast(values) {
  return mean(values.toSorted((a, b) => a - b).slice(0, Math.ceil(values.length / 5)));
}
