import { ConfigurationError } from '../errors.js';
import { createPathExclusion } from './path-exclusion.js';
import { compileGlob } from './path-glob.js';

const digits = '{0,1,2,3,4,5,6,7,8,9}';
const list = (count: number): string => `{${Array.from({ length: count }, (_, index) => `x${index}`).join(',')}}`;

describe('a glob', () => {
  it.each<[string, string[], string[]]>([
    ['/a', ['/a'], ['/a/', '/b', '/', '']],
    ['/a*', ['/a', '/ab', '/a/b'], ['/b', 'a']],
    ['*b', ['b', '/a/b', '/bb'], ['/a', '/ba']],
    ['/a*b*c', ['/abc', '/aXbYc', '/abbcc', '/a/b/c'], ['/ac', '/acb', '/abcd']],
    ['/**', ['', '/', '/a', '/a/b'], ['a']],
    ['/a/**', ['/a', '/a/', '/a/b'], ['/ab', '/']],
    ['/a/**/b', ['/a/b', '/a/x/b', '/a/x/y/b'], ['/ab', '/a/xb', '/a']],
    ['/**/a/**', ['/a', '/x/a', '/a/y', '/x/a/y'], ['/ab', '/x']],
    ['/a**', ['/a', '/ab', '/a/b'], ['/b']],
    ['/a?c', ['/abc', '/a.c'], ['/a/c', '/ac', '/abbc']],
    ['/[ab]', ['/a', '/b'], ['/c', '/ab', '//']],
    ['/[a-cx]', ['/a', '/b', '/c', '/x'], ['/d', '/-', '/w']],
    ['/[!ab]', ['/c', '/!'], ['/a', '/b', '//', '/']],
    ['/[!a-c]', ['/d', '/`'], ['/a', '/b', '/c']],
    ['/[]]', ['/]'], ['/[', '/a']],
    ['/[a\\]b]', ['/]', '/a', '/b'], ['/\\']],
    ['/[\\a-\\c]', ['/b'], ['/d']],
    ['/[]', ['/[]'], ['/a']],
    ['/[!]', ['/[!]'], ['/!']],
    ['/\\*', ['/*'], ['/a']],
    ['/\\{a,b}', ['/{a,b}'], ['/a']],
    ['/{a,b}', ['/a', '/b'], ['/', '/ab', '/{a,b}']],
    ['/{a,{b,c}d}e', ['/ae', '/bde', '/cde'], ['/be', '/de', '/e']],
    ['/{a,}', ['/a', '/'], ['/b']],
    ['/{a}', ['/{a}'], ['/a']],
    ['/{a{b,c}}', ['/{ab}', '/{ac}'], ['/ab', '/a']],
    ['/a,b}', ['/a,b}'], ['/a', '/b']],
    ['/{a,b}{c,d}', ['/ac', '/ad', '/bc', '/bd'], ['/ab', '/a']],
    ['/{*,b}x', ['/x', '/a/x', '/bx'], ['/b']],
    ['/😀?', ['/😀😀', '/😀a'], ['/😀']],
  ])('a glob %s matches %j, and none of %j', (glob, matched, others) => {
    const matches = compileGlob(glob);
    expect(matched.filter((path) => !matches(path))).toEqual([]);
    expect(others.filter((path) => matches(path))).toEqual([]);
  });

  it.each([
    ['/{a', 'A brace is not closed.'],
    ['/{a,b', 'A brace is not closed.'],
    ['/{a,{b}', 'A brace is not closed.'],
    ['/[b-a]', 'A range runs backwards.'],
  ])('a glob %s is none: %s', (glob, message) => {
    expect(() => compileGlob(glob)).toThrow(new SyntaxError(message));
  });

  it('a glob has 1,000 alternatives at most, those of its stars included', () => {
    const thousand = compileGlob(`/${digits}${digits}${digits}`);
    expect([thousand('/000'), thousand('/999'), thousand('/99')]).toEqual([true, true, false]);
    expect(() => compileGlob(`/${list(1_001)}`)).toThrow('There are too many alternatives.');
    expect(() => compileGlob(`/${list(11)}${list(91)}`)).toThrow('There are too many alternatives.');
    expect(compileGlob('/a' + '/**/a'.repeat(9))('/a'.repeat(10))).toBe(true);
    expect(() => compileGlob('/a' + '/**/a'.repeat(10))).toThrow('There are too many alternatives.');
  });

  it('a glob takes time by the length of the path alone', () => {
    const matches = compileGlob(`/${'a*'.repeat(30)}b`);
    expect(matches(`/${'a'.repeat(5_000)}`)).toBe(false);
    expect(matches(`/${'a'.repeat(5_000)}b`)).toBe(true);
  });
});

const failure = (options: object): unknown => {
  try {
    return createPathExclusion(options);
  } catch (error) {
    return error;
  }
};

describe('a list of excluded paths that is none', () => {
  it.each<[object, string]>([
    [{ excludedPaths: '/health' }, "excludedPaths is a string. Give ['/health']."],
    [{ excludedPaths: 'a secret' }, 'excludedPaths is a string. Give an array of strings.'],
    [{ excludedPaths: 5 }, 'excludedPaths is no iterable. Give an array of strings.'],
    [{ excludedPaths: null }, 'excludedPaths is no iterable. Give an array of strings.'],
    [{ excludedPaths: ['/a', 5] }, 'excludedPaths[1] is no string. Give a path.'],
    [{ excludedPathPatterns: [' '] }, "excludedPathPatterns[0] is empty. Give a path; '/' is the root."],
    [{ excludedPaths: ['HTTPS://a/b'] }, 'excludedPaths[0] is a URL. Give the path below the base URL only.'],
    [{ excludedPaths: ['/a?b=secret'] }, "excludedPaths holds '/a' with a query or fragment. Give the path only."],
    [
      { excludedPaths: ['/a', 'sec ret#'] },
      'excludedPaths holds entry 2 with a query or fragment. Give the path only.',
    ],
    [
      { excludedPaths: ['/a/*'] },
      "excludedPaths holds '/a/*', a glob, and lists exact paths. Give it to excludedPathPatterns; of a path that is so named write * as %2A and { as %7B.",
    ],
    [{ excludedPathPatterns: ['!/a'] }, "excludedPathPatterns holds '!/a', a negation. List what is excluded instead."],
    [
      { excludedPathPatterns: ['/{a'] },
      "excludedPathPatterns holds '/{a', which is no valid glob. Close its brackets, and give no more than 1,000 alternatives.",
    ],
  ])('a list of excluded paths that is none is refused by its service: %j', (options, message) => {
    expect(failure(options)).toMatchObject({ message });
    expect(failure(options)).toBeInstanceOf(ConfigurationError);
    expect(failure({ ...options, serviceName: 'orders' })).toMatchObject({
      message: `Service "orders": ${message}`,
      serviceName: 'orders',
    });
  });

  it('a list of excluded paths may be empty, or any iterable of them', () => {
    expect([createPathExclusion({}), createPathExclusion({ excludedPaths: [] })]).toEqual([undefined, undefined]);
    const excluded = createPathExclusion({ excludedPaths: new Set(['health', '/a%2Ab/', '/x']) });
    expect(['/health', '/health/', '/a*b', '/x', '/x//', '/y', '/', ''].map((path) => excluded?.(path))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    const patterns = createPathExclusion({ excludedPathPatterns: ['public/*', '*.css'] });
    expect(['/public/a', '/public', '/a/b.css', '/b.css/', '/x'].map((path) => patterns?.(path))).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
  });
});
