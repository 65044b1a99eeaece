import {
  AuthenticationError,
  BearerAuth,
  BodyTokenFetcher,
  CompositeAuth,
  CorrelationIdHook,
  createForgeClient,
  ClientCredentialsTokenProvider,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  isForgeAuthError,
  OAuth1Auth,
} from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { renderError } from '../support/render.js';

const SECRET = 'a secret that is quoted';

let server: RecordingServer;
const clients: ForgeHttpClient[] = [];
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', note).on('uncaughtException', note);
  server = await startServer(({ path }, response) => {
    response.writeHead(path === '/503' ? 503 : path === '/401' ? 401 : 200, { 'content-type': 'application/json' });
    response.end('{"ok":true}');
  });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  unhandled.splice(0);
});
afterAll(async () => {
  process.off('unhandledRejection', note).off('uncaughtException', note);
  await server.close();
});

// oxlint-disable-next-line typescript/no-explicit-any -- each stands where an option of another type is expected
type Callback = (...args: any[]) => any;
type Call = (client: ForgeHttpClient) => Promise<unknown>;
const get: Call = (client) => client.get('/');
const denied: Call = (client) => client.get('/401');
const down: Call = (client) => client.get('/503');

const oauth1 = (more: object): OAuth1Auth => new OAuth1Auth({ clientId: 'app', clientSecret: 'secret', ...more });
const closed = { state: 'closed', record: (): void => undefined, release: (): void => undefined };

/** Functions of the app's that must answer at once, each with a call that asks it. */
const AT_ONCE: [name: string, service: (callback: Callback) => Partial<ForgeServiceOptions>, call?: Call][] = [
  ['auth()', (auth) => ({ auth })],
  ['appliesTo()', (appliesTo) => ({ auth: new CompositeAuth([{ authenticate: () => undefined, appliesTo }]) })],
  [
    'auth.retry.delayMs()',
    (delayMs) => ({
      auth: {
        authenticate: () => undefined,
        onRejected: async () => true,
        retry: { maxRetries: 1, shouldRetry: () => true, delayMs },
      },
    }),
    denied,
  ],
  ['retry.nextDelayMs()', (nextDelayMs) => ({ retry: { nextDelayMs } }), down],
  ['createCircuit()', (createCircuit) => ({ retry: { nextDelayMs: () => undefined, createCircuit } })],
  [
    "the circuit's admit()",
    (admit) => ({
      retry: { nextDelayMs: () => undefined, createCircuit: () => ({ ...closed, admit }) as never },
    }),
  ],
  ['validateStatus()', (validateStatus) => ({ validateStatus })],
  ['validateStatus()', (validateStatus) => ({ validateStatus }), (client) => client.axiosRef.get('/')],
  ['nonce()', (nonce) => ({ auth: oauth1({ nonce }) })],
  ['timestamp()', (timestamp) => ({ auth: oauth1({ timestamp }) })],
  [
    'tokens.forSubject()',
    (forSubject) => ({ auth: oauth1({ tokens: { forSubject } }) }),
    (client) => client.get('/', { auth: { subject: 'me' } }),
  ],
  [
    'retry.nextDelayMs()',
    (nextDelayMs) => ({
      auth: {
        pipeline: {
          steps: [
            {
              name: 'app',
              dependsOn: [],
              retry: { nextDelayMs },
              fetch: async () => {
                throw new AuthenticationError('not now', { transient: true });
              },
            },
          ],
        },
      },
    }),
  ],
  [
    'Step "app": requestData()',
    (requestData) => ({
      auth: { pipeline: { steps: [new BodyTokenFetcher({ name: 'app', baseUrl: server.origin, requestData })] } },
    }),
  ],
  [
    'Step "app": requestHeaders()',
    (requestHeaders) => ({
      auth: { pipeline: { steps: [new BodyTokenFetcher({ name: 'app', baseUrl: server.origin, requestHeaders })] } },
    }),
  ],
];

describe('a function that must answer at once', () => {
  it.each(AT_ONCE)('%s is refused by name where it answers a promise, which ends no process', async (name, ...rest) => {
    const [service, call = get] = rest;
    const failing = async (): Promise<never> => {
      throw new Error(SECRET);
    };
    const error = await failure(call(clientWith(service(failing))));
    const shown = renderError(error);
    expect(shown).toContain(`${name} returned a promise`);
    expect(shown).not.toContain(SECRET);
    await settled();
    expect(unhandled).toEqual([]);
  });

  it('a function that must answer at once is refused in a call of its own, too: validateStatus, paramsSerializer', async () => {
    const client = clientWith({});
    const failing = (async () => {
      throw new Error(SECRET);
    }) as never;
    expect(renderError(await failure(client.get('/', { validateStatus: failing })))).toContain('returned a promise');
    for (const paramsSerializer of [failing, { serialize: failing }]) {
      const call = client.axiosRef.get('/', { params: { a: 1 }, paramsSerializer });
      expect(renderError(await failure(call))).toContain('returned a promise');
    }
    await settled();
    expect(unhandled).toEqual([]);
  });

  it('a function that must answer at once is refused where a hook of ours asks it, too', async () => {
    const generate = (async () => {
      throw new Error(SECRET);
    }) as never;
    const client = clientWith({ hooks: { beforeRequest: new CorrelationIdHook({ generate }) } });
    expect((await failure(client.get('/'))).message).toContain('generate() returned a promise');
    await settled();
    expect(unhandled).toEqual([]);
  });
});

