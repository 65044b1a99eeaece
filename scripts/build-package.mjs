/**
 * Makes of dist, as `nest build` leaves it, what is published:
 * - JavaScript without comments, shortened, and declarations of what the entries export (`declarations.mjs`);
 * - dist/cjs: the same package for tools that load no ES module, CommonJS Jest above all. Node itself never takes it:
 *   the condition `module-sync` comes first, so that a process has one copy. Dependencies that are ES modules only
 *   are bundled into one file there.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { minify } from '@swc/core';
import { build, transform } from 'esbuild';
import { rollup } from 'rollup';
import { writeDeclarations } from './declarations.mjs';
import { shortLines } from './short-lines.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = join(root, 'dist');
const commonjs = join(dist, 'cjs');

/** Dependencies that `require()` cannot load everywhere. */
const BUNDLED = ['openid-client', 'jose'];

/** Code that runs within the Nest command, which knows CommonJS alone. */
const SCHEMATICS = ['schematics/nest-add.schematic.js', 'schematics/service.schematic.js'];

const options = { platform: 'node', target: 'es2023', logLevel: 'error' };
// Jest's own loader knows no import().
const asCommonJs = { ...options, format: 'cjs', minify: true, supported: { 'dynamic-import': false } };

rmSync(commonjs, { recursive: true, force: true });
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.values(exports).flatMap((conditions) => conditions.default ?? []);
writeDeclarations(
  dist,
  entries.map(({ types }) => relative('dist', types)),
);
const schematics = SCHEMATICS.map((path) => join(dist, path));
await build({ ...asCommonJs, entryPoints: schematics, bundle: true, outbase: dist, outdir: commonjs });
await build({
  ...asCommonJs,
  stdin: {
    contents: Object.entries(namesUsedOfBundled())
      .map(([name, names]) => `export { ${[...names].join(', ')} } from '${name}';`)
      .join('\n'),
    resolveDir: root,
  },
  bundle: true,
  legalComments: 'inline',
  outfile: join(commonjs, 'bundled.js'),
});
await writeModules(await bundleOf(entries.map((entry) => relative('dist', entry.default))));
copyFileSync(join(root, 'src/schematics/collection.json'), join(commonjs, 'schematics/collection.json'));
writeFileSync(join(commonjs, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);

function bundleOf(paths) {
  return rollup({
    input: Object.fromEntries(paths.map((path) => [path.slice(0, -'.js'.length), join(dist, path)])),
    external: (id) => !/^[./]/.test(id),
    plugins: [oneOfEachHelper()],
    treeshake: { moduleSideEffects: false },
    // As in the decorators that tsc writes.
    context: 'this',
    onLog(level, log) {
      throw new Error(log.message);
    },
  });
}

/**
 * Writes the modules in both formats. Of ES modules, one file is what is loaded with the package's entry, and others
 * what is loaded when it is used: the time that a file costs is that of reading its text, and some 0.2 ms for being one.
 * In CommonJS all that is one file: what files import from each other takes more text there.
 */
async function writeModules(bundle) {
  const formats = [
    { folder: dist, write: asModule, format: 'es', chunk: chunkOf('core', false), names: 'chunks/[name]-[hash].js' },
    { folder: commonjs, write: asMinified, format: 'cjs', chunk: chunkOf('core', true), names: '[name].js' },
  ];
  const written = [];
  for (const { folder, write, format, chunk, names } of formats) {
    const { output } = await bundle.generate({
      format,
      chunkFileNames: names,
      hoistTransitiveImports: false,
      manualChunks: chunk,
      ...(format === 'cjs' && {
        interop: 'auto',
        esModule: true,
        dynamicImportInCjs: false,
        externalLiveBindings: false,
      }),
    });
    const [renamed] = output.flatMap(({ code }) => /\bclass \w+\$\d+/.exec(code) ?? []);
    if (renamed !== undefined) throw new Error(`${renamed}: two classes share a name, and one of them would lose it`);
    for (const { fileName, code } of output) written.push([join(folder, fileName), await write(code, fileName)]);
  }
  for (const path of filesOf('.js')) rmSync(join(dist, path));
  for (const [file, code] of written) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
  }
}

