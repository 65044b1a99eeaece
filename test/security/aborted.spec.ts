import { inspect } from 'node:util';
import { BearerAuth, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';

const CANARY = 'cnry-aborted-token';
let server: RecordingServer;
let client: ForgeHttpClient;

beforeEach(async () => {
  // The head of an answer, and then nothing.
  server = await startServer((_request, res) => {
    res.writeHead(200, { 'content-type': 'text/plain' });
    res.write('the beginning');
  });
  client = createForgeClient({ name: 'orders', baseUrl: server.origin, auth: new BearerAuth(CANARY) });
});
afterEach(async () => {
  await client.close();
  await server.close();
});

/** Whatever is still under way. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

describe('a call that ends amid its answer', () => {
  it('writes nothing of the request on a reason of the caller’s', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 50);
    await rejection(client.get('/', { signal: controller.signal }));
    await settle();
    expect(Object.keys(reason)).toEqual([]);
    expect(inspect(reason, { depth: 9 })).not.toContain(CANARY);
  });

  it('shows nothing of the request when its time is over', async () => {
    const error = await rejection(client.get('/', { timeoutMs: 100 }));
    await settle();
    expect(error.name).toBe('TimeoutError');
    expect(inspect(error, { depth: 9 })).not.toContain(CANARY);
  });
});
