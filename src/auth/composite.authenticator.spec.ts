import { ConfigurationError } from '../errors.js';
import { ForgeResponse } from '../http/forge-response.js';
import { NoAuthRetryStrategy } from '../retry/no.auth-retry.strategy.js';
import { SimpleAuthRetryStrategy } from '../retry/simple.auth-retry.strategy.js';
import { ApiKeyAuth } from './api-key.authenticator.js';
import { authenticatedRequest } from './authenticated-request.fixture.js';
import type { AuthenticatedRequest, Authenticator } from './authenticator.js';
import { BearerAuth } from './bearer.authenticator.js';
import { CompositeAuth, credentialHeadersOf, credentialParametersOf } from './composite.authenticator.js';

function requestTo(path: string, headers: AuthenticatedRequest['headers'] = {}): AuthenticatedRequest {
  return authenticatedRequest({ url: `https://api.example${path}`, headers });
}

async function headersOf(authenticator: Authenticator, path = '/', given = {}): Promise<object> {
  const request = requestTo(path, given);
  await authenticator.authenticate(request);
  return request.headers;
}

const answer = (request: AuthenticatedRequest): ForgeResponse =>
  new ForgeResponse(request, { status: 401, headers: {}, body: Buffer.alloc(0), url: request.url });

/** Writes its name, for paths that start with its own. */
function member(name: string, more: Partial<Authenticator> = {}): Authenticator {
  return {
    authenticate: (request) => void (request.headers[`x-${name}`] = name),
    appliesTo: (request) => new URL(request.url).pathname.startsWith(`/${name}`),
    ...more,
  };
}

