/** Installs what the bench compares the package with, where it is missing. Without it, the bench does without. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('./', import.meta.url));
const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const { resolve } = createRequire(import.meta.url);

/** Names of the packages that are not there. */
function missing() {
  return Object.keys(dependencies).filter((name) => {
    try {
      return !resolve.paths(name).some((path) => readable(`${path}/${name}/package.json`));
    } catch {
      return true;
    }
  });
}

function readable(file) {
  try {
    return readFileSync(file, 'utf8') !== '';
  } catch {
    return false;
  }
}

/** @returns the names of the packages that are there */
export function installPeers() {
  if (missing().length > 0) {
    console.error(`Installing ${missing().join(', ')} for the bench …`);
    const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--legacy-peer-deps', '--loglevel=error'];
    spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], timeout: 60_000 });
  }
  const absent = missing();
  if (absent.length > 0) console.error(`Not installed, and left out: ${absent.join(', ')}.`);
  return new Set(Object.keys(dependencies).filter((name) => !absent.includes(name)));
}
