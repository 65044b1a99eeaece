import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { codeBlocks, codeIn, ExportFacts, markedTables } from './support/docs.js';

const root = fileURLToPath(new URL('../', import.meta.url));
/** README and every page below `docs/`, by path. */
const pages = new Map(
  ['README.md', ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((path) => `docs/${path}`)]
    .filter((path) => path.endsWith('.md') && !path.includes('node_modules') && !path.startsWith('docs/reference/api/'))
    .sort()
    .map((path) => [path, readFileSync(join(root, path), 'utf8')] as const),
);
const entry = join(root, 'src', 'index.ts');

/** Declarations that a reader takes from the text around a block. */
const SURROUNDINGS = `
import type { ForgeHttpClient, TokenManager } from 'nestjs-forge-auth';
declare global {
  const baseUrl: string, tokenUrl: string, clientId: string, clientSecret: string, tokenKey: string;
  const client: ForgeHttpClient, tokens: TokenManager;
  const metrics: { count(name: string): void };
  const sign: (...parts: string[]) => string, readKey: () => Promise<string>, readAccountKey: () => Promise<string>;
  const readCertificate: () => Promise<{ cert: string; key: string }>, callerToken: () => string | undefined;
  const username: string, password: string, refreshToken: string;
  class AppModule {}
}
`;

/** Where names come from that a block does not import itself: what an editor adds. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  '@keyv/redis': ['createKeyv'],
  '@nestjs/cache-manager': ['CacheModule'],
  '@nestjs/common': ['Inject', 'Injectable', 'Module'],
  '@nestjs/config': ['ConfigService'],
  '@nestjs/testing': ['Test'],
  'node:async_hooks': ['AsyncLocalStorage'],
  'node:fs/promises': ['readFile'],
  'node:stream': ['Readable'],
};

const blocks = [...pages].flatMap(([page, text]) => codeBlocks(text).map((block) => ({ ...block, page })));
const tables = [...pages.values()].flatMap(markedTables);
const snippets = blocks.filter(({ language, file }) => language === 'ts' && file === undefined);
const copies = blocks.filter(({ file }) => file !== undefined);

/** Files that exist in the compiler's eyes only. */
const files = new Map<string, string>();
const surroundings = join(root, 'test', 'docs.surroundings.ts');
files.set(surroundings, SURROUNDINGS);
const snippetFiles = snippets.map((_, index) => join(root, 'test', `docs.${index + 1}.ts`));

function compile(): ts.Program {
  const configFile = ts.readConfigFile(join(root, 'test', 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(configFile.config, ts.sys, join(root, 'test'));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...rest) => {
    const text = files.get(name);
    return text === undefined ? getSourceFile(name, version, ...rest) : ts.createSourceFile(name, text, version, true);
  };
  return ts.createProgram([entry, ...files.keys()], { ...options, verbatimModuleSyntax: false }, host);
}

/** The block as a module: with an import of each name that it uses and neither imports nor declares. */
function asModule(text: string): string {
  const ownNames = readFileSync(entry, 'utf8').replaceAll(
    /\/\*.*?\*\/|\/\/[^\n]*|from '[^']*'|\btype\b|\bexport\b/gs,
    '',
  );
  const own = new Set(
    Array.from(text.matchAll(/^import (?:type )?\{([^}]*)\}/gms), ([, names = '']) => names.match(/\w+/g) ?? []).flat(),
  );
  const homes = { ...HOMES, 'nestjs-forge-auth': ownNames.match(/\w+/g) ?? [] };
  const imports = Object.entries(homes).flatMap(([home, names]) => {
    const used = names.filter((name) => !own.has(name) && new RegExp(`(?<![.'"\\w])${name}\\b(?!')`).test(text));
    return used.length === 0 ? [] : `import { ${used.join(', ')} } from '${home}';`;
  });
  return [...imports, text, 'export {};'].join('\n');
}

