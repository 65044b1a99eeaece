/**
 * Measures what the package costs, against the plain thing it takes the place of: all of it, or the parts that are named
 * (`npm run bench -- calls faces`). Tells how far it is, prints tables, writes the ratios of the parts that were measured
 * to results.json, and ends with 1 when a bound is missed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { begin } from './measure.mjs';
import { PARTS } from './parts.mjs';

const round = (value) => Math.round(value * 100) / 100;
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}. Name some of: ${Object.keys(PARTS).join(', ')}.`);
  process.exit(1);
}
const names = asked.length === 0 ? Object.keys(PARTS) : asked;

const bounds = [];
const results = {};
for (const name of names) {
  begin(name);
  const { measure, show, boundsOf, resultsOf } = PARTS[name];
  const measured = await measure();
  show(measured);
  bounds.push(...boundsOf(measured));
  Object.assign(results, resultsOf(measured));
}

console.log('\nBounds');
console.table(
  bounds.map(({ what, value, atMost }) => ({
    '': what,
    value: round(value),
    'at most': atMost,
    '-': value <= atMost ? 'holds' : 'MISSED',
  })),
);

// Ratios alone: whatever else is measured belongs to the machine.
const file = new URL('results.json', import.meta.url);
const before = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
await writeFile(file, `${JSON.stringify({ ...before, ...results }, undefined, 2)}\n`);
if (bounds.some(({ value, atMost }) => value > atMost)) process.exitCode = 1;
