import { BearerAuth } from '../../auth/bearer.authenticator.js';
import { systemClock } from '../../clock.js';
import { silentLogger } from '../../logger.js';
import { InvalidRequestError, OriginNotAllowedError } from '../../errors.js';
import { prepareBaseUrl } from '../../http/url.js';
import { CallScope } from './call-scope.js';
import type { CallRequest } from './call-request.js';
import { OriginPolicy } from '../layers/origin-policy.js';
import { buildRequest } from './request-builder.js';
import type { ForgeRequest } from './request-config.js';
import type { ResolvedService } from '../resolved-service.js';

const base = prepareBaseUrl('https://api.example/v1', 'orders');
const auth = new BearerAuth('token');

function serviceWith(more: Partial<ResolvedService> = {}): ResolvedService {
  return {
    name: 'orders',
    base,
    origins: new OriginPolicy('orders', base, ['https://files.example']),
    excluded: undefined,
    authenticator: auth,
    usesTokens: false,
    replaceCredential: false,
    headers: { accept: 'application/json', 'x-tenant': 'a' },
    params: undefined,
    timeoutMs: 30_000,
    totalTimeoutMs: undefined,
    retry: undefined,
    maxRedirects: 10,
    maxContentLength: undefined,
    revealCauses: true,
    validateStatus: () => true,
    hooks: undefined,
    logging: undefined,
    transport: { send: () => Promise.reject(new Error('not here')) },
    ownsTransport: false,
    clock: systemClock,
    logger: silentLogger,
    ...more,
  };
}

function build(config: ForgeRequest, more: Partial<ResolvedService> = {}): CallRequest {
  return buildRequest(serviceWith(more), config, new CallScope());
}

describe('buildRequest', () => {
  it('makes a GET of the base URL of nothing', () => {
    expect(build({})).toMatchObject({
      method: 'GET',
      url: 'https://api.example/v1',
      body: undefined,
      responseType: 'json',
      call: {
        timeoutMs: 30_000,
        totalTimeoutMs: Number.POSITIVE_INFINITY,
        maxRedirects: 10,
        authenticator: auth,
        retry: true,
      },
    });
  });

  it('merges the headers of the call over those of the service, whatever their case', () => {
    const { headers } = build({ headers: { 'X-Tenant': 'b', 'X-Number': 1, 'X-List': ['a', 'b'], Accept: null } });
    expect(headers).toEqual({ 'x-tenant': 'b', 'x-number': '1', 'x-list': ['a', 'b'] });
  });

  it('changes nothing of the service', () => {
    const headers = Object.freeze({ accept: 'a/b' });
    build({ headers: { accept: null, 'x-a': '1' } }, { headers });
    expect(headers).toEqual({ accept: 'a/b' });
  });

  it.each<[string, Record<string, string>]>([
    ['a line break in a value', { 'x-a': 'a\r\nx-b: c' }],
    ['a bare line feed', { 'x-a': 'a\nb' }],
    ['a null byte', { 'x-a': 'a\0' }],
    ['a control character', { 'x-a': 'a\u0001' }],
    ['what is beyond Latin-1', { 'x-a': '日本' }],
    ['a line break in a name', { 'x-a\r\nx-b': 'c' }],
    ['a blank in a name', { 'x a': 'c' }],
    ['no name', { '': 'c' }],
    ['a name that objects cannot have', JSON.parse('{"__proto__":"c"}') as Record<string, string>],
  ])('refuses a header with %s, and quotes nothing of it', (_name, headers) => {
    const attempt = (): unknown => build({ headers });
    expect(attempt).toThrow(InvalidRequestError);
    expect(attempt).not.toThrow(/x-[ab]|日本/);
  });

  it("puts the service's parameters behind those of the call, which win", () => {
    const params = { tenant: 'a', ids: [1, 2], mine: 'default' };
    expect(build({ url: '/x?q=%FF', params: { mine: 'own' } }, { params }).url).toBe(
      'https://api.example/v1/x?q=%FF&mine=own&tenant=a&ids%5B%5D=1&ids%5B%5D=2',
    );
    expect(build({ url: '/x' }, { params: {} }).url).toBe('https://api.example/v1/x');
  });

  it('gives another origin neither parameters nor headers of the service that may be secret', () => {
    const request = build({ url: 'https://other.example/x', auth: false }, { params: { key: 'k' } });
    expect(request.url).toBe('https://other.example/x');
    expect(request.headers).toEqual({ accept: 'application/json' });
  });

  it('gives an allowed origin both', () => {
    const request = build({ url: 'https://files.example/x' }, { params: { key: 'k' } });
    expect(request.url).toBe('https://files.example/x?key=k');
    expect(request.headers).toMatchObject({ 'x-tenant': 'a' });
  });

  it('refuses another origin unless nobody authenticates', () => {
    expect(() => build({ url: 'https://other.example/' })).toThrow(OriginNotAllowedError);
    expect(() => build({ url: 'https://other.example/', auth: new BearerAuth('x') })).toThrow(OriginNotAllowedError);
    expect(() => build({ url: 'https://other.example/' }, { authenticator: false })).not.toThrow();
  });

  it.each<[string, ForgeRequest]>([
    ['a method that is no word', { method: 'GET /x HTTP/1.1\r\n' }],
    ['an empty method', { method: '' }],
    ['a timeout of zero', { timeoutMs: 0 }],
    ['a negative timeout', { totalTimeoutMs: -1 }],
    ['a timeout that is no number', { timeoutMs: Number.NaN }],
    ['a timeout as text', { totalTimeoutMs: '5000' as unknown as number }],
    ['negative redirects', { maxRedirects: -1 }],
    ['redirects that are no number', { maxRedirects: Number.NaN }],
    ['a response type that it does not know', { responseType: 'blob' as unknown as 'json' }],
    ['token parameters for a service without tokens', { auth: { scope: 'read' } }],
    ['an auth that is none', { auth: true as unknown as false }],
    ['a URL that is no text', { url: 5 as unknown as string }],
    ['parameters that are no object', { params: 'a=b' as unknown as Record<string, unknown> }],
  ])('refuses %s', (_name, config) => {
    expect(() => build(config)).toThrow(InvalidRequestError);
  });

  it('takes the call’s own limits before those of the service', () => {
    const { call } = build({ timeoutMs: 1, totalTimeoutMs: 2, maxRedirects: 0, retry: false, idempotent: true });
    expect(call).toMatchObject({ timeoutMs: 1, maxRedirects: 0, retry: false, idempotent: true });
    expect(call.totalTimeoutMs).toBe(2);
  });

  it('takes the total timeout of the service', () => {
    const { call } = build({}, { totalTimeoutMs: 7 });
    expect(call.totalTimeoutMs).toBe(7);
  });

  it('asks the service’s tokens for the parameters of the call', () => {
    const { call } = build({ auth: { scope: 'write' } }, { usesTokens: true });
    expect(call).toMatchObject({ authenticator: auth, tokenRequest: { scope: 'write' } });
  });
});