describe('documentation', () => {
  let program: ts.Program;
  let facts: ExportFacts;

  beforeAll(() => {
    for (const [index, { text }] of snippets.entries()) files.set(snippetFiles[index] ?? '', asModule(text));
    program = compile();
    facts = new ExportFacts(program, entry);
  }, 120_000);

  it('documentation has snippets, copies and tables to check', () => {
    expect(snippets.length).toBeGreaterThanOrEqual(8);
    expect(copies.length).toBeGreaterThanOrEqual(3);
    expect(tables.length).toBeGreaterThanOrEqual(8);
  });

  it.each(snippets.map(({ page, text }, index) => [index + 1, page, text.split('\n', 1)[0] ?? '']))(
    'compiles snippet %i, of %s: %s',
    (number) => {
      const file = snippetFiles[Number(number) - 1] ?? '';
      const source = program.getSourceFile(file);
      expect(source).toBeDefined();
      const problems = ts.getPreEmitDiagnostics(program, source).map(({ messageText, start = 0, file: where }) => {
        const line = where?.text.slice(0, start).split('\n').length;
        return `${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      });
      expect(problems).toEqual([]);
    },
    60_000,
  );

  it.each(copies.map(({ file = '', text }) => [file, text]))('quotes %s as it is', (file, text) => {
    expect(text).toBe(readFileSync(join(root, file), 'utf8'));
  });

  it('states only options that exist, with the defaults that they have', () => {
    const wrong = tables.flatMap(({ mark, rows }) => {
      const [, type] = /^options: (\w+)$/.exec(mark) ?? [];
      if (type === undefined) return [];
      const options = facts.optionsOf(type);
      return rows.flatMap(([name = '', , stated = '']) => {
        const [option = ''] = codeIn(name);
        const known = options.get(option);
        const written = { required: name.includes('✱'), default: plain(stated) };
        const actual = known && { required: known.required, default: plain(known.defaultText ?? '') };
        return JSON.stringify(written) === JSON.stringify(actual) ? [] : [{ type, option, written, is: actual }];
      });
    });
    expect(wrong).toEqual([]);
  });

  it('states only strategies that exist, with the defaults that they have', () => {
    const stated = tables.filter(({ mark }) => mark === 'strategies').flatMap(({ rows }) => rows);
    const wrong = stated.flatMap(([name = '', options = '']) => {
      const [strategy = ''] = codeIn(name);
      if (!facts.has(strategy)) return [strategy];
      const known = facts.optionsOf(`${strategy}Options`);
      return codeIn(options)
        .map((text) => text.split(' = '))
        .filter(([option = '', value]) => known.get(option)?.defaultText !== value)
        .map(([option, value]) => `${strategy}: ${option} = ${value}`);
    });
    expect(stated.length).toBeGreaterThanOrEqual(8);
    expect(wrong).toEqual([]);
  });

  it('explains only error codes that exist, and classes that are exported', () => {
    const codes = new Set(facts.literalsOf('ForgeAuthErrorCode'));
    const rows = tables.find(({ mark }) => mark === 'codes')?.rows ?? [];
    const wrong = rows.filter(
      ([code = '', type = '']) => !codes.has(codeIn(code)[0] ?? '') || !facts.has(codeIn(type)[0] ?? ''),
    );
    expect(rows.length).toBeGreaterThanOrEqual(20);
    expect(wrong).toEqual([]);
  });

  it('links only to files that are there, and to headings that they have', () => {
    const broken = [...pages].flatMap(([page, text]) =>
      linksOf(text)
        .filter((target) => !leadsSomewhere(page, target))
        .map((target) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('documentation has no page that no other page links to', () => {
    const linked = new Set(
      [...pages].flatMap(([page, text]) =>
        linksOf(text).map((target) => join(dirname(page), target.split('#')[0] ?? '')),
      ),
    );
    expect([...pages.keys()].filter((page) => page !== 'README.md' && !linked.has(page))).toEqual([]);
  });

  it('fits the README on three screens', () => {
    expect(pages.get('README.md')?.split('\n').length).toBeLessThanOrEqual(120);
  });
});

/** Targets of links within the repository. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, '');
  return Array.from(prose.matchAll(/\]\(((?!https?:)[^)]+)\)/g), ([, target = '']) => target);
}

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', heading] = target.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(root, file))) return false;
  return heading === undefined || headingsOf(pages.get(file) ?? '').has(heading);
}

function headingsOf(text: string): ReadonlySet<string> {
  return new Set(
    Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function plain(text: string): string {
  return text.replaceAll('`', '').trim();
}
