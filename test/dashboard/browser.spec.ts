import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { CHROMIUM_ARGUMENTS, findChromium } from '../support/chromium.js';
import { type DashboardWorld, PLATFORMS, SECRET, startDashboard } from './world.js';

const executablePath = findChromium();

it('takes the Chromium that CHROMIUM_PATH names', () => {
  expect(findChromium({ CHROMIUM_PATH: '/opt/chromium', PATH: '/usr/bin' })).toBe('/opt/chromium');
});

if (executablePath === undefined)
  process.stderr.write(
    'Skipped, the dashboard is not tested in a browser: there is no Chromium, and no CHROMIUM_PATH.\n',
  );
else
  describe.each(PLATFORMS)('the dashboard in a browser, on %s', (_platform, adapter) => {
    let world: DashboardWorld;
    let browser: BrowserContext;
    let page: Page;
    let profile: string;
    /** Complaints of the page, and where it went. */
    let complaints: string[];
    let visited: Set<string>;

    beforeAll(async () => {
      profile = mkdtempSync(join(tmpdir(), 'forge-auth-chromium-'));
      browser = await chromium.launchPersistentContext(profile, { executablePath, args: CHROMIUM_ARGUMENTS });
    }, 120_000);
    afterAll(async () => {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    });
    beforeEach(async () => {
      world = await startDashboard(adapter);
      page = await browser.newPage();
      complaints = [];
      visited = new Set();
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => visited.add(new URL(request.url()).origin));
    });
    afterEach(async () => {
      await page.close();
      await world.close();
    });

    const card = (name: string) => page.getByRole('article', { name });

    it('shows services as text, keeps to its policy and its own origin, and moves', async () => {
      await world.services.tokens('orders').getToken();
      await page.goto(world.url);
      await page.getByText('Live').waitFor();
      await card('orders').getByText('token in use').waitFor();
      expect(await card('<img src=x onerror=alert(1)>').getByRole('heading').textContent()).toBe(
        '<img src=x onerror=alert(1)>',
      );
      const bar = card('orders').getByRole('progressbar', { name: 'Remaining life of the token of orders' });
      const life = await card('orders').getByText('Expires in').textContent();
      expect(Number(await bar.evaluate((element) => (element as unknown as { value: number }).value))).toBeGreaterThan(
        0.9,
      );
      await card('orders')
        .getByText(life ?? '', { exact: true })
        .waitFor({ state: 'hidden' });
      expect(await page.content()).not.toContain(SECRET);
      expect({ complaints, visited: [...visited] }).toEqual({ complaints: [], visited: [new URL(world.url).origin] });
    });

    it('renews a token by keyboard alone, after it was confirmed', async () => {
      await page.goto(world.url);
      await page.getByText('Live').waitFor();
      const renew = page.getByRole('button', { name: 'Renew orders' });
      await renew.focus();
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog');
      await dialog.getByText('Obtain a new token for orders now?').waitFor();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
      expect(world.issuer.requests).toEqual([]);
      await page.keyboard.press('Enter');
      await dialog.waitFor();
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByText('orders: renewed.').waitFor();
      await card('orders').getByText('token in use').waitFor();
      expect(world.issuer.tokenRequests).toBe(1);
      expect(
        await renew.evaluate(
          (element) =>
            element ===
            (element as unknown as { ownerDocument: { activeElement: unknown } }).ownerDocument.activeElement,
        ),
      ).toBe(true);
      expect(complaints).toEqual([]);
    });

    it('shows what fails, and warms up and invalidates', async () => {
      const press = async (name: string): Promise<void> => {
        await page.getByRole('button', { name }).click();
        await page.getByRole('button', { name: 'Confirm' }).click();
      };
      await page.goto(world.url);
      await press('Warm up <img src=x onerror=alert(1)>');
      await page.getByText('warmed up.').waitFor();
      await page.locator('svg .step.cached').nth(1).waitFor();
      await press('Invalidate <img src=x onerror=alert(1)>');
      await page.getByText('invalidated.').waitFor();
      world.issuer.failNext(9, 'invalid_client');
      await press('Renew orders');
      await page.getByText('orders: failed (FORGE_AUTH_TOKEN_REFUSED).').waitFor();
    });

    it('asks now and then where there is no room for another listener', async () => {
      await world.close();
      world = await startDashboard(adapter, { maxStreams: 0 });
      await page.goto(world.url);
      await page.getByText('Asked every 5 seconds').waitFor();
      await card('orders').waitFor();
    });

    it.each(['light', 'dark'] as const)('the dashboard can be read in the %s', async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await page.goto(world.url);
      await card('orders').waitFor();
      const { text, back } = await page.evaluate<{ text: number; back: number }>(`(() => {
        const light = (color) => {
          const [r, g, b] = color.match(/[\\d.]+/g).map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const style = getComputedStyle(document.querySelector('article'));
        return { text: light(style.color), back: light(style.backgroundColor) };
      })()`);
      const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
      expect(contrast).toBeGreaterThan(7);
      expect(back > text).toBe(colorScheme === 'light');
    });
  });
