import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import ts from 'typescript';

/** A source file: its path below `src/` with forward slashes, and its text. */
export interface SourceFile {
  path: string;
  text: string;
}

/** One `import`, `export … from`, `import()` or `require()`, with what it names. */
interface Import {
  specifier: string;
  /** True when nothing of it is left in the compiled JavaScript. */
  typeOnly: boolean;
  /** True when it is loaded with the file, and not when the code gets there. */
  atOnce: boolean;
}

/** Layer of each folder of `src/`: a file may import files of its own layer or of a lower one. */
const LAYER_OF_FOLDER: Readonly<Record<string, number>> = {
  'option-check': 0,
  redaction: 0,
  http: 1,
  retry: 1,
  storage: 1,
  redis: 1,
  lock: 1,
  token: 2,
  providers: 3,
  pipeline: 3,
  auth: 4,
  client: 5,
  options: 6,
  application: 7,
  nest: 8,
  presets: 9,
  schematics: 9,
  terminus: 9,
  opentelemetry: 9,
  dashboard: 9,
  testing: 9,
  undici: 9,
};
const LAYER_OF_FILE: Readonly<Record<string, number>> = {
  'errors.ts': 0,
  'challenges.ts': 0,
  'clock.ts': 0,
  'lazy.ts': 0,
  'logger.ts': 0,
  'observer.ts': 0,
  'index.ts': 9,
};

/** Every room and file of the ground floor, with its layer. */
export function layers(): Record<string, number> {
  return { ...LAYER_OF_FOLDER, ...LAYER_OF_FILE };
}

/** Folders published as entries of their own, `nestjs-forge-auth/<folder>`. */
const SUB_ENTRIES: ReadonlySet<string> = new Set([
  'dashboard',
  'opentelemetry',
  'presets',
  'terminus',
  'testing',
  'undici',
]);

/** Optional peers, and the one folder that may import each. */
const HOME_OF_OPTIONAL_PEER: Readonly<Record<string, string>> = {
  undici: 'undici',
  '@nestjs/terminus': 'terminus',
  '@opentelemetry/api': 'opentelemetry',
};

/** Packages that cost an app its start, and that few apps use at once. */
const LOADED_WHEN_USED: ReadonlySet<string> = new Set(['openid-client', 'jose', '@nestjs/cache-manager']);

/** The files that know axios at run time. */
const AXIOS_FILES: ReadonlySet<string> = new Set([
  'http/axios/axios-config.ts',
  'http/axios/axios-sender.ts',
  'client/faces/http-service.face.ts',
  'client/faces/axios.face.ts',
  'client/faces/axios-exchange.ts',
  // Its two ways: of a request down, of an error up.
  'client/faces/axios-request.ts',
  'client/faces/axios-error.ts',
  'client/faces/attach-forge-auth.ts',
  // What axios itself defaults to.
  'client/faces/axios-defaults.ts',
]);
const FOLDERS_WITH_AXIOS_TYPES: ReadonlySet<string> = new Set(['http', 'client', 'options', 'application']);

/** Names that say nothing about what is inside: a type lives with its concept. */
const NAMELESS_FOLDERS: ReadonlySet<string> = new Set(['utils', 'common', 'interfaces', 'types', 'helpers']);

