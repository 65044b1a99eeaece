import * as fc from 'fast-check';
import { ConfigurationError } from '../errors.js';
import { createPathExclusion, type PathExclusionOptions } from './path-exclusion.js';

const excludes = (options: PathExclusionOptions, path: string): boolean | undefined =>
  createPathExclusion(options)?.(path);

const trimmed = (path: string): string => path.replace(/\/$/, '');

describe('createPathExclusion', () => {
  it('createPathExclusion is undefined when nothing is excluded', () => {
    expect(createPathExclusion({})).toBeUndefined();
    expect(createPathExclusion({ excludedPaths: [], excludedPathPatterns: new Set() })).toBeUndefined();
  });

  it('excludes the paths of any iterable', () => {
    expect(excludes({ excludedPaths: new Set(['/a']) }, '/a')).toBe(true);
    expect(excludes({ excludedPaths: ['/a'].values() }, '/a')).toBe(true);
    expect(excludes({ excludedPathPatterns: new Map([['/b*', 1]]).keys() }, '/bc')).toBe(true);
  });

  it('excludes what either list names', () => {
    const isExcluded = createPathExclusion({
      excludedPaths: ['/health'],
      excludedPathPatterns: ['/public/*', '*.css'],
    });
    expect(['/health', '/public/a', '/x/y.css', '/orders'].map((path) => isExcluded?.(path))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it.each([
    ['/health', '/health', true],
    ['/health', '/health/', true],
    ['/health/', '/health', true],
    ['/health/', '/health/', true],
    ['health', '/health', true],
    ['/health', '/health//', false],
    ['/health', '/healthy', false],
    ['/health', '/health/live', false],
    ['/health', '/a/health', false],
    ['/health', '/Health', false],
    ['/', '/', true],
    ['/', '/a', false],
    ['/%2A', '/*', true],
    ['/%7Ba,b}', '/{a,b}', true],
    ['/a b', '/a%20b', true],
    ['/a%20b', '/a%20b', true],
    ['/é', '/%C3%A9', true],
    ['/%c3%a9', '/%C3%A9', true],
    ['/😀', '/%F0%9F%98%80', true],
    ['/%41', '/A', true],
    ['/a/b', '/a%2Fb', false],
    ['/a%2Fb', '/a/b', false],
    ['/a%2Fb', '/a%2fb', true],
    ['/a%2Fb', '/a%252Fb', false],
    ['/a%252Fb', '/a%252fb', false],
    ['/a%5Cb', '/a%5cb', true],
    ['/a%5Cb', '/a%2Fb', false],
    ['/100%', '/100%25', true],
    ['/100%', '/100%', true],
    ['/%zz', '/%zz', true],
    ['/%FF', '/%FF', true],
    ['/%FFa', '/%FF%61', true],
    ['/%2541', '/A', false],
    ['/%0a', '/%0A', true],
    ['/€', '/%E2%82%AC', true],
    ['/%C0%80', '/%C0%80', true],
    ['/%C0%80', '/%ED%A0%80', false],
  ])('the path %s excludes %s: %s', (entry, path, expected) => {
    expect(excludes({ excludedPaths: [entry] }, path)).toBe(expected);
  });

  it.each([
    ['/public/*', '/public/a', true],
    ['/public/*', '/public/a/b/c', true],
    ['/public/*', '/public/.well-known', true],
    ['/public/*', '/public/', true],
    ['/public/*', '/public', false],
    ['/public/*', '/Public/a', false],
    ['/public/*', '/api/public/a', false],
    ['/public/*', '/public%2Fa', false],
    ['/public%2F*', '/public/a', false],
    ['/public%2F*', '/public%2fa', true],
    ['/public/*', '/public/a%2Fb', true],
    ['/public/*', '/public/a%0Ab', true],
    ['/public/**', '/public', true],
    ['/public/**', '/public/a/b', true],
    ['/a/**/b', '/a/b', true],
    ['/a/**/b', '/a/x/y/b', true],
    ['/a/**/b', '/x/y/b', false],
    ['/a/**/b', '/b', false],
    ['/a/**/b', '/a/x/y/c', false],
    ['/public/**', '/private/a/b', false],
    ['*/health', '/api/health', true],
    ['*/health', '/health', true],
    ['*/health', '/health/', true],
    ['*/health', '/healthy', false],
    ['*', '/', true],
    ['*', '/a/b', true],
    ['*/*', '/', true],
    ['/a/*', '/a\\b', false],
    ['public/*', '/public/a', true],
    ['{a,b}/c', '/b/c', true],
    ['{a,b}/c', '/c/c', false],
    ['/v?/x', '/v1/x', true],
    ['/v?x', '/v/x', false],
    ['/[ab]', '/b', true],
    ['/[ab]', '/[ab]', false],
    ['/[!ab]', '/c', true],
    ['/[!ab]', '/a', false],
    ['/[!ab]', '/!', true],
    ['/[]', '/[]', true],
    ['/[!]', '/[!]', true],
    ['/[!]', '/[]', false],
    ['/[]a]', '/]', true],
    ['/[!]a]', '/]', false],
    ['/[!]a]', '/b', true],
    ['/Orders(*)', '/Orders(7)', true],
    ['/Orders(*)', '/Orders7', false],
    ['/@(a)', '/a', false],
    ['/a|b', '/a', false],
    ['/a|b', '/a|b', true],
    ['/[ab]+', '/ab', false],
    ['/[ab]+', '/a+', true],
    ['/say"a"', '/say%22a%22', true],
    ['/a.b', '/axb', false],
    ['/\\*', '/*', true],
    ['/\\*', '/a', false],
    ['/%2A', '/*', true],
    ['/%2A', '/a', false],
    ['/%28a%29', '/(a)', true],
    ['/a%5C*', '/a%5Cb', true],
    ['/a%5C*', '/a*', false],
    ['/a%20*', '/a%20b', true],
    ['/%C3%A9*', '/%c3%a9t%c3%a9', true],
    ['/!a', '/!a', true],
  ])('the pattern %s excludes %s: %s', (pattern, path, expected) => {
    expect(excludes({ excludedPathPatterns: [pattern] }, path)).toBe(expected);
  });

  it.each<[string, unknown, string]>([
    ['a string for a list of paths', { excludedPaths: '/health' }, "excludedPaths is a string. Give ['/health']."],
    ['a string for a list of patterns', { excludedPathPatterns: '/a/*' }, 'excludedPathPatterns is a string'],
    ['no iterable', { excludedPaths: { a: 1 } }, 'excludedPaths is no iterable'],
    ['null', { excludedPaths: null }, 'excludedPaths is no iterable'],
    ['an entry that is no string', { excludedPaths: ['/a', /b/] }, 'excludedPaths[1] is no string'],
    ['an empty entry', { excludedPathPatterns: [''] }, 'excludedPathPatterns[0] is empty'],
    ['a blank entry', { excludedPaths: [' '] }, 'excludedPaths[0] is empty'],
    ['a URL', { excludedPaths: ['https://x.example/a'] }, 'excludedPaths[0] is a URL'],
    ['a glob', { excludedPaths: ['/public/*'] }, "excludedPaths holds '/public/*', a glob"],
    ['alternatives', { excludedPaths: ['/{a,b}'] }, 'Give it to excludedPathPatterns'],
    ['a path with a query', { excludedPaths: ['/a?key=secret'] }, "excludedPaths holds '/a' with a query"],
    ['a path with a fragment', { excludedPaths: ['/a#secret'] }, "excludedPaths holds '/a' with a query or fragment"],
    ['a negated pattern', { excludedPathPatterns: ['!/admin/*'] }, "holds '!/admin/*', a negation"],
    ['a pattern with unbalanced braces', { excludedPathPatterns: ['/{a'] }, 'no valid glob'],
    ['a pattern with too many alternatives', { excludedPathPatterns: [`/${'{a,b}'.repeat(10)}`] }, 'no valid glob'],
    ['a pattern with a backward range', { excludedPathPatterns: ['/[z-a]'] }, 'no valid glob'],
  ])('refuses %s', (_name, options, problem) => {
    const attempt = (): unknown => createPathExclusion({ serviceName: 'orders', ...(options as PathExclusionOptions) });
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow(expect.objectContaining({ serviceName: 'orders' }));
    expect(attempt).toThrow('Service "orders": ');
    expect(attempt).toThrow(problem);
    expect(attempt).not.toThrow(/secret/);
  });
});

it.each([
  ['/*a*a*a*b', 'a'],
  ['/*a*?*[ab]*{a,aa}*b', 'a'],
  ['/**/a/**/a/**/a/**/b', '/a'],
  [`/${'*a'.repeat(20)}b`, 'a'],
])('the pattern %s judges a path of 10,000 characters at once', (pattern, unit) => {
  const isExcluded = createPathExclusion({ excludedPathPatterns: [pattern] });
  const path = `/${unit.repeat(10_000 / unit.length)}`;
  const startedAt = process.cpuUsage();
  expect([isExcluded?.(path), isExcluded?.(`${path}b`)]).toEqual([false, !pattern.includes('**')]);
  const { user } = process.cpuUsage(startedAt);
  expect(user / 1_000).toBeLessThan(500);
});

it('an exclusion names no service in its errors where it knows none', () => {
  expect(() => createPathExclusion({ excludedPaths: [''] })).toThrow(/^excludedPaths\[0\] is empty/);
});

const pathText = (alphabet: string): fc.Arbitrary<string> =>
  fc
    .string({ unit: fc.constantFrom(...alphabet), maxLength: 10 })
    .map((text) => `/${text}`)
    .filter((path) => !/\/\.{1,2}(\/|$)/.test(path));

describe('excludedPathPatterns', () => {
  const tokens = fc.constantFrom(
    'a',
    'b',
    '/',
    '.',
    '*',
    '?',
    '[ab]',
    '[!a]',
    '[a-b.]',
    '(',
    ')',
    '|',
    '+',
    '$',
    '^',
    '@(',
    '!',
  );
  const globs = fc
    .tuple(fc.constantFrom('/', '*', '/a'), fc.array(tokens, { maxLength: 8 }))
    .map(([start, rest]) => start + rest.join(''))
    .filter((glob) => !glob.includes('**'));

  it('excludedPathPatterns match as fnmatch does, but that ? and [!a] do not cross slashes', () => {
    fc.assert(
      fc.property(globs, pathText('aab//.()|+!$'), (glob, path) => {
        // picomatch forgives one trailing slash of its own behind a set.
        fc.pre(!path.endsWith('//'));
        const expected = fnmatch(path, glob) || fnmatch(trimmed(path), glob);
        expect(excludes({ excludedPathPatterns: [glob] }, path)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('excludedPathPatterns match a path of their own letters, however the path is encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        const path = `/${everyByteEncoded(text)}`;
        expect(excludes({ excludedPathPatterns: [path] }, path)).toBe(true);
        expect(excludes({ excludedPaths: [path] }, path)).toBe(true);
        expect(excludes({ excludedPathPatterns: [path] }, `${path}x`)).toBe(false);
        expect(excludes({ excludedPaths: [path] }, `${path}x`)).toBe(false);
      }),
    );
  });
});

describe('excludedPaths', () => {
  it('excludedPaths match only themselves, once decoded, but for one trailing slash', () => {
    fc.assert(
      fc.property(pathText('ab/%25fFcC'), pathText('ab/%25fFcC'), (entry, path) => {
        expect(excludes({ excludedPaths: [entry] }, path)).toBe(
          trimmed(decodeOnce(entry)) === trimmed(decodeOnce(path)),
        );
        expect(excludes({ excludedPaths: [path] }, path)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Python's fnmatch as a few lines of recursion; `?` and negated sets made to stop at slashes. */
function fnmatch(text: string, glob: string): boolean {
  if (glob === '') return text === '';
  if (glob.startsWith('*')) return fnmatch(text, glob.slice(1)) || (text !== '' && fnmatch(text.slice(1), glob));
  const set = /^\[(!?)([^\]]+)\]/.exec(glob);
  const [token, matches] = set === null ? [glob.charAt(0), matchesOne(glob, text)] : [set[0], matchesSet(set, text)];
  return text !== '' && matches && fnmatch(text.slice(1), glob.slice(token.length));
}

function matchesOne(glob: string, text: string): boolean {
  return glob.startsWith('?') ? !text.startsWith('/') : glob.charAt(0) === text.charAt(0);
}

function matchesSet([, negated, members = '']: RegExpExecArray, text: string): boolean {
  const character = text.charAt(0);
  const isMember = members.replace('a-b', 'ab').includes(character);
  return negated === '!' ? !isMember && character !== '/' : isMember;
}

function everyByteEncoded(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

/** ASCII only, all that the alphabet of the property can spell. */
function decodeOnce(path: string): string {
  return path.replace(/%([0-7][\da-f])/gi, (encoded, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return character === '/' || character === '\\' ? `<${encoded.toUpperCase()}>` : character;
  });
}
