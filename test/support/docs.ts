import ts from 'typescript';

/** One code block: its language, its text, and the file that it says it is a copy of. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
  readonly file: string | undefined;
}

/** A table's rows below a comment such as `<!-- options: TokenAuthOptions -->`, split into cells. */
export interface MarkedTable {
  readonly mark: string;
  readonly rows: readonly (readonly string[])[];
}

/** The fenced code blocks of a Markdown text. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const fence = /(?:<!-- file: (\S+) -->\s+)?^```(\w+)\n(.*?)^```$/gms;
  return Array.from(markdown.matchAll(fence), ([, file, language = '', text = '']) => ({ language, text, file }));
}

/** The tables that a comment marks. */
export function markedTables(markdown: string): MarkedTable[] {
  const table = /^<!-- (?!file:)(.+) -->\n\n((?:\|.*\n)+)/gm;
  return Array.from(markdown.matchAll(table), ([, mark = '', text = '']) => ({
    mark,
    rows: text.trim().split('\n').slice(2).map(cellsOf),
  }));
}

/** Returns the texts in backticks. */
export function codeIn(cell: string): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), ([, code = '']) => code);
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

/** A property of an options type. */
export interface OptionFacts {
  readonly required: boolean;
  /** Text of its `@default`. */
  readonly defaultText: string | undefined;
}

/** Facts that the type checker knows of the exports of one file. */
export class ExportFacts {
  readonly #program: ts.Program;
  readonly #exports: ReadonlyMap<string, ts.Symbol>;

  constructor(program: ts.Program, file: string) {
    this.#program = program;
    const checker = program.getTypeChecker();
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    const symbols = module === undefined ? [] : checker.getExportsOfModule(module);
    this.#exports = new Map(symbols.map((symbol) => [symbol.name, symbol]));
  }

  has(name: string): boolean {
    return this.#exports.has(name);
  }

  /** The options that an exported type has, inherited ones included. */
  optionsOf(name: string): ReadonlyMap<string, OptionFacts> {
    const properties = this.#typeOf(name)?.getProperties() ?? [];
    return new Map(properties.map((property) => [property.name, this.#factsOf(property)]));
  }

  /** The members of an exported union of literals. */
  literalsOf(name: string): string[] {
    const type = this.#typeOf(name);
    return type?.isUnion() === true
      ? type.types.flatMap((member) => (member.isStringLiteral() ? member.value : []))
      : [];
  }

  #typeOf(name: string): ts.Type | undefined {
    const symbol = this.#exports.get(name);
    if (symbol === undefined) return undefined;
    const checker = this.#program.getTypeChecker();
    const alias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    return checker.getDeclaredTypeOfSymbol(alias ? checker.getAliasedSymbol(symbol) : symbol);
  }

  #factsOf(property: ts.Symbol): OptionFacts {
    const tag = property.getJsDocTags(this.#program.getTypeChecker()).find(({ name }) => name === 'default');
    return {
      required: (property.flags & ts.SymbolFlags.Optional) === 0,
      defaultText: tag && ts.displayPartsToString(tag.text),
    };
  }
}
