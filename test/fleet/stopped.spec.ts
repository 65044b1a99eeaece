import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { give } from '../support/answer.js';
import { builtPackage } from '../support/built-package.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { World } from '../tokens/world.js';
import { type Seen, StoppedProcess, type StoppedProcessOptions } from './stopped-process.js';

const PATIENCE_MS = 60_000;
/** Longer than a busy machine takes to send a request. */
const TIMEOUT_MS = 1_000;
/** Longer than any time-out of these tests. */
const STOPPED_MS = 1_500;

/** More than one turn of the event loop reads it. */
const PACKED = gzipSync(JSON.stringify(randomBytes(1_000_000).toString('hex')));

const world = new World();
let api: RecordingServer;
/** Called when a request to the API has arrived, before it is answered. */
let onRequest: () => void;
beforeAll(() => builtPackage(), PATIENCE_MS);
beforeEach(async () => {
  onRequest = () => undefined;
  await world.start();
  api = world.closeLater(
    await startServer(async (_request, response) => {
      onRequest();
      // The process stands still when the answer comes.
      await new Promise((resolve) => setTimeout(resolve, 100));
      give(response, { headers: { 'content-encoding': 'gzip' }, body: PACKED });
    }),
  );
});
afterEach(() => world.close());

async function start(more: Partial<StoppedProcessOptions> = {}): Promise<StoppedProcess> {
  const { url: tokenUrl } = world.endpoint;
  const process = await StoppedProcess.start({ baseUrl: api.origin, tokenUrl, client: CLIENT, ...more });
  return world.closeLater(process);
}

const NOTHING: Seen = { failed: [], lines: [] };

describe('a process that is stopped and goes on', () => {
  it.each([
    ['get', 'timeoutMs'],
    ['get', 'totalTimeoutMs'],
    ['fetch', 'timeoutMs'],
  ])('reads the answer that waits first, by %s within %s', async (face, option) => {
    const stopped = await start({ options: { [option]: TIMEOUT_MS } });
    await stopped.ask('get', { path: '/first' });
    onRequest = () => stopped.stop();
    const call = stopped.ask(face, { path: '/' });
    await api.received(2);
    await stopped.goOnAfter(STOPPED_MS);
    expect(await call).toBe(200);
  });

  it.each([
    ['cold', 'token', 1],
    ['forced', 'renew', 2],
  ])('takes the token that waits, of a %s request', async (_how, command, requests) => {
    const stopped = await start({ options: { auth: { deadlineMs: TIMEOUT_MS } } });
    if (requests === 2) await stopped.ask('token');
    world.endpoint.hold();
    const token = stopped.ask(command);
    await world.endpoint.server.received(requests);
    stopped.stop();
    world.endpoint.release();
    await stopped.goOnAfter(STOPPED_MS);
    expect(await token).toBe(world.endpoint.issued.at(-1)?.accessToken);
    expect([await stopped.ask('seen'), world.endpoint.tokenRequests]).toEqual([NOTHING, requests]);
  });

  it('takes the token that waits, of a renewal in the background', async () => {
    const stopped = await start({ options: { auth: { deadlineMs: TIMEOUT_MS } } });
    const first = await stopped.ask('token');
    // Within the refresh window, whatever jitter takes away of it.
    await stopped.ask('forward', { ms: 3_550_000 });
    world.endpoint.hold();
    expect(await stopped.ask('token')).toBe(first);
    await world.endpoint.server.received(2);
    stopped.stop();
    world.endpoint.release();
    await stopped.goOnAfter(STOPPED_MS);
    for (let current = first; current === first;) current = await stopped.ask('peek');
    expect([await stopped.ask('seen'), world.endpoint.tokenRequests]).toEqual([NOTHING, 2]);
  });
});

/** Stands before a Redis, and calls `onCommand` when something was sent to it. */
class Gate {
  onCommand: ((sent: string) => void) | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(port: number) {
    this.#server = createServer((client) => {
      const target = connect(port, '127.0.0.1');
      for (const socket of [client, target]) this.#sockets.add(socket.on('error', () => undefined));
      client.on('data', (chunk) => {
        this.onCommand?.(String(chunk));
        target.write(chunk);
      });
      target.pipe(client);
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

describe('a process on a Redis that is stopped and goes on', () => {
  let redis: RedisServer;
  let gate: Gate;
  let redisUrl: string;
  beforeEach(async () => {
    redis = world.closeLater({ ...(await startRedis()), close: () => redis.stop() } as RedisServer & {
      close(): Promise<void>;
    });
    gate = world.closeLater(new Gate(redis.port));
    redisUrl = await gate.listen();
  });

  it.each([
    ['the look for a token', /\bGET\b|\$3\r\nget/i, 'renew'],
    ['the lease', /eval/i, 'renew'],
    ['the write', /eval[^]*access_token|set[^]*access_token|eval[^]*accessToken/i, 'renew'],
  ])('reads what Redis has answered to %s first', async (_what, command, ask) => {
    const stopped = await start({ redisUrl, storageDeadlineMs: TIMEOUT_MS, options: { auth: { deadlineMs: 5_000 } } });
    await stopped.ask('token');
    let stops = 0;
    let goingOn: Promise<void> | undefined;
    gate.onCommand = (sent) => {
      if (stops > 0 || !command.test(sent)) return;
      stops += 1;
      stopped.stop();
      goingOn = stopped.goOnAfter(STOPPED_MS);
    };
    const token = await stopped.ask(ask);
    await goingOn;
    expect(stops).toBe(1);
    expect([await stopped.ask('seen'), world.endpoint.tokenRequests]).toEqual([NOTHING, 2]);
    expect(token).toBe(world.endpoint.issued[1]?.accessToken);
    const other = await start({ redisUrl });
    expect(await other.ask('token')).toBe(token);
  });

  it(
    'takes what another process has written while it waited for the lease, though its deadline is over',
    async () => {
      const [one, waiting] = [
        await start({ redisUrl }),
        await start({ redisUrl, options: { auth: { deadlineMs: 1_000 } } }),
      ];
      world.endpoint.hold();
      const first = one.ask('token');
      await world.endpoint.server.received(1);
      const second = waiting.ask('token');
      await new Promise((resolve) => setTimeout(resolve, 300));
      waiting.stop();
      world.endpoint.release();
      await waiting.goOnAfter(2 * STOPPED_MS); // Past its deadline.
      expect(await second).toBe(await first);
      expect([await waiting.ask('seen'), world.endpoint.tokenRequests]).toEqual([NOTHING, 1]);
    },
    PATIENCE_MS,
  );
});
