import { ApiKeyAuth } from '../auth/api-key.authenticator.js';
import { BasicAuth } from '../auth/basic.authenticator.js';
import { BearerAuth } from '../auth/bearer.authenticator.js';
import { CompositeAuth } from '../auth/composite.authenticator.js';
import { ConfigurationError } from '../errors.js';
import { HttpClientConfigBuilder } from './http-client-config-builder.js';
import { StaticTokenProvider } from '../providers/grants/static-token.provider.js';
import { ExponentialBackoffRetryStrategy } from '../retry/exponential-backoff.retry.strategy.js';
import { NoRetryStrategy } from '../retry/no.retry.strategy.js';
import { TokenManager } from '../token/token-manager.js';

const builder = (): HttpClientConfigBuilder => new HttpClientConfigBuilder('orders');
const hook = () => (): void => undefined;
const provider = new StaticTokenProvider('token');

describe('HttpClientConfigBuilder', () => {
  it('answers the options of a service', () => {
    const transport = { send: async () => ({ status: 200, headers: {}, body: Buffer.alloc(0), url: '' }) };
    const [before, after, failed] = [hook(), hook(), hook()];
    const options = builder()
      .withBaseUrl('https://orders.example')
      .withTimeout(5_000)
      .withHeaders({ 'X-A': '1', 'X-B': '2' })
      .withHeader('x-a', '3')
      .withVerifySsl(false)
      .withRedirects(true, 3)
      .withRequestHook(before)
      .withResponseHook(after)
      .withErrorHook(failed)
      .withLogging({ headers: true })
      .withTransport(transport)
      .withExcludedPaths(['/health'], ['/public/*'])
      .build();
    expect(options).toEqual({
      name: 'orders',
      baseUrl: 'https://orders.example',
      timeoutMs: 5_000,
      headers: { 'X-B': '2', 'x-a': '3' },
      tls: { rejectUnauthorized: false },
      maxRedirects: 3,
      hooks: { beforeRequest: [before], afterResponse: [after], onError: [failed] },
      logging: { headers: true },
      transport,
      excludedPaths: ['/health'],
      excludedPathPatterns: ['/public/*'],
    });
  });

  it.each([
    ['nothing', builder(), { name: 'orders' }],
    ['no redirects', builder().withRedirects(false), { name: 'orders', maxRedirects: 0 }],
    ['redirects', builder().withRedirects(true), { name: 'orders', maxRedirects: 10 }],
    ['logging', builder().withLogging(), { name: 'orders', logging: true }],
    ['a pool', builder().withPool({ maxSockets: 20 }), { name: 'orders', pool: { maxSockets: 20 } }],
  ])('says %s in as many options', (_name, built, options) => {
    expect(built.build()).toEqual(options);
  });

  it('a builder makes authenticators', () => {
    expect(builder().withBearerToken('t').build().auth).toBeInstanceOf(BearerAuth);
    expect(builder().withApiKey('k').build().auth).toBeInstanceOf(ApiKeyAuth);
    expect(builder().withBasicAuth('user', 'password').build().auth).toBeInstanceOf(BasicAuth);
    const own = new BearerAuth('own');
    expect(builder().withAuth(own).build().auth).toBe(own);
  });

  it('takes a manager, a provider or token options', () => {
    const manager = new TokenManager({ provider });
    expect(builder().withTokenAuth(manager).build().auth).toEqual({ tokenManager: manager });
    expect(builder().withTokenAuth(provider, { warmUp: true }).build().auth).toEqual({ provider, warmUp: true });
    expect(builder().withTokenAuth({ tokenManager: 'other' }).build().auth).toEqual({ tokenManager: 'other' });
    const excluded = builder()
      .withTokenAuth(provider, { excludedPaths: ['/health'], excludedPathPatterns: ['/p/*'] })
      .build();
    expect(excluded).toMatchObject({ auth: { provider }, excludedPaths: ['/health'], excludedPathPatterns: ['/p/*'] });
  });

  it('a builder makes retry strategies', () => {
    const retry = new NoRetryStrategy();
    expect(builder().withRetryStrategy(retry).build().retry).toBe(retry);
    const built = builder().withRetry({ maxRetries: 1 }).build().retry;
    expect(built).toBeInstanceOf(ExponentialBackoffRetryStrategy);
    expect(built?.nextDelayMs({ attempt: 2, status: 503 }, () => 0.5)).toBeUndefined();
  });

  it('puts an API key beside a token', () => {
    const { auth } = builder().withApiKey('key').withTokenAuth(provider).build();
    expect(auth).toBeInstanceOf(CompositeAuth);
    expect((auth as CompositeAuth<unknown>).members).toEqual([expect.any(ApiKeyAuth), { provider }]);
  });

  it.each([
    [
      'two tokens',
      () => builder().withBearerToken('a').withTokenAuth(provider),
      /withBearerToken\(\) and withTokenAuth\(\) both write the header authorization/,
    ],
    [
      'a token and Basic',
      () => builder().withTokenAuth(provider).withBasicAuth('u', 'p'),
      /withTokenAuth\(\) and withBasicAuth\(\)/,
    ],
    [
      'a key and a header of its name',
      () => builder().withApiKey('k').withHeader('x-api-key', 'v'),
      /withApiKey\(\) and withHeader\('x-api-key'\)/,
    ],
    [
      'a header and a token',
      () => builder().withHeader('Authorization', 'v').withBearerToken('t'),
      /both write the header authorization/,
    ],
    [
      'a key in the header of a token',
      () => builder().withApiKey('k', { headerName: 'Authorization' }).withTokenAuth(provider),
      /both write/,
    ],
    [
      'two ways without a header',
      () =>
        builder()
          .withAuth(() => new BearerAuth('x'))
          .withTokenAuth(provider),
      /cannot be combined/,
    ],
    [
      'two retries',
      () => builder().withRetry().withRetryStrategy(new NoRetryStrategy()),
      /withRetry\(\) and withRetryStrategy\(\)/,
    ],
    [
      'a pool and a transport',
      () =>
        builder()
          .withPool({})
          .withTransport({ send: () => Promise.reject(new Error('x')) }),
      /withPool\(\) and withTransport\(\)/,
    ],
    ['no timeout', () => builder().withTimeout(0), /withTimeout\(0\)/],
    ['fewer redirects than none', () => builder().withRedirects(true, -1), /zero or more/],
  ])('refuses %s, by name', (_name, build, message) => {
    const attempt = (): unknown => build().build();
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(/"orders"/);
  });

  it('a builder needs a name', () => {
    expect(() => new HttpClientConfigBuilder('')).toThrow(ConfigurationError);
  });

  it('answers options that nobody can change, as often as wanted', () => {
    const built = builder()
      .withHeader('x-a', '1')
      .withRequestHook(() => undefined);
    const first = built.build();
    const second = built.withHeader('x-b', '2').withTimeout(500).build();
    expect(first).toMatchObject({ headers: { 'x-a': '1' } });
    expect(first.headers).not.toHaveProperty('x-b');
    expect(first).not.toHaveProperty('timeoutMs');
    expect(second).toMatchObject({ headers: { 'x-a': '1', 'x-b': '2' }, timeoutMs: 500 });
    expect([first, first.headers, first.hooks, first.hooks?.beforeRequest].every(Object.isFrozen)).toBe(true);
  });
});
