import { Agent as HttpAgent, type ServerResponse } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  type ForgeHttpClient,
  type ForgeServiceOptions,
} from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { renderError } from '../support/render.js';

const SECRET = 'a secret that is quoted';

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
const clients: ForgeHttpClient[] = [];
let plain: RecordingServer;
let secure: RecordingServer;

const answer = (_request: unknown, response: ServerResponse): void =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');

beforeAll(async () => {
  process.on('unhandledRejection', note).on('uncaughtException', note);
  [plain, secure] = [await startServer(answer), await startServer(answer, { tls: true })];
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  unhandled.splice(0);
});
afterAll(async () => {
  process.off('unhandledRejection', note).off('uncaughtException', note);
  await plain.close();
  await secure.close();
});

type Given = never;
type Options = Partial<ForgeServiceOptions>;
const ofAgent = (Kind: typeof HttpAgent | typeof HttpsAgent, options: object): object =>
  new Kind({ ca: secure.ca, ...options } as object);
const overUndici = (options: object): Options => ({ transport: new UndiciTransport(options) });
/** An attempt that waits for the circuit to let go of it. */
const circuit = (more: object): Options => ({
  retry: {
    nextDelayMs: () => undefined,
    createCircuit: () =>
      ({
        state: 'closed',
        admit: () => ({ record: () => undefined, release: () => undefined, ...more }),
      }) as never,
  },
});

/** Functions whose caller is Node, axios or undici: the option's name in the error, and the option. */
const SLOTS: [name: string, scheme: 'http' | 'https', options: (given: Given) => Options][] = [
  ['axios.lookup()', 'http', (lookup) => ({ axios: { lookup } })],
  ['axios.transport.request()', 'http', (request) => ({ axios: { transport: { request } } })],
  ['axios.httpAgent: lookup()', 'http', (lookup) => ({ axios: { httpAgent: ofAgent(HttpAgent, { lookup }) } })],
  ['axios.httpsAgent: lookup()', 'https', (lookup) => ({ axios: { httpsAgent: ofAgent(HttpsAgent, { lookup }) } })],
  [
    'axios.httpAgent: createConnection()',
    'http',
    (createConnection) => ({ axios: { httpAgent: Object.assign(new HttpAgent(), { createConnection }) } }),
  ],
  [
    'axios.httpAgent: addRequest()',
    'http',
    (addRequest) => ({ axios: { httpAgent: Object.assign(new HttpAgent(), { addRequest }) } }),
  ],
  [
    'axios.httpsAgent: checkServerIdentity()',
    'https',
    (checkServerIdentity) => ({ axios: { httpsAgent: ofAgent(HttpsAgent, { checkServerIdentity }) } }),
  ],
  [
    'axios.httpsAgent: pskCallback()',
    'https',
    (pskCallback) => ({ axios: { httpsAgent: ofAgent(HttpsAgent, { pskCallback }) } }),
  ],
  ['UndiciTransport: connect()', 'http', (connect) => overUndici({ connect })],
  ['UndiciTransport: connect.lookup()', 'http', (lookup) => overUndici({ connect: { lookup } })],
  [
    'UndiciTransport: connect.checkServerIdentity()',
    'https',
    (checkServerIdentity) => overUndici({ tls: { ca: secure.ca }, connect: { checkServerIdentity } }),
  ],
  ['UndiciTransport: factory()', 'http', (factory) => overUndici({ factory })],
  [
    'UndiciTransport: clientFactory()',
    'http',
    (clientFactory) => overUndici({ proxy: 'http://localhost:1', clientFactory }),
  ],
  ['UndiciTransport: dispatch()', 'http', (dispatch) => overUndici({ dispatch })],
  ["the circuit's release()", 'http', (release) => circuit({ release })],
];

const FAILING: [how: string, failing: () => unknown][] = [
  [
    'rejects',
    async () => {
      throw new Error(SECRET);
    },
  ],
  ['answers a promise that rejects', () => Promise.reject(new Error(SECRET))],
  [
    'throws',
    () => {
      throw new Error(SECRET);
    },
  ],
];

describe.each(SLOTS)('%s', (name, scheme, options) => {
  it.each(FAILING)('a function that %s fails its call alone', async (how, failing) => {
    const { port } = scheme === 'http' ? plain : secure;
    const client = createForgeClient(
      { name: 'orders', baseUrl: `${scheme}://localhost:${port}`, ...options(failing as never) },
      { revealCauses: false },
    );
    clients.push(client);
    const error = await client.get('/').then(
      () => undefined,
      (thrown: unknown) => thrown as { serviceName?: string },
    );
    expect(error?.serviceName).toBe('orders');
    // axios knows async lookups, and most that is thrown is caught where nobody knows the option's name.
    const isTold = how !== 'throws' && !(how === 'rejects' && name === 'axios.lookup()');
    expect(isTold ? renderError(error) : name).toContain(name);
    expect(renderError(error)).not.toContain(SECRET);
    await settled();
    expect(unhandled).toEqual([]);
  });
});

it('a function of a call’s own, and one of a token request’s, is guarded, too', async () => {
  const lookup = (() => Promise.reject(new Error(SECRET))) as never;
  const baseUrl = `http://localhost:${plain.port}`;
  const own = createForgeClient({ name: 'orders', baseUrl });
  const provider = new ClientCredentialsTokenProvider({
    tokenUrl: `${baseUrl}/token`,
    clientId: 'app',
    clientSecret: 'secret',
    http: { axios: { lookup } },
  });
  const token = createForgeClient({ name: 'payments', baseUrl, auth: { provider } });
  clients.push(own, token);
  await expect(own.axiosRef.get('/', { lookup })).rejects.toMatchObject({
    cause: { code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' },
  });
  const error = await token.get('/').catch((thrown: unknown) => thrown);
  expect(renderError(error)).toContain('axios.lookup() threw Error');
  await settled();
  expect(unhandled).toEqual([]);
});

it('an error of a lookup that has a code is one of the network: nothing was sent', async () => {
  const lookup = (() => Promise.reject(Object.assign(new Error(SECRET), { code: 'ENOTFOUND' }))) as never;
  const client = createForgeClient({
    name: 'orders',
    baseUrl: plain.origin.replace('127.0.0.1', 'localhost'),
    axios: { lookup },
  });
  clients.push(client);
  await expect(client.get('/')).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION', nothingSent: true });
});

const home = (_host: string, { all }: { all?: boolean }, callback: (...answer: unknown[]) => void): void =>
  all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);

it('a function that answers in time goes on as before, in an agent that others use, too', async () => {
  const httpAgent = new HttpAgent({ lookup: home } as object);
  for (const axios of [{ httpAgent }, { httpAgent }, { lookup: home as never }]) {
    const client = createForgeClient({ name: 'orders', baseUrl: `http://localhost:${plain.port}`, axios });
    clients.push(client);
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
  }
});

/** Lets Node find rejections that nobody handles. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
