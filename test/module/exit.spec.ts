import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Api, startApi } from '../support/api.js';
import { builtPackage } from '../support/built-package.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { until } from '../support/async.js';

const SCRIPT = fileURLToPath(new URL('must-exit.mjs', import.meta.url));
/** After this a process counts as one that does not exit. */
const PATIENCE_MS = 20_000;

let entry: string;
let redis: RedisServer;
let endpoint: TokenEndpoint;
let api: Api;
const children: ChildProcess[] = [];

beforeAll(async () => {
  [entry, redis] = await Promise.all([builtPackage(), startRedis()]);
});
afterAll(() => redis.stop());

beforeEach(async () => {
  endpoint = await startTokenEndpoint();
  api = await startApi(endpoint);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await redis.command('FLUSHALL');
  await api.close();
  await endpoint.close();
});

interface Run {
  readonly child: ChildProcess;
  /** Lines of its standard output so far. */
  readonly lines: readonly string[];
  /** Resolves when it has ended by itself. */
  exit(): Promise<{ code: number | null; lines: readonly string[]; complaints: string }>;
}

function run(how: string, { shared = false } = {}): Run {
  const options = { entry, how, apiUrl: api.origin, tokenUrl: endpoint.url, ...CLIENT };
  const MUST_EXIT = JSON.stringify({ ...options, ...(shared ? { redisUrl: redis.url } : undefined) });
  const env = { ...process.env, NODE_OPTIONS: '', MUST_EXIT };
  const child = spawn(process.execPath, ['--unhandled-rejections=strict', SCRIPT], { env, stdio: 'pipe' });
  children.push(child);
  const lines: string[] = [];
  let complaints = '';
  child.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().split('\n').filter(Boolean)));
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const ended = once(child, 'close', { signal: AbortSignal.timeout(PATIENCE_MS) });
  ended.catch(() => undefined);
  return {
    child,
    lines,
    async exit() {
      const [code] = (await ended) as [number | null];
      return { code, lines, complaints };
    },
  };
}

describe('a process exits by itself', () => {
  it.each([
    ['after app.close()', 'closed', false, 21],
    ['after app.close(), with tokens in Redis', 'closed', true, 21],
    ['after app.close() right after the first token', 'barely used', true, 0],
    ['after app.close(), when no client was ever used', 'unused', true, 0],
    ['after a start that was refused', 'failed', false, 0],
    ['after a start that was refused, with tokens in Redis', 'failed', true, 0],
    ['when an app without a shared cache is never closed', 'never closed', false, 1],
    ['after client.close(), outside Nest', 'outside Nest', false, 1],
    ['after manager.close(), outside Nest', 'outside Nest, a manager', false, 0],
  ])('%s', async (_name, how, shared, calls) => {
    const { code, lines, complaints } = await run(how, { shared }).exit();
    expect([code, complaints]).toEqual([0, '']);
    expect(lines.at(-1)).toBe(how === 'failed' ? 'done: FORGE_AUTH_CONFIGURATION' : 'done');
    expect(api.server.count('/orders')).toBe(calls);
  });

  it.each([
    ['the API', false],
    ['the API, with tokens in Redis', true],
  ])('a process exits by itself after app.close() while calls wait for %s: they are aborted', async (_name, shared) => {
    api.holdResponses();
    const child = run('in flight', { shared });
    await api.server.received(5);
    child.child.stdin?.write('close\n');
    const { code, lines, complaints } = await child.exit();
    expect([code, complaints]).toEqual([0, '']);
    expect(lines.at(-1)).toBe('["FORGE_AUTH_CLIENT_CLOSED"]');
    await until(() => api.server.openConnections === 0, 'connections are closed');
  });

  it.each([
    ['the token endpoint', false],
    ['the token endpoint, with tokens in Redis', true],
  ])(
    'a process exits by itself after app.close() while calls wait for %s: the flight is aborted',
    async (_name, shared) => {
      endpoint.hold();
      const child = run('in flight', { shared });
      await endpoint.server.received(1);
      await until(() => child.lines.includes('waiting'), 'it waits');
      child.child.stdin?.write('close\n');
      const { code, lines, complaints } = await child.exit();
      expect([code, complaints]).toEqual([0, '']);
      expect(lines.at(-1)).toBe('["FORGE_AUTH_CLIENT_CLOSED"]');
      await until(() => endpoint.server.openConnections === 0, 'connections are closed');
      expect([endpoint.tokenRequests, api.server.count()]).toEqual([1, 0]);
    },
  );

  it.each<[string, () => unknown, () => unknown]>([
    ['is killed', () => redis.kill(), () => redis.restart()],
    ['freezes', () => redis.freeze(), () => redis.thaw()],
  ])('a process exits by itself after app.close() when its Redis %s while it runs', async (_what, harm, heal) => {
    const child = run('outlives its Redis', { shared: true });
    await until(() => child.lines.includes('waiting'), 'it has started', PATIENCE_MS);
    await harm();
    try {
      child.child.stdin?.write('go on\n');
      const { code, lines, complaints } = await child.exit();
      expect([code, complaints, lines.at(-1)]).toEqual([0, '', 'closed']);
      expect([endpoint.tokenRequests, api.server.count('/orders'), api.unauthorized]).toEqual([4, 2, 0]);
    } finally {
      await heal();
    }
  });

  it('a process exits by itself after SIGTERM, with shutdown hooks', async () => {
    const child = run('by signal', { shared: true });
    await until(() => child.lines.includes('done'), 'it has started', PATIENCE_MS);
    child.child.kill('SIGTERM');
    const { code, complaints } = await child.exit();
    // Nest ends a process by the signal that it received.
    expect([code ?? child.child.signalCode, complaints]).toEqual(['SIGTERM', '']);
    await until(() => api.server.openConnections === 0, 'connections are closed');
  });

  it('a process exits by itself and leaves its token to the next one', async () => {
    await run('barely used', { shared: true }).exit();
    await run('barely used', { shared: true }).exit();
    expect(endpoint.tokenRequests).toBe(1);
  });

  it('a process exits by itself and leaves no lease behind, though Nest closes the cache before its calls are aborted', async () => {
    endpoint.hold();
    const child = run('in flight', { shared: true });
    await endpoint.server.received(1);
    await until(() => child.lines.includes('waiting'), 'it waits', PATIENCE_MS);
    await expect(locks()).resolves.toHaveLength(1);
    child.child.stdin?.write('close\n');
    await child.exit();
    await expect(locks()).resolves.toEqual([]);
    // Only whoever asks is connected.
    const clients = String(await redis.command('CLIENT', 'LIST'));
    expect(clients.trim().split('\n')).toHaveLength(1);
  });
});

async function locks(): Promise<string[]> {
  const keys = (await redis.command('KEYS', '*')) as string[];
  return keys.filter((key) => key.endsWith(':lock'));
}
