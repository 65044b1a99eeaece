import { get, type IncomingMessage } from 'node:http';
import { give, type Answer } from './answer.js';
import { startServer, type RecordingServer } from './recording-server.js';

let server: RecordingServer;
let answer: Answer;
beforeAll(async () => {
  server = await startServer((_request, res) => give(res, answer));
});
afterAll(() => server.close());

const call = (signal?: AbortSignal): Promise<Response> => fetch(server.origin, { ...(signal && { signal }) });

async function readFor(ms: number): Promise<{ bytes: number; chunks: number; complete: boolean }> {
  let [bytes, chunks] = [0, 0];
  const response = await new Promise<IncomingMessage>((resolve) => get(server.origin, resolve));
  setTimeout(() => response.destroy(), ms);
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    chunks += 1;
  });
  await new Promise((resolve) => response.once('close', resolve));
  return { bytes, chunks, complete: response.complete };
}

describe('give', () => {
  it('sends bytes as they are, and JSON as JSON', async () => {
    answer = { status: 503, headers: { 'retry-after': '7' }, body: Buffer.from('<html>') };
    const plain = await call();
    expect([plain.status, plain.headers.get('retry-after'), await plain.text()]).toEqual([503, '7', '<html>']);

    answer = { json: null };
    const json = await call();
    expect([json.status, json.headers.get('content-type'), await json.text()]).toEqual([
      200,
      'application/json',
      'null',
    ]);
  });

  it('hangs', async () => {
    answer = 'hang';
    await expect(call(AbortSignal.timeout(100))).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('resets', async () => {
    answer = 'reset';
    await expect(call()).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
  });

  it('dribbles a few bytes without an end', async () => {
    answer = 'dribble';
    const { bytes, chunks, complete } = await readFor(300);
    expect(chunks).toBeGreaterThan(3);
    expect(bytes).toBeLessThan(100);
    expect(complete).toBe(false);
  });

  it('pours out bytes without an end', async () => {
    answer = 'endless';
    const { bytes, complete } = await readFor(300);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(complete).toBe(false);
  });

  it('truncates', async () => {
    answer = 'truncate';
    const response = await call();
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
  });
});
