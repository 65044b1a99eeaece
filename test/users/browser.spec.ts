import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type BrowserContext, chromium } from 'playwright-core';
import { startWorld, type World } from '../../sample/upstream/world.js';
import { CHROMIUM_ARGUMENTS, findChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { recordingLogger } from '../support/recording-logger.js';

const CHROMIUM = findChromium();

if (CHROMIUM === undefined)
  process.stderr.write('Skipped: the sample page in a browser. There is no Chromium: apt install chromium.\n');

const withBrowser = CHROMIUM === undefined ? describe.skip : describe;

withBrowser('the sample’s calendar page, in Chromium', () => {
  const profile = mkdtempSync(join(tmpdir(), 'forge-browser-'));
  let world: World;
  let app: INestApplication;
  let browser: BrowserContext;
  let origin: string;

  beforeAll(async () => {
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    world = await startWorld();
    Object.assign(process.env, world.environment, { APP_URL: origin });
    const { AppModule } = await import('../../sample/app/app.module.js');
    app = await NestFactory.create(AppModule, { logger: recordingLogger(), abortOnError: false });
    await app.listen(port, '127.0.0.1');
    browser = await chromium.launchPersistentContext(profile, {
      headless: true,
      args: CHROMIUM_ARGUMENTS,
      ...(CHROMIUM === undefined ? undefined : { executablePath: CHROMIUM }),
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await app?.close();
    await world?.close();
    rmSync(profile, { recursive: true, force: true });
  });

  it('connects an account, shows what is protected, sees it revoked, and connects again', async () => {
    const page = browser.pages()[0] ?? (await browser.newPage());
    page.setDefaultTimeout(30_000);
    const state = async (): Promise<string> => (await page.textContent('#state')) ?? '';
    await page.goto(`${origin}/calendar`);
    expect(await state()).toBe('Not connected.');
    expect(world.calendar.seen).toHaveLength(0);

    await page.click('#connect');
    await page.fill('input[name=login]', 'alice');
    await page.fill('input[name=password]', 'anything');
    await page.click('button[type=submit]');
    await page.click('button[type=submit]'); // Consents.
    await page.waitForURL(`${origin}/calendar`);
    expect(await state()).toMatch(/^Connected\./);
    expect(world.calendar.answered(200)).toBe(1);

    await page.click('#revoke');
    await page.waitForURL(`${origin}/calendar`);
    expect(await state()).toBe('Not connected.');

    await page.click('#connect');
    await page.click('button[type=submit]'); // Still signed in at the issuer: consents alone.
    await page.waitForURL(`${origin}/calendar`);
    expect(await state()).toMatch(/^Connected\./);

    await page.click('#disconnect');
    await page.waitForURL(`${origin}/calendar`);
    expect(await state()).toBe('Not connected.');
    expect(new Set(world.calendar.credentials).size).toBe(2);
  }, 120_000);
});
