import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DashboardStreams } from './dashboard-streams.js';

const MESSAGE = 'x'.repeat(500_000);

let server: Server;
let streams: DashboardStreams;
beforeEach(async () => {
  streams = new DashboardStreams(() => MESSAGE, 20);
  server = createServer((_request, response) => void streams.add(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  streams.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Opens a stream that is read, or never. */
async function open(reads: boolean): Promise<{ bytes: number; closed: boolean }> {
  const { port } = server.address() as AddressInfo;
  const sent = request({ port, host: '127.0.0.1', agent: false }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const stream = { bytes: 0, closed: false };
  answer.on('error', () => undefined).on('close', () => (stream.closed = true));
  if (reads) answer.on('data', (chunk: Buffer) => (stream.bytes += chunk.length));
  return stream;
}

it('lets go of readers that do not read, and serves the others on', async () => {
  const slow = await Promise.all(Array.from({ length: 5 }, () => open(false)));
  const reader = await open(true);
  expect(streams.size).toBe(6);
  for (let message = 0; streams.size > 1 && message < 100; message += 1) {
    streams.changed();
    await new Promise((resolve) => setTimeout(resolve, 210));
  }
  expect([streams.size, reader.closed, slow.length]).toEqual([1, false, 5]);
  expect(reader.bytes).toBeGreaterThan(2 * MESSAGE.length);
}, 60_000);
