import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layers } from './support/architecture.js';
import { codeIn, markedTables } from './support/docs.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const architecture = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
const contributing = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');

describe('ARCHITECTURE.md', () => {
  it('names every room in its layer, as the layers are enforced', () => {
    const rows = markedTables(architecture).find(({ mark }) => mark === 'layers')?.rows ?? [];
    const stated = Object.fromEntries(
      rows.flatMap(([layer, rooms = '']) => codeIn(rooms).map((room) => [room, Number(layer)] as const)),
    );
    const { 'index.ts': _entry, ...enforced } = layers();
    expect(stated).toEqual(enforced);
  });

  it('names the rooms within rooms', () => {
    const rows = markedTables(architecture).find(({ mark }) => mark === 'layers')?.rows ?? [];
    const stated = rows.flatMap(([, , what = '']) => codeIn(what).filter((code) => code.endsWith('/')));
    const src = join(root, 'src');
    const there = readdirSync(src, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.parentPath !== src)
      .map((entry) => `${relative(src, join(entry.parentPath, entry.name)).split(sep).join('/')}/`);
    expect(stated.toSorted()).toEqual(there.toSorted());
  });

  it.each([
    ['ARCHITECTURE.md', architecture],
    ['CONTRIBUTING.md', contributing],
  ])('names only files that are there: %s', (_page, text) => {
    const named = codeIn(text.replaceAll(/^```.*?^```$/gms, '')).filter((code) =>
      /^(src|test|docs|bench|sample|scripts)\/[\w./-]+$/.test(code),
    );
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names only scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const named = Array.from((architecture + contributing).matchAll(/npm run ([\w:]+)/g), ([, script = '']) => script);
    expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });
});
