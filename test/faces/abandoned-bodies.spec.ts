import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { builtPackage } from '../support/built-package.js';
import { startServer } from '../support/recording-server.js';

let entry: string;
beforeAll(async () => {
  entry = await builtPackage();
}, 120_000);

it('frees the connection of an answer of fetch whose body nobody reads, when it is garbage', async () => {
  const server = await startServer((_request, response) => {
    response.writeHead(200);
    response.write('first');
  });
  const script = join(import.meta.dirname, 'abandoned-bodies.mjs');
  const child = spawn(process.execPath, ['--expose-gc', script, entry, server.origin], { stdio: 'inherit' });
  await server.received(1, '/unfinished', 15_000);
  for (let tries = 0; server.requests[0]?.endedAt === undefined; tries += 1) {
    if (tries > 500) throw new Error('The connection is still open.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(child.exitCode).toBeNull();
  child.kill();
  await server.close();
});
