import { AxiosError } from 'axios';
import { BearerAuth, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/** What the test suites of axios and of fetch found on the faces. */
let server: RecordingServer;
let client: ForgeHttpClient;

beforeAll(async () => {
  server = await startServer((request, response) => {
    if (request.path === '/hang') return;
    response.writeHead(200, { 'x-two': 'b' });
    if (request.path === '/unfinished') response.write('first');
    else response.end('here');
  });
  client = createForgeClient({ name: 'peers', baseUrl: server.origin, auth: new BearerAuth('peers-token') });
});
afterEach(() => server.reset());
afterAll(async () => {
  await client.close();
  await server.close();
});

describe('axiosRef', () => {
  it('counts a timeout that is a text, and words it as axios does', async () => {
    const error: unknown = await client.axiosRef.get('/hang', { timeout: '60' as never }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: AxiosError.ECONNABORTED, message: 'timeout of 60ms exceeded' });
  });

  it('refuses a timeout that is none', async () => {
    const error: unknown = await client.axiosRef.get('/here', { timeout: {} as never }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(AxiosError);
    expect(server.requests).toEqual([]);
  });

  it('takes a URL object', async () => {
    await client.axiosRef.get(new URL(`${server.origin}/here?a=1`) as never);
    expect(server.requests.map(({ url }) => url)).toEqual(['/here?a=1']);
  });
});

describe('fetch', () => {
  it('is refused without a URL', async () => {
    await expect((client.fetch as (...nothing: unknown[]) => Promise<Response>)()).rejects.toThrow(TypeError);
    expect(server.requests).toEqual([]);
  });

  it('is refused with a redirect mode that there is not', async () => {
    await expect(client.fetch('/here', { redirect: 'xyz' as never })).rejects.toThrow(TypeError);
    expect(server.requests).toEqual([]);
  });

  it('answers headers that cannot be changed', async () => {
    const { headers } = await client.fetch('/here');
    for (const change of [() => headers.set('a', '1'), () => headers.append('a', '1'), () => headers.delete('x-two')])
      expect(change).toThrow(TypeError);
    expect(headers.get('x-two')).toBe('b');
  });

  it.each<[string, (response: Response) => Promise<unknown>]>([
    ['text()', (response) => response.text()],
    ['body', (response) => drain(response)],
    ['a clone', (response) => response.clone().text()],
  ])('rejects with the reason where %s is read in the tick of an abort', async (_what, read) => {
    const controller = new AbortController();
    const response = await client.fetch('/unfinished', { signal: controller.signal });
    const reason = new Error('no longer wanted');
    controller.abort(reason);
    await expect(read(response)).rejects.toBe(reason);
  });
});

it.each(['https://*.example', '*', 'https://*'])('allowedOrigins with a wildcard is refused: %s', async (origin) => {
  const open = createForgeClient({ name: 'peers', baseUrl: server.origin, allowedOrigins: [origin] });
  await expect(open.get('/here')).rejects.toThrow(/allowedOrigins.*wildcard/);
});

it('a logger that throws fails no call', async () => {
  const logged = createForgeClient(
    { name: 'peers', baseUrl: server.origin, logging: true, hooks: { beforeRequest: broken } },
    { logger: { log: broken, warn: broken, error: broken } },
  );
  expect((await logged.get('/here')).status).toBe(200);
  await logged.close();
});

function broken(): never {
  throw new Error('the disk is full');
}

async function drain(response: Response): Promise<string> {
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
    text += Buffer.from(chunk).toString();
  return text;
}
