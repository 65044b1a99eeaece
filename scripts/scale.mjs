/**
 * Plays fleets of 1,000 and 10,000 processes on one Redis in virtual time (`npm run scale -- 100 1000`: of these sizes),
 * and prints what Redis is asked. The managers, locks, storage and announcements are those of `src`.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../', import.meta.url));
const folder = `${root}node_modules/.cache/scale/`;
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: [`${root}test/fleet/scale/virtual-fleet.ts`],
  outfile: `${folder}fleet.mjs`,
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  alias: { 'nestjs-forge-auth': `${root}src/index.ts` },
  tsconfig: `${root}tsconfig.json`,
  logLevel: 'error',
});
const { loadsOf } = await import(`${folder}fleet.mjs`);
rmSync(folder, { recursive: true });

const sizes = process.argv.slice(2).map(Number);
for (const processes of sizes.length > 0 ? sizes : [1_000, 10_000]) {
  const loads = await loadsOf(processes);
  console.log(`\n${processes} processes`);
  console.table(
    Object.entries(loads).map(([what, load]) => ({
      '': what,
      'commands a second': Math.round(load.perSecond * 10) / 10,
      'in the busiest second': load.peak,
      'for each process': Math.round((load.commands / processes) * 100) / 100,
      messages: load.messages,
      'token requests': load.tokenRequests,
      commands: Object.entries(load.byCommand)
        .map(([name, count]) => `${name} ${count}`)
        .join(', '),
    })),
  );
}
