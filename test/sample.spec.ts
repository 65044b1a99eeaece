import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './support/free-port.js';

const root = fileURLToPath(new URL('../', import.meta.url));
/** Files that building and running the sample takes. Copied, so that nobody else's `dist/` is touched or needed. */
const NEEDED = ['package.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json', 'src', 'sample'];
/** Far above what they take; a machine may be slow. */
const PATIENCE_MS = 180_000;

/** A child process, and what it printed. */
interface Run {
  readonly process: ChildProcess;
  readonly output: string;
  /** Resolves when `text` has been printed. @throws {Error} with the output, when the process ends before. */
  printed(text: string): Promise<void>;
  /** Resolves to the exit code. */
  readonly ended: Promise<number | null>;
}

/** Checks whether nothing that it started is left either: it leads a group of its own. */
function isGone({ pid }: ChildProcess): boolean {
  try {
    return pid !== undefined && !process.kill(-pid, 0);
  } catch {
    return true;
  }
}

/** Returns the output of a run that kept every claim, and left nothing behind. */
async function outputOf(story: Run): Promise<string> {
  const code = await story.ended;
  expect(story.output).toMatch(/^All \d+ claims hold\.$/m);
  expect(story.output).not.toContain('✗');
  expect({ code, isGone: isGone(story.process) }).toEqual({ code: 0, isGone: true });
  return story.output;
}

describe('sample', () => {
  const running = new Set<ChildProcess>();
  let project: string;

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), 'forge-auth-sample-'));
    const isSource = (path: string): boolean => path !== join(root, 'sample', 'dist');
    for (const name of NEEDED) cpSync(join(root, name), join(project, name), { recursive: true, filter: isSource });
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'), 'dir');
  });

  afterAll(() => {
    // A group of its own each: npm's child must not outlive npm.
    for (const { pid } of running) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    rmSync(project, { recursive: true, force: true });
  });

  function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
    const child = spawn(command, args, {
      cwd: project,
      env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    running.add(child);
    let output = '';
    const collect = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const ended = once(child, 'close').then(([code]) => {
      running.delete(child);
      return code as number | null;
    });
    return {
      process: child,
      get output() {
        return output;
      },
      async printed(text) {
        while (!output.includes(text)) {
          const over = await Promise.race([once(child.stdout, 'data').then(() => false), ended.then(() => true)]);
          if (over && !output.includes(text)) throw new Error(`It ended without "${text}":\n${output}`);
        }
      },
      ended,
    };
  }

  it(
    'keeps every claim with `npm start -- --once`, and serves until Ctrl-C without `--once`',
    async () => {
      const port = await freePort();
      const story = run('npm', ['start', '--', '--once'], { PORT: String(port) });
      await story.printed('A Nest app');
      // By now it is built.
      const served = run('node', ['sample/dist/main.js'], { PORT: String(port) });

      expect({ code: await story.ended, output: story.output }).toMatchObject({ code: 0 });
      expect(story.output).toMatch(/^All \d+ claims hold\.$/m);
      expect(story.output).not.toContain('✗');

      await served.printed('until Ctrl-C');
      const answer = await fetch(`http://127.0.0.1:${port}/orders/7`);
      expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ path: '/orders/7' })]);
      await served.printed(`The dashboard is on http://127.0.0.1:${port}/forge-auth`);
      expect(await (await fetch(`http://127.0.0.1:${port}/forge-auth`)).text()).toContain('<title>Forge Auth</title>');
      served.process.kill('SIGINT');
      expect({ code: await served.ended, output: served.output }).toMatchObject({ code: 0 });
    },
    PATIENCE_MS,
  );

  it(
    'keeps every claim of the fleet, over a Redis and without one, ends it on Ctrl-C, and leaves no process behind',
    async () => {
      const overRedis = await outputOf(run('npm', ['run', 'sample:fleet']));
      const without = await outputOf(run('node', ['sample/dist/fleet/main.js', '--no-redis']));
      expect(overRedis).toMatch(/Redis.* keeps the tokens\.$/m);
      expect(without).toContain('this process keeps the tokens');

      const interrupted = run('node', ['sample/dist/fleet/main.js']);
      await interrupted.printed('callers served');
      interrupted.process.kill('SIGINT');
      expect({ code: await interrupted.ended, isGone: isGone(interrupted.process) }).toEqual({
        code: 130,
        isGone: true,
      });
    },
    PATIENCE_MS,
  );

  it(
    'prints metrics and spans of its story with `npm run sample:observe`, and keeps every claim',
    async () => {
      const output = await outputOf(run('npm', ['run', 'sample:observe']));
      expect(output).toMatch(/^ {3}forge_auth\.token\.requests +1 .*cause=rejection/m);
      expect(output).toMatch(/ forge_auth\.token_request \d+ ms/);
    },
    PATIENCE_MS,
  );

  it(
    'says in one line that its port is taken',
    async () => {
      const holder = createServer().listen(0, '127.0.0.1');
      await once(holder.unref(), 'listening');
      const { port } = holder.address() as AddressInfo;
      const refused = run('npm', ['--silent', 'start'], { PORT: String(port) });
      expect(await refused.ended).toBe(1);
      const line = `Port ${port} is taken (EADDRINUSE). Choose another one: PORT=${port + 1} npm start`;
      expect(refused.output).toBe(`${line}\n`);
      holder.close();
    },
    PATIENCE_MS,
  );
});
