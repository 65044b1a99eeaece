import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { builtPackage } from '../support/built-package.js';

const KEYS = 100_000;
const MAX_STORED = 10_000;

interface Report {
  /** Bytes in use after the first half of the keys, after the second, and after many more, half of them at once. */
  heap: [number, number, number];
  /** Timers that were set when nothing was under way. */
  timers: number;
  fetched: number;
  /** True when the latest tokens were all still there. */
  kept: boolean;
  /** How many of the first 100 tokens were fetched again. */
  forgotten: number;
  stored: number;
}

it.each(['alone', 'fleet'])(
  'tokens of 100,000 keys, in a process %s, take no more memory than those of 50,000, and no timer each',
  async (where) => {
    const script = join(import.meta.dirname, 'many-keys.mjs');
    const child = fork(script, [await builtPackage(), where, String(KEYS)], {
      execArgv: ['--expose-gc'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const [[report], [code]] = (await Promise.all([once(child, 'message'), once(child, 'exit')])) as [
      [Report],
      [number],
    ];
    expect(code).toBe(0);
    const { heap, timers, fetched, kept, forgotten, stored } = report;
    expect(fetched).toBe(1 + KEYS + 50_000);
    expect(heap[1]).toBeLessThan(heap[0] * 1.3);
    expect(heap[2]).toBeLessThan(heap[0] * 1.3);
    expect(timers).toBeLessThan(10);
    expect(stored).toBe(MAX_STORED);
    expect(kept).toBe(true);
    expect(forgotten).toBe(100);
  },
  300_000,
);
