/**
 * Runs the tests: first what may run side by side, in two workers, then what measures time or starts processes, alone.
 * Arguments go to Jest: `npm test -- test/tokens`.
 */
import { spawnSync } from 'node:child_process';

const args = process.argv.slice(2);
const jest = (project, workers) =>
  spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
      '--selectProjects',
      project,
      workers,
      // A path is in one of the two.
      ...(args.length > 0 ? ['--passWithNoTests', ...args] : []),
    ],
    { stdio: 'inherit' },
  ).status ?? 1;

process.exitCode = Math.max(jest('together', '--maxWorkers=2'), jest('alone', '--runInBand'));