describe('CompositeAuth', () => {
  it('lets the first that applies write, by default', async () => {
    const composite = new CompositeAuth([member('a'), member('b'), new BearerAuth('rest')]);
    expect(await headersOf(composite, '/a')).toEqual({ 'x-a': 'a' });
    expect(await headersOf(composite, '/b')).toEqual({ 'x-b': 'b' });
    expect(await headersOf(composite, '/c')).toEqual({ authorization: 'Bearer rest' });
  });

  it('lets all that apply write', async () => {
    const members = [member('a'), new ApiKeyAuth('k'), new BearerAuth('t')];
    const composite = new CompositeAuth(members, { strategy: 'all' });
    expect(await headersOf(composite, '/a')).toEqual({ 'x-a': 'a', 'x-api-key': 'k', authorization: 'Bearer t' });
    expect(await headersOf(composite, '/b')).toEqual({ 'x-api-key': 'k', authorization: 'Bearer t' });
  });

  it('leaves a header alone that the call has set', async () => {
    const composite = new CompositeAuth([new ApiKeyAuth('k'), new BearerAuth('t')], { strategy: 'all' });
    expect(await headersOf(composite, '/', { authorization: 'Own' })).toEqual({
      'x-api-key': 'k',
      authorization: 'Own',
    });
  });

  it('applies where one of its members does', () => {
    const composite = new CompositeAuth([member('a'), member('b')]);
    expect(composite.appliesTo(requestTo('/b'))).toBe(true);
    expect(composite.appliesTo(requestTo('/c'))).toBe(false);
  });

  it.each([
    ['first_match', ['a']],
    ['all', ['a', 'b']],
  ] as const)('asks about an answer those who wrote: %s', async (strategy, expected) => {
    const asked: string[] = [];
    const asking = (name: string): Authenticator =>
      member(name, {
        appliesTo: () => true,
        credentialHeaders: [`x-${name}`],
        onRejected: async () => (asked.push(name), name === 'b'),
      });
    const composite = new CompositeAuth([asking('a'), asking('b'), asking('own')], { strategy });
    const request = requestTo('/', { 'x-own': 'of the call' });
    expect(await composite.onResponse(answer(request), request)).toBe('accepted');
    await composite.authenticate(request);
    expect(await composite.onResponse(answer(request), request)).toBe(strategy === 'all' ? 'replaced' : 'rejected');
    expect(asked).toEqual(expected);
  });

  it.each([
    [['accepted', 'rejected'], 'rejected'],
    [['rejected', 'resend', 'accepted'], 'resend'],
    [['resend', 'replaced'], 'replaced'],
    [['accepted', 'accepted'], 'accepted'],
  ] as const)('makes one verdict of %p', async (verdicts, expected) => {
    const members = verdicts.map((verdict, index) =>
      member(`${index}`, { appliesTo: () => true, onResponse: () => verdict }),
    );
    const composite = new CompositeAuth(members, { strategy: 'all' });
    const request = requestTo('/');
    await composite.authenticate(request);
    expect(await composite.onResponse(answer(request), request)).toBe(expected);
  });

  it('CompositeAuth is as patient as the most patient of its members', () => {
    const patient = new SimpleAuthRetryStrategy({ maxRetries: 3 });
    const members = [member('a', { retry: new NoAuthRetryStrategy() }), member('b', { retry: patient }), member('c')];
    expect(new CompositeAuth(members).retry).toBe(patient);
    expect(new CompositeAuth([member('c')]).retry).toBeUndefined();
  });

  it('CompositeAuth has those write last that sign, and the others in their order', async () => {
    const order: string[] = [];
    const noting = (name: string, signsRequest?: boolean): Authenticator => ({
      authenticate: () => void order.push(name),
      ...(signsRequest === undefined ? undefined : { signsRequest }),
    });
    const members = [noting('signs', true), noting('a', false), noting('signs too', true), noting('b')];
    await headersOf(new CompositeAuth(members, { strategy: 'all' }));
    expect(order).toEqual(['a', 'b', 'signs', 'signs too']);
  });

  it('writes the headers of its members, those of composites among them too', () => {
    const inner = new CompositeAuth([new BearerAuth('t'), member('a')]);
    expect(credentialHeadersOf(new CompositeAuth([new ApiKeyAuth('k'), inner]))).toEqual([
      'x-api-key',
      'authorization',
    ]);
    expect(credentialHeadersOf(inner)).toEqual(['authorization']);
    expect(credentialHeadersOf(new ApiKeyAuth('k'))).toEqual(['x-api-key']);
  });

  it('writes the parameters of its members, each in its place', () => {
    const inForm: Authenticator = { authenticate: () => undefined, credentialParameters: { form: ['f'] } };
    const inQuery = new ApiKeyAuth('k', { in: 'query', headerName: 'q' });
    const inner = new CompositeAuth([inForm, new BearerAuth('t')]);
    expect(credentialParametersOf(new CompositeAuth([inQuery, inner]))).toEqual({ query: ['q'], form: ['f'] });
    expect(credentialParametersOf(inQuery)).toEqual({ query: ['q'], form: [] });
    expect(credentialParametersOf(new CompositeAuth([new BearerAuth('t')]))).toEqual({ query: [], form: [] });
  });

  it('leaves a member alone whose parameter the call has brought', async () => {
    const composite = new CompositeAuth([new ApiKeyAuth('k', { in: 'query', headerName: 'q' }), new BearerAuth('t')], {
      strategy: 'all',
    });
    const request = { ...requestTo('/'), ownParameters: new Set(['q']) };
    await composite.authenticate(request);
    expect([request.url, request.headers]).toEqual(['https://api.example/', { authorization: 'Bearer t' }]);
  });

  it.each(['first_match', 'all'] as const)(
    'a CompositeAuth is of the same kind when its members are made: %s',
    async (strategy) => {
      const made = new CompositeAuth(['a', 'b'], { strategy }).resolve((name) =>
        member(name, { appliesTo: () => true }),
      );
      expect(await headersOf(made)).toEqual(strategy === 'all' ? { 'x-a': 'a', 'x-b': 'b' } : { 'x-a': 'a' });
      expect(new CompositeAuth(['a', 'b']).members).toEqual(['a', 'b']);
    },
  );

  it('refuses to send a request for members that are not ready, instead of sending it bare', async () => {
    const composite = new CompositeAuth([{ provider: {} }] as unknown as Authenticator[]);
    await expect(headersOf(composite)).rejects.toThrow(ConfigurationError);
  });

  it('fails when one of its members does, whatever others have written', async () => {
    const failing = new BearerAuth(() => {
      throw new Error('no');
    });
    const composite = new CompositeAuth([new ApiKeyAuth('k'), failing], { strategy: 'all' });
    await expect(headersOf(composite)).rejects.toMatchObject({ code: 'FORGE_AUTH_CREDENTIAL_FAILED' });
  });

  it('refuses an unknown strategy, and a list that is empty or none', () => {
    expect(() => new CompositeAuth([member('a')], { strategy: 'any' as 'all' })).toThrow(ConfigurationError);
    expect(() => new CompositeAuth([])).toThrow(ConfigurationError);
    expect(() => new CompositeAuth('a' as unknown as Authenticator[])).toThrow(ConfigurationError);
  });
});
