import axios from 'axios';
import * as fc from 'fast-check';
import { ConfigurationError, InvalidRequestError } from '../errors.js';
import { originOf } from './origin.js';
import { pathBelowBase, prepareBaseUrl, resolveUrl, type BaseUrl } from './url.js';

const base = (url: string): BaseUrl => prepareBaseUrl(url, 'orders');
const api = base('https://orders.example/api');

const bases = fc.constantFrom('https://x.example', 'https://x.example/', 'http://x:8080/api', 'https://x/a%20b/c//');
const urls = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab/.?#&=%2Ee@:\\ \t~\'"é[]{}|^') }),
  fc.string({ unit: 'binary' }),
  fc.webPath().map((path) => path.replace(/^\/{2,}/, '/')),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
);
const resolved = (baseUrl: string, url: string, params?: Record<string, string[]>): string | undefined => {
  try {
    return resolveUrl(base(baseUrl), url, params);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidRequestError);
    return undefined;
  }
};

describe('prepareBaseUrl', () => {
  it.each<[string, Omit<BaseUrl, 'given'>]>([
    ['https://x.example', { href: 'https://x.example/', origin: 'https://x.example', path: '' }],
    ['https://x.example/', { href: 'https://x.example/', origin: 'https://x.example', path: '' }],
    ['HTTPS://X.Example:443/Api', { href: 'https://x.example/Api', origin: 'https://x.example', path: '/Api' }],
    ['http://x:8080/a/../b//', { href: 'http://x:8080/b//', origin: 'http://x:8080', path: '/b' }],
  ])('prepares %s', (url, expected) => {
    expect(base(url)).toEqual({ given: url, ...expected });
    expect(Object.isFrozen(base(url))).toBe(true);
  });

  it.each([
    ['', 'no absolute'],
    ['/api', 'no absolute'],
    ['//x.example', 'without a scheme'],
    ['localhost:3000', 'scheme other than'],
    ['ftp://x.example', 'scheme other than'],
    ['http:x.example', 'scheme other than'],
    ['https:///api', 'no host'],
    ['https://user:secret@x.example', 'user info'],
    ['https://x.example/api?key=secret', 'query'],
    ['https://x.example/api?', 'query'],
    ['https://x.example/api#secret', 'fragment'],
    ['https://x.example\\api', 'backslash'],
    [' https://x.example', 'whitespace'],
    ['https://x.exa\nmple', 'control'],
    ['https://x.example:99999', 'no valid URL'],
    [undefined, 'undefined'],
  ])('refuses %j, naming the service and quoting nothing', (url, problem) => {
    const attempt = (): BaseUrl => base(url as string);
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow(`Service "orders": baseUrl`);
    expect(attempt).toThrow(problem);
    expect(attempt).not.toThrow(/secret/);
  });
});

