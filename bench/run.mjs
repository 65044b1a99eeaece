/**
 * Measures what the package costs, against the plain thing it takes the place of: all of it, or the parts that are named
 * (`npm run bench -- calls faces`). Shows how far it is, prints tables, writes the ratios of the parts that were measured
 * to results.json, draws the calls, and ends with 1 when a bound is missed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { PARTS } from './parts.mjs';
import { installPeers } from './peers.mjs';
import { plotCalls } from './plot.mjs';
import { progress } from './progress.mjs';
import { showBounds } from './show.mjs';

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}. Name some of: ${Object.keys(PARTS).join(', ')}.`);
  process.exit(1);
}
const names = asked.length === 0 ? Object.keys(PARTS) : asked;

const peers = installPeers();
progress.plan(Object.fromEntries(names.map((name) => [name, PARTS[name].seconds])));
const measured = {};
for (const name of names) {
  progress.begin(name);
  measured[name] = await PARTS[name].measure(peers);
  PARTS[name].show(measured[name]);
}

const bounds = names.flatMap((name) => PARTS[name].boundsOf(measured[name]));
showBounds(bounds);

// Ratios alone: whatever else is measured belongs to the machine.
const file = new URL('results.json', import.meta.url);
const before = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
const results = Object.assign(before, ...names.map((name) => PARTS[name].resultsOf(measured[name])));
await writeFile(file, `${JSON.stringify(results, undefined, 2)}\n`);
if (measured.calls !== undefined) await plotCalls(measured.calls, peers);
if (bounds.some(({ value, atMost }) => value > atMost)) process.exitCode = 1;
