// Reads the declarations of a package as its users get them: every entry's .d.ts and what it reaches.
// Each file must have kept its doc comments, and may name only packages that are there once this one is installed:
// its dependencies and required peers, and in a sub-entry the optional peers too.
// Usage: node scripts/check-declarations.mjs <package folder>
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

const folder = resolve(process.argv[2] ?? '.');
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const optional = new Set(Object.keys(manifest.peerDependenciesMeta ?? {}));
const peers = Object.keys(manifest.peerDependencies ?? {});
const sure = new Set([...Object.keys(manifest.dependencies ?? {}), ...peers.filter((name) => !optional.has(name))]);

const breaches = Object.entries(manifest.exports)
  .flatMap(([entry, target]) => [...new Set(typesOf(target))].map((types) => [entry, types]))
  .flatMap(([entry, types]) => breachesOf(entry, join(folder, types)));

for (const breach of breaches) console.error(breach);
if (breaches.length > 0) process.exit(1);

/** The declarations that an entry names under any of its conditions. */
function typesOf(target) {
  if (typeof target === 'string') return [];
  return Object.entries(target).flatMap(([condition, value]) => (condition === 'types' ? [value] : typesOf(value)));
}

function breachesOf(entry, start) {
  const found = [];
  const reached = new Set([start]);
  for (const path of reached) {
    const name = relative(folder, path);
    if (!existsSync(path)) {
      found.push(`${name} is missing`);
      continue;
    }
    const text = readFileSync(path, 'utf8');
    if (declaresSomething(path, text) && !text.includes('/**')) found.push(`${name} has lost its doc comments`);
    for (const specifier of importsOf(text)) {
      if (specifier.startsWith('.')) reached.add(resolve(dirname(path), specifier.replace(/\.js$/, '.d.ts')));
      else if (!mayName(entry, specifier)) found.push(`${name}, reached from "${entry}", imports ${specifier}`);
    }
  }
  return found;
}

function importsOf(text) {
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(text, true, true);
  return [...importedFiles, ...typeReferenceDirectives].map((file) => file.fileName);
}

function mayName(entry, specifier) {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  return specifier.startsWith('node:') || sure.has(name) || (entry !== '.' && optional.has(name));
}

function declaresSomething(path, text) {
  return ts
    .createSourceFile(path, text, ts.ScriptTarget.Latest)
    .statements.some((node) => !ts.isImportDeclaration(node) && !ts.isExportDeclaration(node));
}
