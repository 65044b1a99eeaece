import ts from 'typescript';

/** A member of an exported type, or an exported function, with its doc comment. */
export interface DocumentedMember {
  /** Path from the source folder and line, type and member: `retry/retry.ts:12 Retry.maxRetries`. */
  readonly place: string;
  readonly name: string;
  /** Name of the type that it belongs to; empty for a function. */
  readonly owner: string;
  /** Comment of that type. */
  readonly ownerComment: string;
  /** Text of the comment, without its tags. */
  readonly comment: string;
  /** Tags of the comment: name and text. */
  readonly tags: readonly (readonly [string, string])[];
  readonly kind: 'property' | 'method' | 'constructor';
  readonly optional: boolean;
  /** Whether its values are numbers. */
  readonly numeric: boolean;
  /** Errors of ours that its body throws, or a function that it calls. */
  readonly throws: readonly string[];
}

/** Returns the members of all that the entries export, each once. */
export function publicMembers(program: ts.Program, entries: readonly string[], src: string): DocumentedMember[] {
  const checker = program.getTypeChecker();
  const found = new Map<ts.Node, DocumentedMember>();
  for (const entry of entries) {
    const source = program.getSourceFile(entry);
    const module = source && checker.getSymbolAtLocation(source);
    for (const exported of module === undefined ? [] : checker.getExportsOfModule(module)) {
      const alias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
      const symbol = alias ? checker.getAliasedSymbol(exported) : exported;
      for (const node of [...(symbol.declarations ?? []).flatMap(membersOf), ...inheritedBy(checker, symbol)])
        if (!found.has(node) && isOwn(node, src)) found.set(node, describeMember(checker, node, src));
    }
  }
  return [...found.values()];
}

type Member = ts.TypeElement | ts.ClassElement | ts.FunctionDeclaration;

/** Members that a declaration makes public. */
function membersOf(declaration: ts.Declaration): Member[] {
  if (ts.isFunctionDeclaration(declaration)) return [declaration];
  if (ts.isInterfaceDeclaration(declaration) || ts.isClassDeclaration(declaration))
    return [...declaration.members].filter(isPublic);
  return ts.isTypeAliasDeclaration(declaration) ? literalsIn(declaration.type) : [];
}

/** Members of the object types that a type is written with. */
function literalsIn(type: ts.TypeNode): ts.TypeElement[] {
  if (ts.isTypeLiteralNode(type)) return [...type.members];
  if (ts.isUnionTypeNode(type) || ts.isIntersectionTypeNode(type)) return type.types.flatMap(literalsIn);
  return ts.isParenthesizedTypeNode(type) ? literalsIn(type.type) : [];
}

/** Members that a type has from others, which need not be exported themselves. */
function inheritedBy(checker: ts.TypeChecker, symbol: ts.Symbol): Member[] {
  if ((symbol.flags & ts.SymbolFlags.Type) === 0) return [];
  const properties = checker.getDeclaredTypeOfSymbol(symbol).getProperties();
  return properties
    .flatMap(({ declarations = [] }) => declarations)
    .filter((node) => ts.isTypeElement(node) || ts.isClassElement(node))
    .filter(isPublic);
}

/** The declaration of the type that a member is written in. */
function ownerOf(node: ts.Node): ts.DeclarationStatement | undefined {
  if (ts.isSourceFile(node)) return undefined;
  const isType = ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node) || ts.isTypeAliasDeclaration(node);
  return isType ? node : ownerOf(node.parent);
}

function isPublic(member: ts.TypeElement | ts.ClassElement): boolean {
  if (ts.isClassStaticBlockDeclaration(member) || ts.isSemicolonClassElement(member)) return false;
  if (member.name !== undefined && ts.isPrivateIdentifier(member.name)) return false;
  return (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) === 0;
}

function isOwn(node: Member, src: string): boolean {
  if (isImplementation(node)) return false;
  return (
    node.getSourceFile().fileName.startsWith(src) &&
    !ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal')
  );
}

