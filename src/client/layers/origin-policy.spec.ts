import * as fc from 'fast-check';
import { ConfigurationError, OriginNotAllowedError } from '../../errors.js';
import { prepareBaseUrl } from '../../http/url.js';
import { OriginPolicy } from './origin-policy.js';

const base = prepareBaseUrl('https://api.example/v1', 'orders');
const policy = new OriginPolicy('orders', base, ['https://files.example', 'http://127.0.0.1:8080/']);

const withWildcard = (): unknown => new OriginPolicy('orders', base, ['https://*.example']);

describe('OriginPolicy', () => {
  it.each([
    ['https://api.example/v1/a', true],
    ['https://api.example/', true],
    ['https://files.example/a?b', true],
    ['http://127.0.0.1:8080/', true],
    ['http://api.example/v1/a', false],
    ['https://api.example:8443/', false],
    ['https://api.example.evil/', false],
    ['https://evil.example/https://api.example/', false],
    ['https://sub.api.example/', false],
    ['http://127.0.0.1:8081/', false],
    ['http://files.example/', false],
  ])('lets a credential go to %s: %s', (url, allowed) => {
    expect(policy.allows(url)).toBe(allowed);
  });

  it('lets no credential go anywhere without a base and allowed origins', () => {
    expect(new OriginPolicy('orders', undefined, []).allows('https://api.example/')).toBe(false);
  });

  it('says how to allow an origin, without the query', () => {
    const url = 'https://evil.example/a?token=secret';
    expect(() => policy.assertAllows(url)).toThrow(OriginNotAllowedError);
    expect(() => policy.assertAllows(url)).toThrow(expect.objectContaining({ serviceName: 'orders' }) as Error);
    expect(policy.assertAllows('https://api.example/a')).toBeUndefined();
    expect(() => policy.assertAllows(url)).toThrow(
      /^https:\/\/evil\.example\/a is not of service "orders".*allowedOrigins.*auth: false/,
    );
  });

  it('takes an origin with a bare slash at its end, and in whatever case', () => {
    expect(
      new OriginPolicy('orders', undefined, ['HTTPS://Files.Example:443/']).allows('https://files.example/a'),
    ).toBe(true);
  });

  it('says of a wildcard that it would match nothing', () => {
    expect(withWildcard).toThrow(/holds a wildcard, which would match nothing/);
    expect(withWildcard).toThrow(expect.objectContaining({ serviceName: 'orders' }) as Error);
  });

  it.each([
    'https://%2a.example',
    'https://%2A.example',
    'https://＊.example',
    'https://﹡.example',
    'https://a*b.example',
  ])('knows a wildcard in whatever way it is written: %s', (origin) => {
    expect(() => new OriginPolicy('orders', base, [origin])).toThrow(/holds a wildcard/);
  });

  it.each([
    'https://{a,b}.example',
    'https://:p@files.example',
    'https://files.example#a',
    'files.example',
    'https://files.example/?a',
    'https://files.example/a',
    'https://u@files.example',
    'ftp://files.example',
    'https://.files.example',
    'https://files..example',
    '*',
    '',
  ])('refuses to allow %p', (origin) => {
    const attempt = (): unknown => new OriginPolicy('orders', base, [origin]);
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow('Service "orders": allowedOrigins');
    expect(attempt).toThrow(expect.objectContaining({ serviceName: 'orders' }) as Error);
  });

  it('allows exactly the URLs whose origin is one of its own', () => {
    const origins = ['https://api.example', 'https://files.example', 'http://127.0.0.1:8080'];
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), (url) => {
        const { href, origin } = new URL(url);
        expect(policy.allows(href)).toBe(origins.includes(origin));
      }),
    );
  });
});
