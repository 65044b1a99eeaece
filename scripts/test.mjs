/**
 * Runs the tests, two files at a time: first what computes, then what waits for servers and processes of its own.
 * Arguments go to Jest: `npm test -- test/tokens`.
 */
import { spawnSync } from 'node:child_process';

const args = process.argv.slice(2);
const jest = (project) =>
  spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
      '--selectProjects',
      project,
      '--maxWorkers=2',
      // A path is in one of the two.
      ...(args.length > 0 ? ['--passWithNoTests', ...args] : []),
    ],
    { stdio: 'inherit' },
  ).status ?? 1;

process.exitCode = Math.max(jest('computing'), jest('waiting'));
