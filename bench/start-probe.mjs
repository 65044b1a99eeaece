/**
 * Imports what an app has anyway, and then this package, or a module that holds nothing. Prints the CPU time of either,
 * in milliseconds.
 */
import { setTimeout as pause } from 'node:timers/promises';

/** What those have set in motion in the background, compilation above all, is over by then. */
const SETTLED_MS = 300;
const TARGETS = { package: '../dist/index.js', nothing: 'data:text/javascript,export{}' };

const spent = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

await import('reflect-metadata');
await import('@nestjs/core');
await import('axios');
await pause(SETTLED_MS);
const without = spent();
await import(TARGETS[process.argv[2]]);
console.log(JSON.stringify({ without, added: spent() - without }));