function describeMember(checker: ts.TypeChecker, node: Member, src: string): DocumentedMember {
  const type = ts.isFunctionDeclaration(node) ? undefined : ownerOf(node);
  const owner = type?.name?.text ?? '';
  const file = node.getSourceFile();
  const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
  const constructor = ts.isConstructorDeclaration(node) || ts.isConstructSignatureDeclaration(node);
  const name = constructor ? 'constructor' : (node.name?.getText() ?? '()');
  const symbol = node.name && checker.getSymbolAtLocation(node.name);
  const jsDoc = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1);
  const comment = symbol ? ts.displayPartsToString(symbol.getDocumentationComment(checker)) : textOf(jsDoc?.comment);
  const tags = symbol
    ? symbol.getJsDocTags(checker).map((tag) => [tag.name, ts.displayPartsToString(tag.text)] as const)
    : (jsDoc?.tags ?? []).map((tag) => [tag.tagName.text, textOf(tag.comment)] as const);
  const property = ts.isPropertySignature(node) || ts.isPropertyDeclaration(node) || ts.isAccessor(node);
  const value = symbol && property ? checker.getTypeOfSymbol(symbol) : undefined;
  return {
    place: `${file.fileName.slice(src.length)}:${line} ${owner === '' ? name : `${owner}.${name}`}`,
    name,
    owner,
    ownerComment: type === undefined ? '' : textOf(ts.getJSDocCommentsAndTags(type).find(ts.isJSDoc)?.comment),
    comment: comment.replaceAll(/\s+/g, ' '),
    tags,
    kind: constructor ? 'constructor' : property && !isFunction(value) ? 'property' : 'method',
    optional: 'questionToken' in node && node.questionToken !== undefined,
    numeric: value !== undefined && isNumeric(value),
    throws: [...new Set(errorsThrown(checker, bodied(node)))],
  };
}

function textOf(comment: Parameters<typeof ts.getTextOfJSDocComment>[0]): string {
  return ts.getTextOfJSDocComment(comment) ?? '';
}

/** The declaration with the body: of an overload the one that is run. */
function bodied(node: Member): ts.Node {
  if (!ts.isConstructorDeclaration(node)) return node;
  return node.parent.members.find((member) => ts.isConstructorDeclaration(member) && member.body !== undefined) ?? node;
}

/** True for a constructor whose overloads are the public ones. */
function isImplementation(node: Member): boolean {
  if (!ts.isConstructorDeclaration(node) || node.body === undefined) return false;
  return node.parent.members.filter(ts.isConstructorDeclaration).length > 1;
}

function isFunction(type: ts.Type | undefined): boolean {
  return type !== undefined && type.getNonNullableType().getCallSignatures().length > 0;
}

function isNumeric(type: ts.Type): boolean {
  const parts = type.isUnion() ? type.types : [type];
  const known = parts.filter(({ flags }) => (flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)) === 0);
  return known.length > 0 && known.every(({ flags }) => (flags & ts.TypeFlags.NumberLike) !== 0);
}

/** Names of the classes of our errors that a body throws, or a function that it calls, as far as the compiler follows. */
function errorsThrown(checker: ts.TypeChecker, node: ts.Node, seen = new Set<ts.Node>()): string[] {
  if (seen.has(node)) return [];
  seen.add(node);
  const body = (node as Partial<ts.FunctionLikeDeclaration>).body;
  if (body === undefined) return [];
  const found: string[] = [];
  const visit = (child: ts.Node): void => {
    if (ts.isTryStatement(child) && child.catchClause !== undefined) return visit(child.catchClause.block);
    if (ts.isThrowStatement(child)) {
      const name = errorOfOurs(checker.getTypeAtLocation(child.expression));
      if (name !== undefined) found.push(name);
    }
    if (ts.isCallExpression(child)) {
      const symbol = checker.getSymbolAtLocation(
        ts.isPropertyAccessExpression(child.expression) ? child.expression.name : child.expression,
      );
      const called = symbol && (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(symbol) : symbol;
      if (called?.valueDeclaration !== undefined) found.push(...errorsThrown(checker, called.valueDeclaration, seen));
    }
    if (ts.isFunctionLike(child)) return;
    ts.forEachChild(child, visit);
  };
  ts.forEachChild(body, visit);
  return found;
}

/** Name of the class, if it is one of ours. */
function errorOfOurs(type: ts.Type): string | undefined {
  const withBases = (of: ts.Type): ts.Type[] => [of, ...(of.getBaseTypes() ?? []).flatMap(withBases)];
  return withBases(type).some(({ symbol }) => symbol?.name === 'ForgeAuthError') ? type.symbol.name : undefined;
}
