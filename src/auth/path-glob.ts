/** One character of a path that a glob asks for; `STAR` stands for any number of them, slashes included. */
type Token = string | typeof STAR | ((character: string) => boolean);

const STAR = Symbol('any characters');

/** More alternatives than this are a mistake. */
const MOST_ALTERNATIVES = 1_000;

/**
 * Compiles a glob over paths. `*` crosses slashes, as in Python's fnmatch; `/**` also stands for nothing; `?`, `[ab]` and
 * `[!ab]` for one character other than a slash, `{a,b}` for either; a backslash takes a character literally.
 *
 * Its time is linear in the length of the path, whatever the glob: no regular expression, which could be made to
 * backtrack for minutes.
 * @throws {SyntaxError} when a brace is not closed, or a range runs backwards
 */
export function compileGlob(glob: string): (path: string) => boolean {
  const alternatives = alternativesOf(symbolsOf(glob)).flatMap(withoutGlobstars);
  return (path) => {
    const characters = Array.from(path);
    return alternatives.some((tokens) => matches(tokens, characters));
  };
}

/** Goes back to the last star alone: what an earlier one took need never be taken back. */
function matches(tokens: readonly Token[], characters: readonly string[]): boolean {
  let [token, at] = [0, 0];
  let [star, starAt] = [-1, 0];
  while (at < characters.length) {
    const wanted = tokens[token];
    if (wanted === STAR) {
      star = token;
      starAt = at;
      token += 1;
    } else if (wanted !== undefined && isOne(wanted, characters[at] ?? '')) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      token = star + 1;
      starAt += 1;
      at = starAt;
    } else return false;
  }
  return tokens.slice(token).every((left) => left === STAR);
}

function isOne(wanted: Exclude<Token, typeof STAR>, character: string): boolean {
  return typeof wanted === 'string' ? wanted === character : wanted(character);
}

/** A token, or what only means something together with others. */
type SymbolOf = Token | { readonly syntax: '{' | ',' | '}' };

function symbolsOf(glob: string): SymbolOf[] {
  const symbols: SymbolOf[] = [];
  const parts = glob.matchAll(/\\(.)|\[(!?)((?:\\.|\]?)(?:\\.|[^\]\\])*)\]|(.)/gsu);
  for (const [, escaped, negated, members, character = ''] of parts) {
    if (escaped !== undefined) symbols.push(escaped);
    else if (members !== undefined && members !== '') symbols.push(setOf(members, negated === '!'));
    else if (members !== undefined) symbols.push('[', ...(negated ?? ''), ']');
    else if (character === '*') symbols.push(STAR);
    else if (character === '?') symbols.push((one) => one !== '/');
    else if (character === '{' || character === ',' || character === '}') symbols.push({ syntax: character });
    else symbols.push(character);
  }
  return symbols;
}

function setOf(members: string, negated: boolean): (character: string) => boolean {
  const ranges = Array.from(members.matchAll(/(?:\\(.)|(.))(?:-(?:\\(.)|([^\]])))?/gsu), ([, a, b, c, d]) => {
    const [first = '', last = first] = [a ?? b, c ?? d];
    if (last < first) throw new SyntaxError('A range runs backwards.');
    return { first, last };
  });
  return (one) => one !== '/' && ranges.some(({ first, last }) => one >= first && one <= last) !== negated;
}

/** Each way of choosing one of the texts in every pair of braces. Braces without a comma stand for themselves. */
function alternativesOf(symbols: readonly SymbolOf[]): Token[][] {
  const open = symbols.findIndex((symbol) => isSyntax(symbol, '{'));
  if (open < 0) return [symbols.map(literal)];
  const commas: number[] = [];
  let [close, depth] = [open, 0];
  for (; close < symbols.length; close += 1) {
    const symbol = symbols[close];
    if (isSyntax(symbol, '{')) depth += 1;
    else if (isSyntax(symbol, ',') && depth === 1) commas.push(close);
    else if (isSyntax(symbol, '}') && --depth === 0) break;
  }
  if (close === symbols.length) throw new SyntaxError('A brace is not closed.');
  const before = symbols.slice(0, open).map(literal);
  const ends = [...commas, close];
  const choices =
    commas.length === 0
      ? alternativesOf(symbols.slice(open + 1, close)).map((inner) => ['{', ...inner, '}'])
      : ends.flatMap((end, index) => alternativesOf(symbols.slice((ends[index - 1] ?? open) + 1, end)));
  const rest = alternativesOf(symbols.slice(close + 1));
  if (choices.length * rest.length > MOST_ALTERNATIVES) throw new SyntaxError('There are too many alternatives.');
  return choices.flatMap((choice) => rest.map((after) => [...before, ...choice, ...after]));
}

function isSyntax(symbol: SymbolOf | undefined, syntax: string): boolean {
  return typeof symbol === 'object' && symbol.syntax === syntax;
}

function literal(symbol: SymbolOf): Token {
  return typeof symbol === 'object' ? symbol.syntax : symbol;
}

/** Two stars that fill a segment stand for no segment, too; elsewhere they are as good as one. */
function withoutGlobstars(tokens: readonly Token[]): Token[][] {
  const at = tokens.findIndex((_token, index) => isGlobstar(tokens, index));
  if (at < 0) return [tokens.filter((token, index) => token !== STAR || tokens[index - 1] !== STAR)];
  const [before, after] = [tokens.slice(0, at), tokens.slice(at + 3)];
  const rests = withoutGlobstars(after);
  if (2 * rests.length > MOST_ALTERNATIVES) throw new SyntaxError('There are too many alternatives.');
  return rests.flatMap((rest) => [
    [...before, ...rest],
    [...before, '/', STAR, ...rest],
  ]);
}

function isGlobstar(tokens: readonly Token[], index: number): boolean {
  const [slash, first, second, next = '/'] = tokens.slice(index, index + 4);
  return slash === '/' && first === STAR && second === STAR && next === '/';
}
