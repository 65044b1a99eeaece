import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TestIssuer } from 'nestjs-forge-auth/testing';
import { builtPackage } from '../support/built-package.js';
import { startServer } from '../support/recording-server.js';

const SCRIPT = fileURLToPath(new URL('no-peers.mjs', import.meta.url));

it('an app that imports the main entry alone loads no optional peer', async () => {
  await using issuer = await TestIssuer.start();
  const api = await startServer((_request, response) => void response.writeHead(204).end());
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [SCRIPT, await builtPackage(), api.origin, issuer.tokenUrl],
    { env: { ...process.env, NODE_OPTIONS: '' }, timeout: 120_000 },
  );
  // That the script would have noticed is seen from what it tried to load itself.
  expect(JSON.parse(stdout)).toEqual({ status: 204, refused: 'LOADED undici' });
  await api.close();
}, 180_000);