/** Reads what ships of `root`: every `.ts` file below it but the specs and their fixtures. */
export function readSourceFiles(root: string): SourceFile[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?<!\.spec|\.fixture)\.ts$/.test(path))
    .map((path) => ({ path: path.split(sep).join('/'), text: readFileSync(join(root, path), 'utf8') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Finds what breaks the house plan: layers, cycles, who may import what, folder names, barrels.
 * Answers one sentence for each breach, and an empty list for a sound tree.
 *
 * @param packages names of the packages that users of the library are sure to have, or asked to install
 */
export function findBreaches(files: readonly SourceFile[], packages: readonly string[]): string[] {
  const graph = new Map(files.map((file) => [file.path, importsOf(file)]));
  return [
    ...files.flatMap((file) => [...breachesOfPlace(file.path), ...breachesOfBarrels(file)]),
    ...[...graph].flatMap(([path, imports]) =>
      imports.flatMap((entry) =>
        isRelative(entry.specifier)
          ? breachesBetweenFiles(path, resolveImport(path, entry.specifier))
          : breachesOfPackages(path, entry, packages),
      ),
    ),
    ...cyclesOf(graph).map((cycle) => `${cycle.join(' → ')} is a cycle`),
  ];
}

/** Returns every file that is loaded with `entry`: what it imports, and what that imports, but for what waits for a call. */
export function loadedWith(entry: string, files: readonly SourceFile[]): string[] {
  const graph = new Map(files.map((file) => [file.path, importsOf(file)]));
  const loaded = new Set([entry]);
  for (const path of loaded)
    for (const { specifier, atOnce } of graph.get(path) ?? [])
      if (atOnce && isRelative(specifier)) loaded.add(resolveImport(path, specifier));
  return [...loaded].sort();
}

function breachesOfPlace(path: string): string[] {
  const breaches = path
    .split('/')
    .slice(0, -1)
    .filter((folder) => NAMELESS_FOLDERS.has(folder))
    .map((folder) => `${path} stands in a folder "${folder}": a type lives with its concept`);
  if (layerOf(path) === undefined && breaches.length === 0) {
    breaches.push(
      path.includes('/')
        ? `${path} stands in the folder "${topOf(path)}", which has no layer`
        : `${path} has no layer: only what LAYER_OF_FILE lists stands here`,
    );
  }
  return breaches;
}

function breachesOfBarrels({ path, text }: SourceFile): string[] {
  const breaches: string[] = [];
  if (posix.basename(path) === 'index.ts' && path !== 'index.ts') breaches.push(`${path} is a second barrel`);
  const exportsAll = parse(path, text).statements.some(
    (node) =>
      ts.isExportDeclaration(node) && (node.exportClause === undefined || ts.isNamespaceExport(node.exportClause)),
  );
  if (exportsAll) breaches.push(`${path} has an "export *": name each export`);
  return breaches;
}

function breachesBetweenFiles(from: string, to: string): string[] {
  if (to.startsWith('../')) return [`${from} imports ${to}, outside src`];
  const breaches: string[] = [];
  const [own, other] = [layerOf(from), layerOf(to)];
  if (own !== undefined && other !== undefined && other > own) {
    breaches.push(`${from} (layer ${own}) imports ${to} (layer ${other})`);
  }
  if (SUB_ENTRIES.has(topOf(to)) && topOf(from) !== topOf(to)) {
    breaches.push(`${from} imports ${to}, which is an entry of its own`);
  }
  return breaches;
}

function breachesOfPackages(
  path: string,
  { specifier, typeOnly, atOnce }: Import,
  packages: readonly string[],
): string[] {
  if (specifier.startsWith('node:')) return [];
  const name = packageOf(specifier);
  const breaches: string[] = [];
  if (!packages.includes(name)) breaches.push(`${path} imports ${name}, which users need not have`);
  if (atOnce && LOADED_WHEN_USED.has(name) && topOf(path) !== 'testing')
    breaches.push(`${path} imports ${name} at the start: load it when it is used, by await import('${name}')`);
  const home = HOME_OF_OPTIONAL_PEER[name];
  if (home !== undefined && topOf(path) !== home) {
    breaches.push(`${path} imports the optional ${name}: only ${home}/ may`);
  } else if (name.startsWith('@nestjs/') && !mayImportNest(path)) {
    breaches.push(`${path} imports ${name}: beside nest/ only client/faces/http-service.face.ts may`);
  }
  if (name === 'axios' && !mayImportAxios(path, typeOnly)) {
    breaches.push(`${path} imports axios${typeOnly ? '' : ' at run time'}: only transport and faces may`);
  }
  return breaches;
}

function mayImportNest(path: string): boolean {
  return topOf(path) === 'nest' || path === 'client/faces/http-service.face.ts' || SUB_ENTRIES.has(topOf(path));
}

function mayImportAxios(path: string, typeOnly: boolean): boolean {
  return AXIOS_FILES.has(path) || (typeOnly && FOLDERS_WITH_AXIOS_TYPES.has(topOf(path)));
}

function layerOf(path: string): number | undefined {
  if (path.includes('/')) return LAYER_OF_FOLDER[topOf(path)];
  return LAYER_OF_FILE[path];
}

function topOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('.');
}

function resolveImport(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
}

/** Exported declarations of a file with their doc comments; of overloads the first counts. */
export function exportedComments({ path, text }: SourceFile): { name: string; comment: string | undefined }[] {
  const found = new Map<string, string | undefined>();
  for (const node of ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true).statements) {
    const exported =
      ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (exported !== true) continue;
    const { name } = ts.isVariableStatement(node)
      ? (node.declarationList.declarations[0] ?? {})
      : (node as ts.DeclarationStatement);
    const known = name !== undefined && ts.isIdentifier(name) ? name.text : '(no name)';
    if (found.has(known)) continue;
    const [doc] = ts.getJSDocCommentsAndTags(node);
    const comment = doc && ts.getTextOfJSDocComment(doc.comment as string | ts.NodeArray<ts.JSDocComment>);
    found.set(known, doc === undefined ? undefined : (comment ?? ''));
  }
  return [...found].map(([name, comment]) => ({ name, comment }));
}

function importsOf({ path, text }: SourceFile): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, typeOnly: boolean, atOnce = !typeOnly): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, typeOnly, atOnce });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      // `import { type X }` is no type-only import: verbatimModuleSyntax leaves `import {}` behind.
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isExternalModuleReference(node)) {
      add(node.expression, false);
    } else if (ts.isModuleDeclaration(node)) {
      add(node.name, true);
    } else if (ts.isCallExpression(node) && isImportCall(node.expression)) {
      add(node.arguments[0], false, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(path, text));
  return found;
}

function isImportCall(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

/** One cycle for each edge that leads back to a file still being walked (depth first). */
function cyclesOf(graph: ReadonlyMap<string, readonly Import[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path]);
    if (start >= 0 || done.has(path)) return;
    for (const { specifier } of graph.get(path) ?? []) {
      if (isRelative(specifier)) walk(resolveImport(path, specifier), [...trail, path]);
    }
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return cycles;
}
