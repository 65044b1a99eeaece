/** Imports what an app has anyway, and this package where it is asked to. Prints the CPU time of its life so far. */
await import('reflect-metadata');
await import('@nestjs/core');
await import('axios');
if (process.argv[2] === 'package') await import('../dist/index.js');
const { user, system } = process.cpuUsage();
console.log((user + system) / 1_000);
