import { expect, it } from '@jest/globals';
import {
  ConfigurationError,
  createForgeClient,
  HttpClientConfigBuilder,
  type ForgeServiceOptions,
} from '../../src/index.js';

type Builder = InstanceType<typeof HttpClientConfigBuilder>;

/** Every method of the builder, with values that it cannot take. */
const WRONG: Record<string, readonly (readonly unknown[])[]> = {
  withBaseUrl: [[5], ['orders.example'], [''], [{}]],
  withTimeout: [[0], ['soon'], [Number.NaN], [{}]],
  withHeaders: [[null], ['x-tenant: acme'], [undefined]],
  withHeader: [
    [5, 'x'],
    ['', 'x'],
    [undefined, 'x'],
    ['x-tenant', { acme: true }],
    ['x-tenant', () => 'acme'],
    ['bad name', 'x'],
  ],
  withBearerToken: [[''], [undefined], [5], ['a\nb']],
  withApiKey: [[''], [undefined], ['key', { header: 'x-key' }], ['key', 'x-key'], ['key', { headerName: 'bad name' }]],
  withBasicAuth: [
    ['', 'p'],
    [undefined, 'p'],
    ['user', undefined],
    ['us:er', 'p'],
  ],
  withTokenAuth: [
    [undefined],
    ['token'],
    [{ provider: { fetchToken: () => undefined }, refreshWindow: 5 }],
    [{ provider: { fetchToken: () => undefined } }, { excludedPaths: '/health' }],
    [{ provider: { fetchToken: () => undefined } }, { placement: 'cookie' }],
    [{ provider: { fetchToken: () => undefined } }, 'header'],
  ],
  withAuth: [['token'], [() => 'token'], [5], [{ provder: {} }]],
  withExcludedPaths: [['/health'], [5], [['/health'], '/public/**'], [['/health/**']], [[5]]],
  withVerifySsl: [['false'], [0], [undefined]],
  withRedirects: [['no'], [true, -1], [true, 'many']],
  withRetryStrategy: [[5], ['exponential'], [{}]],
  withRetry: [[{ retries: 5 }], [{ maxRetries: -1 }], [{ baseDelayMs: 'soon' }], [5]],
  withRequestHook: [[5], ['log'], [{ onRequest: () => undefined }]],
  withResponseHook: [[5], ['log'], [{ onResponse: () => undefined }]],
  withErrorHook: [[5], ['log'], [{ onFailure: () => undefined }]],
  withLogging: [['debug'], [5], [{ level: 'debug' }]],
  withTransport: [[5], [{}], [{ fetch: () => undefined }]],
  withPool: [[5], [{ sockets: 5 }], [{ maxSockets: 'many' }]],
};

const methods = Object.getOwnPropertyNames(HttpClientConfigBuilder.prototype).filter((name) => name.startsWith('with'));

it('knows every method of the builder', () => {
  expect(Object.keys(WRONG).sort()).toEqual([...methods].sort());
});

it.each(
  Object.entries(WRONG).flatMap(([name, calls]) => calls.map((given): [string, readonly unknown[]] => [name, given])),
)('refuses %s(%j) with a ConfigurationError that names the service', async (name, given) => {
  const attempt = async (): Promise<unknown> => {
    const builder = new HttpClientConfigBuilder('orders') as Builder & Record<string, (...args: never[]) => Builder>;
    if (name !== 'withBaseUrl') builder.withBaseUrl('http://127.0.0.1:1');
    const options = builder[name]?.(...(given as never[])).build() as ForgeServiceOptions;
    await using client = createForgeClient(options);
    return await client.get('/');
  };
  const error: unknown = await attempt().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigurationError);
});