describe('createCircuit()', () => {
  it.each<[string, unknown]>([
    ['an error', new RangeError(SECRET)],
    ['a text', SECRET],
    ['nothing', undefined],
  ])(
    'createCircuit() that throws %s is a configuration error, on every face, without its message',
    async (_what, thrown) => {
      const createCircuit = (): never => {
        throw thrown;
      };
      const client = clientWith({ retry: { nextDelayMs: () => undefined, createCircuit } });
      for (const call of [client.get('/'), client.axiosRef.get('/'), client.fetch('/')]) {
        const error = await failure(call);
        expect(renderError(error)).toContain('Service "orders": retry.createCircuit() threw');
        expect(renderError(error)).not.toContain(SECRET);
        expect([error.code, (error.cause as { code?: string } | undefined)?.code]).toContain(
          'FORGE_AUTH_CONFIGURATION',
        );
      }
    },
  );

  it('createCircuit() that answers no circuit is a configuration error', async () => {
    const client = clientWith({ retry: { nextDelayMs: () => undefined, createCircuit: () => ({}) as never } });
    expect((await failure(client.get('/'))).message).toContain('must return an object with a method admit()');
  });
});

/** Answers every question by an error. */
const unreadable = (target: object): unknown =>
  new Proxy(
    target,
    Object.fromEntries(
      ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor'].map((trap) => [
        trap,
        () => {
          throw new Error(SECRET);
        },
      ]),
    ),
  );

describe.each<[string, (thrown: () => never) => Partial<ForgeServiceOptions>, Call?]>([
  ['an authenticator', (authenticate) => ({ auth: { authenticate } })],
  ['a judge of answers', (onResponse) => ({ auth: { authenticate: () => undefined, onResponse } })],
  ['a credential', (read) => ({ auth: new BearerAuth(read) })],
  ['a provider', (fetchToken) => ({ auth: { provider: { fetchToken } } })],
  ['a secret', (clientSecret) => ({ auth: { provider: granted(clientSecret) } })],
  ['a retry strategy', (nextDelayMs) => ({ retry: { nextDelayMs } }), down],
  ['a transport', (send) => ({ transport: { send } })],
  ['validateStatus', (validateStatus) => ({ validateStatus })],
  ['a body function', () => ({})],
])('what %s throws', (what, service, call = get) => {
  it.each<[string, () => unknown]>([
    ['an unreadable object', () => unreadable({})],
    ['an unreadable function', () => unreadable(() => undefined)],
    ['an unreadable error', () => unreadable(new Error(SECRET))],
    ['a frozen error', () => Object.freeze(new Error(SECRET))],
  ])('%s is wrapped like any other error', async (_kind, make) => {
    const broken = (): never => {
      throw make();
    };
    const client = clientWith(service(broken));
    const error = await failure(what === 'a body function' ? client.post('/', broken) : call(client));
    expect(isForgeAuthError(error)).toBe(true);
    expect(renderError(error)).not.toContain(SECRET);
  });
});

describe('a progress callback of axios', () => {
  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error(SECRET);
      },
    ],
    ['rejects', () => Promise.reject(new Error(SECRET))],
  ])('a progress callback of axios that %s fails neither the call nor the process', async (_how, report) => {
    const warnings: string[] = [];
    const logger = {
      log: () => undefined,
      error: () => undefined,
      warn: (line: unknown) => void warnings.push(String(line)),
    };
    const client = clientWith({}, logger);
    const { data } = await client.axiosRef.post('/', 'some text', {
      onUploadProgress: report as () => void,
      onDownloadProgress: report as () => void,
    });
    expect(data).toEqual({ ok: true });
    await settled();
    expect(unhandled).toEqual([]);
    expect(warnings.join()).toContain('A progress callback of service "orders" failed');
    expect(warnings.join()).not.toContain(SECRET);
  });
});

it('an error hook that never ends holds no call longer than an attempt may take', async () => {
  const client = clientWith({ timeoutMs: 60, hooks: { onError: () => new Promise(() => undefined) } });
  expect((await failure(client.get('/503'))).code).toBe('FORGE_AUTH_HTTP_STATUS');
});

function granted(clientSecret: () => never): ClientCredentialsTokenProvider {
  return new ClientCredentialsTokenProvider({ tokenUrl: `${server.origin}/token`, clientId: 'app', clientSecret });
}

function clientWith(service: Partial<ForgeServiceOptions>, logger?: never | object): ForgeHttpClient {
  const options = { revealCauses: false, ...(logger === undefined ? undefined : { logger: logger as never }) };
  const client = createForgeClient({ name: 'orders', baseUrl: server.origin, ...service }, options);
  clients.push(client);
  return client;
}

/** Lets Node find rejections that nobody handles. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

async function failure(attempt: Promise<unknown>): Promise<{ code?: string; message: string; cause?: unknown }> {
  return attempt.then(
    () => ({ message: 'nothing failed' }),
    (error: unknown) => error as { message: string },
  );
}
