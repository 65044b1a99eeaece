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

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = join(root, 'dist');
const commonjs = join(dist, 'cjs');

/** Dependencies that `require()` cannot load everywhere, and the name of each in the bundle. */
const BUNDLED = { 'openid-client': 'openidClient', jose: 'jose', dpop: 'dpop' };

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
await bundleModules();
const modules = filesOf('.js');
for (const path of modules) await writeAsCommonJs(path);
await build({
  ...asCommonJs,
  stdin: {
    contents: Object.entries(BUNDLED)
      .map(([name, alias]) => `export * as ${alias} from '${name}';`)
      .join('\n'),
    resolveDir: root,
  },
  bundle: true,
  legalComments: 'inline',
  outfile: join(commonjs, 'bundled.js'),
});
for (const path of modules) requireFromBundle(join(commonjs, path));
for (const path of modules) await shorten(join(dist, path));
copyFileSync(join(root, 'src/schematics/collection.json'), join(commonjs, 'schematics/collection.json'));
writeFileSync(join(commonjs, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);

/**
 * Makes one file of all that is loaded with the package's entry, and others of what is loaded when it is used: the time
 * that a file costs is that of reading its text, and some 0.2 ms for being one.
 */
async function bundleModules() {
  const paths = entries.map((entry) => relative('dist', entry.default));
  const bundle = await rollup({
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
  const atOnce = new Set();
  const { output } = await bundle.generate({
    chunkFileNames: 'chunks/[name]-[hash].js',
    hoistTransitiveImports: false,
    manualChunks(id, { getModuleInfo }) {
      if (atOnce.size === 0) addImported(join(dist, 'index.js'), getModuleInfo, atOnce);
      return atOnce.has(id) ? 'core' : undefined;
    },
  });
  const [renamed] = output.flatMap(({ code }) => /\bclass \w+\$\d+/.exec(code) ?? []);
  if (renamed !== undefined) throw new Error(`${renamed}: two classes share a name, and one of them would lose it`);
  for (const path of filesOf('.js')) rmSync(join(dist, path));
  for (const { fileName, code } of output) {
    mkdirSync(dirname(join(dist, fileName)), { recursive: true });
    // Without comments. esbuild gives decorated classes, which are expressions, names of its own.
    const named = code.replaceAll(/(?<== )class (\w+)(?: extends [\w.]+)? \{/g, withName);
    writeFileSync(join(dist, fileName), (await transform(named, options)).code);
  }
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

/** Adds a module, and all that it imports before it runs. */
function addImported(id, getModuleInfo, found) {
  if (found.has(id) || getModuleInfo(id).isExternal) return;
  found.add(id);
  for (const imported of getModuleInfo(id).importedIds) addImported(imported, getModuleInfo, found);
}

/** Minified, but for the names of classes, which Nest and errors show. */
async function writeAsCommonJs(path) {
  const text = readFileSync(join(dist, path), 'utf8');
  const named = text.replaceAll(/\bclass (\w+)(?: extends [\w.]+)? \{/g, withName);
  const { code } = await transform(named, asCommonJs);
  mkdirSync(dirname(join(commonjs, path)), { recursive: true });
  writeFileSync(join(commonjs, path), code);
}

function withName(head, name) {
  return `${head} static { Object.defineProperty(this, "name", { value: "${name}", configurable: true }); }`;
}

/**
 * Shortens names of variables and leaves out white space: what is imported costs time by its length. Classes and
 * functions keep their names and lines stay short, for stack traces.
 */
async function shorten(file) {
  const mangle = { keep_classnames: true, keep_fnames: true, keep_private_props: true, toplevel: true };
  const { code } = await minify(readFileSync(file, 'utf8'), { module: true, compress: false, mangle });
  // esbuild would give a class expression, but not a declaration, a name of its own.
  const declared = code.replaceAll(/\blet (\w+)=class \1\b/g, 'class $1');
  const { code: lines } = await transform(declared, { ...options, minifyWhitespace: true, lineLimit: 120 });
  writeFileSync(file, lines);
}

/** Files of dist, by path below it. */
function filesOf(ending) {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' });
  return files.filter((path) => path.endsWith(ending) && !path.startsWith('cjs'));
}

function requireFromBundle(file) {
  const path = relative(dirname(file), join(commonjs, 'bundled.js'));
  const bundle = path.startsWith('.') ? path : `./${path}`;
  const text = readFileSync(file, 'utf8');
  const rewritten = text.replaceAll(/require\("([^"./][^"]*)"\)/g, (call, name) =>
    Object.hasOwn(BUNDLED, name) ? `require("${bundle}").${BUNDLED[name]}` : call,
  );
  if (rewritten !== text) writeFileSync(file, rewritten);
}
