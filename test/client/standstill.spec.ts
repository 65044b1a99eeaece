import { Worker } from 'node:worker_threads';
import type { ForgeHttpClient, ForgeServiceOptions } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { until } from '../support/async.js';
import { Wire } from './wire.js';

/** A server of a thread of its own: it answers after 60 ms, though the process's other thread stands still. */
const SERVER = `
const { parentPort, workerData: progress } = require('node:worker_threads');
const { gzipSync } = require('node:zlib');
const packed = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
const server = require('node:http').createServer((request, response) => {
  request.resume();
  const count = (what) => {
    Atomics.add(progress, what, 1);
    Atomics.notify(progress, what);
  };
  const answer = {
    '/packed': () => response.writeHead(200, packed).end(gzipSync('{"ok":true}')),
    '/large': () => response.end('a'.repeat(1_000_000)),
    '/404': () => response.writeHead(404, packed).end(gzipSync('{"ok":true}')),
    '/first': () => response.end('{}'),
  };
  if (request.url === '/first') return answer['/first']();
  count(0);
  setTimeout(() => {
    answer[request.url]();
    count(1);
  }, 60);
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

const TIMEOUT_MS = 300;
/** How many requests the thread has received and answered, but the first: this thread sees it while it stands still. */
const progress = new Int32Array(new SharedArrayBuffer(8));
const [RECEIVED, ANSWERED] = [0, 1];

const wire = new Wire();
let thread: Worker;
let origin: string;
beforeAll(async () => {
  thread = new Worker(SERVER, { eval: true, workerData: progress });
  origin = await new Promise((resolve) => thread.once('message', (port) => resolve(`http://127.0.0.1:${port}`)));
});
afterEach(() => wire.close());
afterAll(() => thread.terminate());

type Call = (client: ForgeHttpClient, path: string) => Promise<unknown>;
const FACES: Record<string, Call> = {
  'client.get': (client, path) =>
    client.get(path, { responseType: 'text', validateStatus: () => true }).then(({ status }) => status),
  axiosRef: (client, path) => client.axiosRef.get(path, { validateStatus: () => true }).then(({ status }) => status),
  fetch: async (client, path) => {
    const response = await client.fetch(path);
    await response.text();
    return response.status;
  },
};
const TRANSPORTS: Record<string, () => Partial<ForgeServiceOptions>> = {
  axios: () => ({}),
  undici: () => ({ transport: wire.closeLater(new UndiciTransport()) }),
};
const TIMES: Record<string, Partial<ForgeServiceOptions>> = {
  timeoutMs: { timeoutMs: TIMEOUT_MS },
  totalTimeoutMs: { totalTimeoutMs: TIMEOUT_MS },
};

const CASES = Object.keys(FACES).flatMap((face) =>
  Object.keys(TRANSPORTS).flatMap((transport) => Object.keys(TIMES).map((time) => [face, transport, time] as const)),
);

it.each(CASES)(
  'an answer that waits to be read is no timeout, by %s over %s, within %s',
  async (face, transport, time) => {
    const client = wire.client({ origin }, { ...TRANSPORTS[transport]?.(), ...TIMES[time] });
    for (const path of ['/packed', '/large', '/404']) {
      await client.get('/first');
      const [received = 0, answered = 0] = progress;
      const startedAt = performance.now();
      const call = FACES[face]?.(client, path);
      await until(() => Atomics.load(progress, RECEIVED) > received, 'the request');
      // Until just after the time: a timer that is no later than that looks like one on time.
      standStill(TIMEOUT_MS + 3 - (performance.now() - startedAt));
      // The answer waits by then, but on a busy machine.
      Atomics.wait(progress, ANSWERED, answered, 5_000);
      await expect(call).resolves.toBe(path === '/404' ? 404 : 200);
    }
  },
);

/** Keeps this thread from doing anything, as a frozen container or a busy loop does. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
