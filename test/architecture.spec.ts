import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findBreaches, readSourceFiles } from './support/architecture.js';

const root = new URL('../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as Record<
  'dependencies' | 'peerDependencies',
  Record<string, string>
>;

describe('architecture', () => {
  const files = readSourceFiles(fileURLToPath(new URL('src', root)));

  it('reads the source tree', () => {
    expect(files.map((file) => file.path)).toContain('errors.ts');
  });

  it('keeps to the layers, without cycles, stray folders, second barrels or undeclared packages', () => {
    const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    expect(findBreaches(files, packages)).toEqual([]);
  });

  it('says at its top why a file is longer than 250 lines', () => {
    const long = files.filter(({ path, text }) => !path.endsWith('.spec.ts') && text.split('\n').length > 252);
    const silent = long.filter(({ text }) => !/^\/\/ More than 250 lines: .{10,}\.\n/.test(text));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });
});
