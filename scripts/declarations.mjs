/**
 * Makes of the declarations that `tsc` leaves in dist those that are published:
 * - of each file what an entry exports, and what that refers to, with its comments; nothing else of it;
 * - once, in dist/cjs: an ES module may import types from CommonJS, and not the other way round, so that an entry for
 *   ES modules is one line. Only what refers to a type that axios declares differently for each stands in dist, too.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

/** Packages that are ES modules only, in some version: an import of them from CommonJS must name it. */
const ES_MODULES = /^(@nestjs\/.+|jose|openid-client)$/;

/**
 * With axios, where a declaration stands once. TypeScript before 5.8 takes, under `bundler`, what it found for CommonJS
 * for ES modules of the same package as well.
 */
const ES_MODULES_AND_AXIOS = new RegExp(`${ES_MODULES.source}|^axios$`);

/** Types of axios that hold a `unique symbol`: the one for ES modules is not assignable to the one for CommonJS. */
const DECLARED_TWICE = new Set(['Axios', 'AxiosInstance', 'AxiosStatic']);

/** Leaves of the declarations below `dist` those that the entries need, which are paths below it. */
export function writeDeclarations(dist, entries) {
  const program = ts.createProgram(
    entries.map((path) => join(dist, path)),
    { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023, types: ['node'], strict: true },
  );
  const isOurs = (file) => file.fileName.startsWith(`${dist}/`);
  const kept = keptNodes(
    program,
    entries.map((path) => join(dist, path)),
    isOurs,
  );
  const files = new Set([...kept].map((node) => node.getSourceFile()));
  const texts = new Map([...files].map((file) => [relative(dist, file.fileName), textOf(file, kept)]));
  const twice = pathsThatReach(
    [...files].filter(isDifferentForEach).map((file) => relative(dist, file.fileName)),
    texts,
  );
  for (const path of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (path.endsWith('.d.ts')) rmSync(join(dist, path));
  }
  for (const [path, text] of texts) {
    write(join(dist, 'cjs', path), withResolutionMode(text, twice.has(path) ? ES_MODULES : ES_MODULES_AND_AXIOS));
    const inCommonJs = (target) => (twice.has(target) ? target : join('cjs', target));
    if (twice.has(path)) write(join(dist, path), withSpecifiers(text, path, inCommonJs));
    else if (entries.includes(path))
      write(join(dist, path), `export * from '${specifier(path, join('cjs', path))}';\n`);
  }

  function isDifferentForEach(file) {
    return file.statements.some(
      (statement) =>
        (ts.isModuleDeclaration(statement) && statement.name.text === 'axios') ||
        (ts.isImportDeclaration(statement) &&
          statement.moduleSpecifier.text === 'axios' &&
          specifiersOf(statement).some((node) => kept.has(node) && DECLARED_TWICE.has(node.name.text))),
    );
  }
}

/** Statements of the declarations, and names that they import or export, along every reference from the entries. */
function keptNodes(program, entries, isOurs) {
  const checker = program.getTypeChecker();
  const kept = new Set();
  const pending = entries.flatMap((path) => program.getSourceFile(path).statements.flatMap(exportedBy));
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (kept.has(node)) continue;
    kept.add(node);
    pending.push(...node.getSourceFile().statements.filter(ts.isModuleDeclaration));
    visit(node);
  }
  return kept;

  function visit(node) {
    if (ts.isIdentifier(node)) keep(checker.getSymbolAtLocation(node));
    ts.forEachChild(node, visit);
  }

  function keep(symbol) {
    for (const declaration of symbol?.declarations ?? []) {
      if (isOurs(declaration.getSourceFile())) pending.push(statementOrSpecifier(declaration));
    }
    if (symbol !== undefined && symbol.flags & ts.SymbolFlags.Alias) keep(checker.getImmediateAliasedSymbol(symbol));
  }
}

function statementOrSpecifier(node) {
  return ts.isImportSpecifier(node) || ts.isExportSpecifier(node) || ts.isSourceFile(node.parent)
    ? node
    : statementOrSpecifier(node.parent);
}

function exportedBy(statement) {
  if (!ts.isExportDeclaration(statement)) return [statement];
  if (statement.exportClause === undefined) throw new Error(`export * in ${statement.getSourceFile().fileName}`);
  return specifiersOf(statement);
}

/** The names between the braces of an import or export. */
function specifiersOf(statement) {
  const clause = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : statement.exportClause;
  if (clause === undefined) throw new Error(`names no names: ${statement.getText()}`);
  return [...clause.elements];
}

function textOf(file, kept) {
  return `${file.statements
    .map((statement) => {
      if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) {
        return kept.has(statement) ? statement.getFullText() : '';
      }
      const all = specifiersOf(statement);
      const names = all.filter((node) => kept.has(node)).map((node) => node.getText());
      if (names.length === all.length) return statement.getFullText();
      return names.length === 0 ? '' : statement.getFullText().replace(/\{[^{}]*\}/, `{ ${names.join(', ')} }`);
    })
    .join('')
    .trim()
    .replaceAll(/^(?: {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4))}\n`;
}

/** These paths, and all from which declarations lead to them. */
function pathsThatReach(paths, texts) {
  const found = new Set(paths);
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const [path, text] of texts) {
      withSpecifiers(text, path, (target) => {
        if (found.has(target)) found.add(path);
        return target;
      });
    }
  }
  return found;
}

/** The text with another path, as `change` answers it, for each declaration that it imports. */
function withSpecifiers(text, path, change) {
  return text.replaceAll(/(\bfrom |\bimport\()(['"])(\.[^'"]+)\.js\2/g, (whole, before, quote, target) => {
    const changed = change(join(dirname(path), `${target}.d.ts`));
    return `${before}${quote}${specifier(path, changed)}${quote}`;
  });
}

function withResolutionMode(text, packages) {
  return text.replaceAll(/^import (?:type )?\{([^}]*)\} from '([^']+)';/gm, (whole, names, name) =>
    packages.test(name)
      ? `import type {${names.replaceAll(/\btype /g, '')}} from '${name}' with { 'resolution-mode': 'import' };`
      : whole,
  );
}

function specifier(from, to) {
  const path = relative(dirname(from), to).replace(/\.d\.ts$/, '.js');
  return path.startsWith('.') ? path : `./${path}`;
}

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
