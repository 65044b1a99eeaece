import { EventEmitter, once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxiosTransport } from '../axios/axios.transport.js';
import type { HttpRequest } from '../http-request.js';
import { ownRequestOptions } from './not-inherited.js';

/** That of Node's own objects, and the one of ours: in a spec they are two. */
const PROTOTYPES = [Object.getPrototypeOf(EventEmitter.prototype) as object, Object.prototype];
const planted: string[] = [];

function plant(name: string, value: unknown): void {
  for (const prototype of PROTOTYPES)
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  planted.push(name);
}

function takeAway(): void {
  for (const name of planted.splice(0))
    for (const prototype of PROTOTYPES) delete (prototype as Record<string, unknown>)[name];
}

/** Every name, as it stands in the options where one of them is inherited. */
function namesOfRequests(): string[] {
  plant('auth', 'user:password');
  const names = Object.keys(ownRequestOptions({}));
  takeAway();
  return names;
}

afterEach(takeAway);

describe('the options of a request', () => {
  it('the options of a request are those that are given, where nothing is inherited', () => {
    const options = { path: '/' };
    expect(ownRequestOptions(options)).toBe(options);
    plant('inherited', 'by nobody');
    expect(ownRequestOptions(options)).toBe(options);
  });

  it.each(namesOfRequests())(
    'the options of a request have a %s of their own as soon as there is one to inherit',
    (name) => {
      plant(name, undefined);
      expect(Object.keys(ownRequestOptions({ path: '/' }))).toEqual([...namesOfRequests(), 'path']);
      plant(name, 'inherited');
      const own = ownRequestOptions({ [name]: 'given' });
      expect(own).toMatchObject({ [name]: 'given' });
      takeAway();
      expect(ownRequestOptions(own)).toBe(own);
    },
  );
});

describe('a request of a client that has sent some', () => {
  let origin: string;
  let answer: (response: ServerResponse) => void;
  const seen: string[] = [];
  const transport = new AxiosTransport({ pool: { maxSockets: 1 } });
  const server = http.createServer(({ rawHeaders }, response) => {
    seen.push(rawHeaders.join());
    answer(response);
  });
  const get = (more: Partial<HttpRequest> = {}): Promise<unknown> =>
    transport.send({ method: 'GET', url: `${origin}/`, headers: {}, responseType: 'json', ...more });

  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    seen.length = 0;
    answer = (response) => void response.end('{}');
  });
  afterAll(() => {
    transport.close();
    server.close();
  });

  it.each([
    ['over Node’s own client', {}],
    ['over axios’s adapter', { axios: { decompress: true } }],
  ])(
    'a request of a client that has sent some is on the wire as before, when there is something to inherit since then: %s',
    async (_over, more) => {
      await get(more);
      for (const [name, value] of Object.entries({ auth: 'user:password', setHost: false, socketPath: '/nowhere' }))
        plant(name, value);
      await get(more);
      expect(seen[1]).toBe(seen[0]);
      expect(seen[0]).toMatch(/host/i);
    },
  );

  it('connects as before, when there is something to inherit since it began to wait for a connection', async () => {
    const asked = new Promise<ServerResponse>((resolve) => (answer = resolve));
    const calls = [get(), get()];
    const held = await asked;
    plant('localAddress', '10.9.8.7');
    answer = (response) => void response.end('{}');
    held.writeHead(200, { connection: 'close' }).end('{}');
    await Promise.all(calls);
    expect(seen).toHaveLength(2);
  });
});
