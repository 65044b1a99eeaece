// For each entry named: `import` and `require` must give the same names, and the same things under them.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
for (const entry of process.argv.slice(2)) {
  const imported = await import(entry);
  const required = require(entry);
  const names = Object.keys(imported).sort();
  assert.ok(names.length > 0, `${entry} exports nothing`);
  assert.ok(!names.includes('default'), `${entry} has a default export`);
  assert.deepEqual(namesOf(required), names, entry);
  for (const name of names) {
    const value = imported[name];
    assert.equal(required[name], value, `${entry}: ${name}`);
    // Nest shows it, and errors do.
    if (String(value).startsWith('class ')) assert.equal(value.name, name, `${entry}: the name of ${name}`);
  }
}

/** Node marks a required ES module for transpilers; that is no export. */
function namesOf(required) {
  return Object.keys(required)
    .filter((name) => name !== '__esModule')
    .sort();
}
