import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What `npm run docs` runs, step by step, and all that it prints. */
function run(tool: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, tool), ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
  });
  return { status, output: `${stdout}${stderr}` };
}

describe('the documentation as a site', () => {
  it('makes the API reference from the doc comments, without a warning', () => {
    const { status, output } = run('node_modules/typedoc/bin/typedoc');
    expect(output).not.toMatch(/warning|error/i);
    expect(status).toBe(0);
  }, 240_000);

  it('is built without a warning or a broken link, with every page and a search index', () => {
    const { status, output } = run('node_modules/vitepress/bin/vitepress.js', 'build', 'docs');
    expect(output).not.toMatch(/warn|dead link|error/i);
    expect(status).toBe(0);
    const site = join(root, 'docs/.vitepress/dist');
    for (const page of ['index.html', 'tutorial.html', 'reference/options.html', 'reference/api/index.html'])
      expect(existsSync(join(site, page))).toBe(true);
    expect(readFileSync(join(site, 'reference/options.html'), 'utf8')).toContain('VPNavBarSearch');
  }, 480_000);
});
