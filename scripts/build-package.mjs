/**
 * Makes of dist, as `nest build` leaves it, what is published:
 * - JavaScript without comments, and the declarations that the entries reach (comments stay in those);
 * - dist/cjs: the same package for tools that load no ES module, CommonJS Jest above all. Node itself never takes it:
 *   the condition `module-sync` comes first, so that a process has one copy. Dependencies that are ES modules only
 *   are bundled into one file there.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = join(root, 'dist');
const commonjs = join(dist, 'cjs');

/** Dependencies that `require()` cannot load everywhere, and the name of each in the bundle. */
const BUNDLED = { 'openid-client': 'openidClient', jose: 'jose', dpop: 'dpop' };

/** What runs within the Nest command, which knows CommonJS alone. */
const SCHEMATICS = ['schematics/nest-add.schematic.js', 'schematics/service.schematic.js'];

const options = { platform: 'node', target: 'es2023', logLevel: 'error' };
// Jest's own loader knows no import(). Classes and functions have kept their names by then.
const asCommonJs = { ...options, format: 'cjs', minify: true, supported: { 'dynamic-import': false } };

rmSync(commonjs, { recursive: true, force: true });
keepDeclarationsThatEntriesReach();
const schematics = SCHEMATICS.map((path) => join(dist, path));
await build({ ...asCommonJs, entryPoints: schematics, bundle: true, outbase: dist, outdir: commonjs });
await bundleModules();
const modules = filesOf('.js');
await build({
  ...asCommonJs,
  entryPoints: modules.map((path) => join(dist, path)),
  outbase: dist,
  outdir: commonjs,
});
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
for (const path of filesOf('.d.ts')) {
  mkdirSync(dirname(join(commonjs, path)), { recursive: true });
  copyFileSync(join(dist, path), join(commonjs, path));
}
copyFileSync(join(root, 'src/schematics/collection.json'), join(commonjs, 'schematics/collection.json'));
writeFileSync(join(commonjs, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);

/**
 * Makes one file of each entry, and others of what they share: a file costs an app a third of a millisecond at its
 * start, and there are hundreds.
 */
async function bundleModules() {
  const entries = Object.values(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).exports)
    .map((conditions) => conditions.default?.default)
    .filter((path) => path !== undefined)
    .map((path) => resolve(root, path));
  const bundled = join(dist, 'bundled');
  await build({
    ...options,
    format: 'esm',
    entryPoints: entries,
    bundle: true,
    splitting: true,
    keepNames: true,
    packages: 'external',
    outbase: dist,
    outdir: bundled,
    chunkNames: 'chunks/[name]-[hash]',
  });
  nameClassesAlone(bundled);
  for (const path of filesOf('.js').filter((file) => !file.startsWith('bundled'))) rmSync(join(dist, path));
  cpSync(bundled, dist, { recursive: true });
  rmSync(bundled, { recursive: true });
}

/**
 * Keeps the names of classes, which Nest and errors show, and lets those of functions go: esbuild would have them named
 * each time that they are made, several of them on every call.
 */
function nameClassesAlone(folder) {
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  )) {
    const file = join(folder, path);
    const text = readFileSync(file, 'utf8')
      .replaceAll(
        /(static \{\s*)__name\(this, ("[^"]+")\)/g,
        '$1Object.defineProperty(this, "name", { value: $2, configurable: true })',
      )
      .replace(/var __name = \(target, value\) => __defProp\([^;]+;/, 'var __name = (target) => target;');
    if (/__name\(this|__defProp\(target, "name"/.test(text))
      throw new Error(`${path}: a name was left to be set on every call`);
    writeFileSync(file, text);
  }
}

/** Files of dist, by path below it. */
function filesOf(ending) {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' });
  return files.filter((path) => path.endsWith(ending) && !path.startsWith('cjs'));
}

function keepDeclarationsThatEntriesReach() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entries = Object.values(exports).map((conditions) => conditions.default?.types);
  const reached = new Set(entries.filter((types) => types !== undefined).map((types) => resolve(root, types)));
  for (const file of reached) {
    if (!existsSync(file)) throw new Error(`package.json exports ${relative(root, file)}, which is not there`);
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*['"](\.[^'"]+)\.js['"]/g)) {
      reached.add(resolve(dirname(file), `${specifier}.d.ts`));
    }
  }
  for (const path of filesOf('.d.ts')) if (!reached.has(join(dist, path))) rmSync(join(dist, path));
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
