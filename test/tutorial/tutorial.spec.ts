import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { freePort } from '../support/free-port.js';

const TOKEN_REQUEST = 'a token was requested\n';

it('does what it says under "What you see"', async () => {
  const before = { ...process.env };
  const port = await freePort();
  let upstream = await startUpstream(port);
  let app: NestExpressApplication | undefined;
  try {
    const origin = `http://127.0.0.1:${port}`;
    Object.assign(process.env, { ORDERS_URL: origin, ORDERS_TOKEN_URL: `${origin}/token` });
    const { AppModule } = await import('./app.module.js');
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = module.createNestApplication<NestExpressApplication>({ logger: false });
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const reload = async () => {
      const response = await fetch(url);
      return [response.status, response.ok && (await response.text())];
    };

    for (let reloads = 0; reloads < 5; reloads += 1) expect(await reload()).toEqual([200, 'anvil']);
    expect(upstream.output()).toBe(`ready\n${TOKEN_REQUEST}`);

    await upstream.stop();
    upstream = await startUpstream(port);
    expect(await reload()).toEqual([200, 'anvil']);
    expect(upstream.output()).toBe(`ready\n${TOKEN_REQUEST}`);

    await upstream.stop();
    expect(await reload()).toEqual([500, false]);
  } finally {
    await app?.close();
    await upstream.stop();
    process.env = before;
  }
});

/** The script of the tutorial, once it listens. */
async function startUpstream(port: number): Promise<{ output: () => string; stop: () => Promise<unknown> }> {
  const file = fileURLToPath(new URL('upstream.mjs', import.meta.url));
  const env = { ...process.env, UPSTREAM_PORT: String(port) };
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child.stdout, 'data');
  const gone = once(child, 'exit');
  return {
    output: () => output,
    stop() {
      child.kill();
      return gone;
    },
  };
}
