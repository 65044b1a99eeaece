import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { builtPackage } from '../support/built-package.js';

const USERS = 100_000;

it('the tokens of 100,000 users take no more memory than those of 50,000', async () => {
  const script = join(import.meta.dirname, 'many-users.mjs');
  const env = { ...process.env, NODE_OPTIONS: '' };
  const child = fork(script, [await builtPackage(), String(USERS)], { execArgv: ['--expose-gc'], env });
  const [[report], [code]] = (await Promise.all([once(child, 'message'), once(child, 'exit')])) as [
    [{ before: number; after: number; refused: [number, number] }],
    [number],
  ];
  expect(code).toBe(0);
  expect(report.refused).toEqual([USERS / 2, USERS / 2]);
  expect(report.after).toBeLessThan(report.before * 1.2);
}, 300_000);
