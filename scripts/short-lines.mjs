/**
 * Last touches on minified ES modules, which keep the names of classes, functions and private methods for stack traces:
 * short names for private fields, which no stack trace shows, and short lines, whose numbers one finds again.
 */
import ts from 'typescript';

const LINE_LIMIT = 120;

/** The same module in lines of about 120 characters, with short names for its private fields. */
export function shortLines(code) {
  const file = ts.createSourceFile('module.js', code, ts.ScriptTarget.Latest, true);
  const names = shortNames(file);
  const edits = [];
  visit(file, (node) => {
    if (ts.isPrivateIdentifier(node) && names.has(node.text)) {
      edits.push({ at: node.getStart(file), until: node.end, text: names.get(node.text) });
    }
    for (const at of breaksOf(node)) edits.push({ at: at.getStart(file), until: at.getStart(file), text: '\n' });
  });
  return written(
    code,
    edits.sort((one, other) => one.at - other.at || one.until - other.until),
  );
}

/** Nodes before which a line may break: statements, members, and what follows a comma. */
function breaksOf(node) {
  if (ts.isBlock(node) || ts.isSourceFile(node) || ts.isCaseOrDefaultClause(node)) return node.statements;
  if (ts.isClassLike(node)) return node.members;
  if (ts.isArrayLiteralExpression(node) || ts.isNamedImports(node) || ts.isNamedExports(node)) {
    return node.elements.slice(1);
  }
  if (ts.isObjectLiteralExpression(node)) return node.properties.slice(1);
  if (ts.isVariableDeclarationList(node)) return node.declarations.slice(1);
  if (ts.isCallExpression(node) || ts.isNewExpression(node)) return node.arguments?.slice(1) ?? [];
  const follows = ts.isBinaryExpression(node) && BREAKING.has(node.operatorToken.kind);
  return follows ? [node.right] : ts.isConditionalExpression(node) ? [node.whenTrue, node.whenFalse] : [];
}

const BREAKING = new Set([
  ts.SyntaxKind.CommaToken,
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
  ts.SyntaxKind.PlusToken,
]);

/** Names by the private fields that they replace: all but those that hold, or share their name with, a function. */
function shortNames(file) {
  const uses = new Map();
  const shown = new Set();
  visit(file, (node) => {
    if (!ts.isPrivateIdentifier(node)) return;
    uses.set(node.text, (uses.get(node.text) ?? 0) + 1);
    const { parent } = node;
    const { initializer } = parent;
    const isField = ts.isPropertyDeclaration(parent) && !(initializer && ts.isFunctionLike(initializer));
    if (ts.isClassElement(parent) && !isField) shown.add(node.text);
  });
  const fields = [...uses.keys()]
    .filter((name) => !shown.has(name))
    .sort((one, other) => uses.get(other) - uses.get(one));
  const free = shortestNames(shown);
  return new Map(fields.map((name) => [name, free.next().value]));
}

function* shortestNames(taken) {
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  for (const first of ['', ...letters]) {
    for (const last of letters) if (!taken.has(`#${first}${last}`)) yield `#${first}${last}`;
  }
}

/** The code with its edits; of the line breaks those that keep lines within the limit, where that can be. */
function written(code, edits) {
  let text = '';
  let lineStart = 0;
  let from = 0;
  let lastBreak;
  for (const { at, until, text: edit } of [...edits, { at: code.length, until: code.length, text: '\n' }]) {
    text += code.slice(from, at);
    from = until;
    if (edit !== '\n') {
      text += edit;
      continue;
    }
    if (text.length - lineStart > LINE_LIMIT && lastBreak !== undefined) {
      text = `${text.slice(0, lastBreak)}\n${text.slice(lastBreak)}`;
      lineStart = lastBreak + 1;
    }
    lastBreak = text.length > lineStart ? text.length : undefined;
  }
  return `${text.trimEnd()}\n`;
}

function visit(node, look) {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}
