import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { send } from '../support/answer.js';
import { CHROMIUM_ARGUMENTS, findChromium } from '../support/chromium.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const site = join(root, 'docs/.vitepress/dist');

/** Pages with a diagram. */
const pictured = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md') && !path.includes('node_modules'))
  .filter((path) => readFileSync(join(root, 'docs', path), 'utf8').includes('```mermaid'))
  .map((path) => path.replace(/\.md$/, ''));

/** Runs a step of `npm run docs`, and returns all that it prints. */
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

  it('the documentation as a site has API pages of every entry', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
    const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
    for (const entry of entries)
      expect(existsSync(join(root, 'docs/reference/api/nestjs-forge-auth', entry, 'index.md'))).toBe(true);
  });

  it('the documentation as a site is built without a warning or a broken link, with every page and a search index', () => {
    const { status, output } = run('node_modules/vitepress/bin/vitepress.js', 'build', 'docs');
    expect(output).not.toMatch(/warn|dead link|error/i);
    expect(status).toBe(0);
    for (const page of ['index.html', 'tutorial.html', 'reference/options.html', 'reference/api/index.html'])
      expect(existsSync(join(site, page))).toBe(true);
    expect(readFileSync(join(site, 'reference/options.html'), 'utf8')).toContain('VPNavBarSearch');
  }, 480_000);
});

const executablePath = findChromium();
if (executablePath === undefined)
  process.stderr.write(
    'Skipped, the site is not looked at in a browser: there is no Chromium, and no CHROMIUM_PATH.\n',
  );
else
  describe('the site in a browser', () => {
    let server: RecordingServer;
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      server = await startServer(({ path }, response) => {
        const file = join(site, extname(path) === '' ? `${path}.html` : path);
        if (!existsSync(file)) return send(response, 404);
        return send(response, 200, readFileSync(file), {
          'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
        });
      });
      browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGUMENTS });
      page = await browser.newPage();
    }, 120_000);
    afterAll(async () => {
      await browser.close();
      await server.close();
    });

    it('draws the diagrams of its pages', async () => {
      expect(pictured.length).toBeGreaterThan(0);
      for (const name of pictured) {
        await page.goto(`${server.origin}/${name}`);
        await page.waitForSelector('figure.diagram svg');
        await page.waitForSelector('pre.diagram', { state: 'detached' });
      }
    }, 180_000);

    it('finds a page by a word in it', async () => {
      await page.goto(`${server.origin}/tutorial`);
      await page.click('.VPNavBarSearch button');
      await page.fill('input.search-input', 'oauthBearerProvider');
      const result = await page.waitForSelector('.results a', { timeout: 60_000 });
      expect(await result.getAttribute('href')).toContain('log-in-with-a-token');
    }, 180_000);
  });

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
};
