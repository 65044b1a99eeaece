import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');
/** Inside node_modules, so that what is built finds its dependencies. */
const CACHE = join(ROOT, 'node_modules/.cache/built-package');

/**
 * Builds the package for child processes, once for each state of its sources, and answers where its entry is.
 * Safe for specs that run at the same time.
 */
export async function builtPackage(): Promise<string> {
  const target = join(CACHE, await hashOfSources());
  if (!existsSync(target)) await build(target);
  return join(target, 'index.js');
}

async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const files = (await readdir(join(ROOT, 'src'), { recursive: true }))
    .filter((file) => file.endsWith('.ts'))
    .toSorted();
  for (const file of files) hash.update(file).update(await readFile(join(ROOT, 'src', file)));
  return hash.digest('hex').slice(0, 16);
}

async function build(target: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const directory = await mkdtemp(join(CACHE, 'building-'));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [
    compiler,
    '-p',
    join(ROOT, 'tsconfig.build.json'),
    '--outDir',
    directory,
  ]);
  try {
    await rename(directory, target);
  } catch {
    await rm(directory, { recursive: true, force: true }); // Another spec was faster.
  }
}