/** Puts into one chunk what the package's entry imports before it runs and, if `later`, what it imports after that. */
function chunkOf(name, later) {
  const found = new Set();
  return (id, { getModuleInfo }) => {
    if (found.size === 0) addImported(join(dist, 'index.js'), getModuleInfo, later, found);
    return found.has(id) ? name : undefined;
  };
}

/** Has the functions that tsc writes into every file with a decorator stand once: each costs time at every start. */
function oneOfEachHelper() {
  const HELPERS = '\0helpers';
  const written = /^var (__decorate|__param) = \(this && this\.\1\) \|\| (function [\s\S]*?\n\});$/gm;
  const texts = filesOf('.js').map((path) => readFileSync(join(dist, path), 'utf8'));
  const bodies = new Map(texts.flatMap((text) => [...text.matchAll(written)].map(([, name, body]) => [name, body])));
  return {
    name: 'one-of-each-helper',
    resolveId: (id) => (id === HELPERS ? id : undefined),
    load: (id) =>
      id === HELPERS ? [...bodies].map(([name, body]) => `export const ${name} = ${body};`).join('\n') : undefined,
    transform(code) {
      const used = [...code.matchAll(written)].map(([, name]) => name);
      if (used.length === 0) return undefined;
      return `import { ${used.join(', ')} } from '${HELPERS}';\n${code.replaceAll(written, '')}`;
    },
  };
}

function addImported(id, getModuleInfo, later, found) {
  if (found.has(id) || getModuleInfo(id).isExternal) return;
  found.add(id);
  const { importedIds, dynamicallyImportedIds } = getModuleInfo(id);
  for (const imported of later ? [...importedIds, ...dynamicallyImportedIds] : importedIds) {
    addImported(imported, getModuleInfo, later, found);
  }
}

/** Minified, but for the names of classes, which Nest and errors show. */
async function asMinified(code, path) {
  const named = code.replaceAll(
    /\bclass (\w+)(?: extends [\w.]+)? \{/g,
    (head, name) => `${head} static { nameClass(this, "${name}"); }`,
  );
  const helper = 'function nameClass(it, value) { Object.defineProperty(it, "name", { value, configurable: true }); }';
  const minified = await transform(named === code ? code : `${named}\n${helper}`, asCommonJs);
  const folder = relative(dirname(path), '.') || '.';
  return minified.code.replaceAll(/require\("([^"./][^"]*)"\)/g, (call, name) =>
    BUNDLED.includes(name) ? `require("${folder}/bundled.js")` : call,
  );
}

/**
 * Shortened: what is imported costs time by its length. Classes, functions and private methods keep their names, and
 * lines stay short, for stack traces.
 */
async function asModule(code) {
  const mangle = { keep_classnames: true, keep_fnames: true, keep_private_props: true, toplevel: true };
  const shortened = await minify(code, { module: true, compress: false, mangle, format: { comments: false } });
  return shortLines(shortened.code.replaceAll(/\blet (\w+)=class \1\b/g, 'class $1'));
}

/** Files of dist, by path below it. */
function filesOf(ending) {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' });
  return files.filter((path) => path.endsWith(ending) && !path.startsWith('cjs'));
}

/** What the modules use of the bundled packages, by package: the rest of them is not shipped. */
function namesUsedOfBundled() {
  const used = Object.fromEntries(BUNDLED.map((name) => [name, new Set()]));
  const anyImport = /(?:\bfrom |\bimport\()'([^']+)'/g;
  const plainImport = /\b(?:import|const) (?:\{([^}]*)\}|(\w+)) (?:from |= await import\()'([^']+)'/g;
  const isBundled = (match) => BUNDLED.includes(match.at(-1));
  for (const path of filesOf('.js')) {
    const text = readFileSync(join(dist, path), 'utf8');
    const imports = [...text.matchAll(plainImport)].filter(isBundled);
    if ([...text.matchAll(anyImport)].filter(isBundled).length !== imports.length) {
      throw new Error(`${path}: write import { … } from, const { … } = await import() or const … = await import()`);
    }
    for (const [, names, whole, name] of imports) {
      const list = names?.split(',') ?? text.match(new RegExp(String.raw`(?<=\b${whole}\.)\w+`, 'g'));
      for (const one of list) used[name].add(one.trim().split(/:| as /)[0]);
    }
  }
  return used;
}