describe('resolveUrl', () => {
  it.each([
    ['', 'https://orders.example/api'],
    ['/', 'https://orders.example/api/'],
    ['/7', 'https://orders.example/api/7'],
    ['7', 'https://orders.example/api/7'],
    ['?a=1', 'https://orders.example/api/?a=1'],
    ['7?a=1#part', 'https://orders.example/api/7?a=1'],
    ['#part', 'https://orders.example/api'],
    ['/a b', 'https://orders.example/api/a%20b'],
    ['/é', 'https://orders.example/api/%C3%A9'],
    ['/a%2Fb', 'https://orders.example/api/a%2Fb'],
    ['/a//b', 'https://orders.example/api/a//b'],
    ['/users/@me', 'https://orders.example/api/users/@me'],
    ['/urn:isbn:1', 'https://orders.example/api/urn:isbn:1'],
    ['?next=https://u@evil.example\\x', 'https://orders.example/api/?next=https://u@evil.example\\x'],
    ['../admin', 'https://orders.example/admin'],
    ['/%2e%2E/admin', 'https://orders.example/admin'],
    ['..//evil.example', 'https://orders.example//evil.example'],
    ['HTTP://Evil.example:80/x#y', 'http://evil.example/x'],
  ])('resolves %j to %s', (url, expected) => {
    expect(resolveUrl(api, url)).toBe(expected);
  });

  it.each([
    ['//evil.example/x?secret', 'host without a scheme'],
    ['///evil.example', 'host without a scheme'],
    ['/\\evil.example?secret', 'backslash'],
    ['\\\\evil.example', 'backslash'],
    ['a\\b', 'backslash'],
    ['https:\\\\evil.example', 'backslash'],
    ['https://orders.example\\@evil.example', 'backslash'],
    ['https://orders.example@evil.example/', 'user info'],
    ['https://user:secret@orders.example/x', 'user info: https://orders.example/x'],
    ['https://@evil.example/', 'user info'],
    ['/a\tb', 'control'],
    ['/a\r\nx-secret: b', 'control'],
    ['\u0000/a', 'control'],
    ['/a?b=\u007F', 'control'],
    [' /a', 'whitespace'],
    ['/a #b', 'whitespace'],
    ['/a ', 'whitespace'],
    ['ftp://x.example/secret', 'scheme'],
    ['data:text/plain,secret', 'scheme'],
    ['javascript:alert(1)', 'scheme'],
    ['user:secret@orders.example/x', 'scheme'],
    ['http:evil.example', 'scheme'],
    ['https:/evil.example', 'scheme'],
    ['https://', 'no host'],
    ['https:///evil.example', 'no host'],
    ['https://x.example:99999/a?secret', 'no valid URL'],
    [7, 'number'],
  ])('refuses %j and shows no secret', (url, problem) => {
    const attempt = (): string => resolveUrl(api, url as string);
    expect(attempt).toThrow(InvalidRequestError);
    expect(attempt).toThrow(expect.objectContaining({ code: 'FORGE_AUTH_INVALID_REQUEST' }));
    expect(attempt).toThrow(problem);
    expect(attempt).not.toThrow(/secret/);
  });

  it('asks for a base URL when the URL is relative and there is none, without its query', () => {
    expect(() => resolveUrl(undefined, '/orders?key=secret#secret')).toThrow(
      'The URL "/orders" is relative, and the service has no base URL. Set its baseUrl.',
    );
    expect(resolveUrl(undefined, 'https://x.example')).toBe('https://x.example/');
  });

  it.each([
    ['/7', { a: 1 }, 'https://orders.example/api/7?a=1'],
    ['/7?b=2#part', { a: 1 }, 'https://orders.example/api/7?b=2&a=1'],
    ['', { a: 1 }, 'https://orders.example/api?a=1'],
    ['/7', {}, 'https://orders.example/api/7'],
    ['/7', new URLSearchParams('a=1&a=2'), 'https://orders.example/api/7?a=1&a=2'],
  ])('puts parameters behind %j', (url, params, expected) => {
    expect(resolveUrl(api, url, params)).toBe(expected);
  });

  it('sends where axios would send', () => {
    fc.assert(
      fc.property(
        bases,
        urls,
        fc.dictionary(fc.constantFrom('a', 'b c'), fc.array(fc.string())),
        (baseURL, url, params) => {
          const sent = resolved(baseURL, url, params);
          fc.pre(sent !== undefined && !url.startsWith('#'));
          const byAxios = new URL(axios.getUri({ baseURL, url, params }));
          byAxios.hash = '';
          expect(sent).toBe(byAxios.href);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('resolveUrl never leaves the origin of the base by a relative URL', () => {
    fc.assert(
      fc.property(bases, urls, (baseUrl, url) => {
        fc.pre(!/^https?:\/\//i.test(url));
        const sent = resolved(baseUrl, url);
        fc.pre(sent !== undefined);
        expect(originOf(sent)).toBe(base(baseUrl).origin);
      }),
      { numRuns: 1_000 },
    );
  });

  it('answers a URL that no parser changes any more', () => {
    fc.assert(
      fc.property(bases, urls, (baseUrl, url) => {
        const sent = resolved(baseUrl, url);
        fc.pre(sent !== undefined);
        expect(new URL(sent).href).toBe(sent);
        expect(sent).not.toContain('#');
        expect(resolveUrl(undefined, sent)).toBe(sent);
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes plain paths as they are, where no parser would write them otherwise', () => {
    const plain = fc.string({ unit: fc.constantFrom(...'aZ0_~-./?=&%+,:;') }).map((text) => `/${text}`);
    fc.assert(
      fc.property(bases, plain, (baseUrl, url) => {
        const { href } = new URL(`${base(baseUrl).origin}${base(baseUrl).path}/${url.replace(/^\/+/, '')}`);
        const answered = resolved(baseUrl, url);
        expect([undefined, href]).toContain(answered);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('originOf', () => {
  it('answers scheme, host and port', () => {
    expect(originOf('https://user:secret@x.example:8443/a?b#c')).toBe('https://x.example:8443');
    expect(originOf('https://x.example:443/')).toBe('https://x.example');
  });

  it('refuses what is no URL, without quoting it', () => {
    expect(() => originOf('/secret')).toThrow(new InvalidRequestError('The URL is no absolute URL.'));
  });
});

describe('pathBelowBase', () => {
  it.each([
    ['https://orders.example/api', '/'],
    ['https://orders.example/api/', '/'],
    ['https://orders.example/api?a=/b', '/'],
    ['https://orders.example/api/health?a=1', '/health'],
    ['https://orders.example/api/a%20b', '/a%20b'],
    ['https://orders.example/api//health', '//health'],
    ['https://orders.example/apix', undefined],
    ['https://orders.example/API/health', undefined],
    ['https://orders.example/health', undefined],
    ['https://orders.example/?/api/health', undefined],
    ['http://orders.example/api/health', undefined],
    ['https://orders.example:8443/api/health', undefined],
    ['https://orders.example.evil/api/health', undefined],
    ['https://evil.example/https://orders.example/api/health', undefined],
  ])('pathBelowBase of %s is %s', (url, expected) => {
    expect(pathBelowBase(url, api)).toBe(expected);
  });

  it('pathBelowBase ends a base without a path at the end of its host', () => {
    const root = base('https://x.example');
    expect(pathBelowBase('https://x.example/health', root)).toBe('/health');
    expect(pathBelowBase('https://x.example:8080/health', root)).toBeUndefined();
    expect(pathBelowBase('https://x.example.evil/health', root)).toBeUndefined();
  });

  it('pathBelowBase is the whole path without a base', () => {
    expect(pathBelowBase('https://x.example/a/b?c', undefined)).toBe('/a/b');
  });

  it('gives back the path that was put behind the base', () => {
    fc.assert(
      fc.property(fc.constantFrom('https://x', 'https://x/api', 'https://x/a/b/'), fc.webPath(), (baseUrl, path) => {
        fc.pre(path.startsWith('/') && !path.startsWith('//') && !/\/\.{1,2}(\/|$)/.test(path));
        const sent = resolveUrl(base(baseUrl), path, { q: '/x' });
        expect(pathBelowBase(sent, base(baseUrl))).toBe(new URL(path, 'https://x').pathname);
      }),
    );
  });
});
