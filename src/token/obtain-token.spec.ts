import {
  AuthenticationError,
  ConfigurationError,
  ConnectionError,
  TimeoutError,
  TokenRefreshError,
} from '../errors.js';
import { obtainToken } from './obtain-token.js';
import type { FlightReport } from './slot/slot-observer.js';
import { fingerprintOf } from './token-key.js';
import type { BoundTokenProvider, TokenRequestContext } from './token-provider.js';
import { Token } from './token.js';

const PREVIOUS = new Token({
  accessToken: 'canary-access',
  refreshToken: 'canary-refresh',
  idToken: 'canary-id',
  scope: 'read',
  claims: { sub: '7' },
});
const FETCHED = new Token({ accessToken: 'fetched' });

interface Given {
  /** Answers the refresh grant. Left out, the provider has none. */
  readonly refresh?: (report: FlightReport) => Promise<Token>;
  readonly fetch?: () => Promise<Token>;
  readonly rerunnable?: boolean;
  readonly granted?: boolean;
  readonly signal?: AbortSignal;
  readonly reveal?: boolean;
  readonly request?: TokenRequestContext['request'];
}

/** Obtains a token, and records what was done for it. */
function obtaining(previous: Token | undefined, given: Given = {}) {
  const { refresh, rerunnable, granted = true, fetch = async () => FETCHED } = given;
  const log: string[] = [];
  const report = { grant: 'password' } as FlightReport;
  const provider: BoundTokenProvider = {
    ...(rerunnable !== undefined && { rerunnable }),
    fetchToken: async (of) => {
      log.push(`fetch as ${report.grant}${of === context ? '' : ' in another context'}`);
      return fetch();
    },
    ...(refresh && {
      refreshToken: async (current: Token, of: TokenRequestContext) => {
        log.push(`refresh ${current.refreshToken} as ${report.grant}${of === context ? '' : ' in another context'}`);
        return refresh(report);
      },
    }),
  };
  const { signal = new AbortController().signal, request = {} } = given;
  const claim = async () => {
    log.push('claim');
    const release = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      log.push('release');
    };
    return granted ? { release } : undefined;
  };
  const context = { signal, request } as TokenRequestContext;
  const { reveal = false } = given;
  return { log, token: obtainToken(provider, { previous, context, claim, report, reveal }) };
}

const failing = (error: unknown) => async (): Promise<never> => {
  throw error;
};
const REFUSED = new AuthenticationError('It is spent.', { status: 400, error: 'invalid_grant' });

it.each<[string, Token | undefined, Given]>([
  ['none is known', undefined, { refresh: async () => FETCHED }],
  ['the known one has no refresh token', FETCHED, { refresh: async () => FETCHED }],
  ['the provider cannot refresh', PREVIOUS, {}],
])('a token is fetched, and nothing is claimed, where %s', async (_name, previous, given) => {
  const { log, token } = obtaining(previous, given);
  expect([await token, log]).toEqual([FETCHED, ['fetch as password']]);
});

it('a refresh token is claimed before it is sent, and reported as its grant', async () => {
  const { log, token } = obtaining(PREVIOUS, { refresh: async () => new Token({ accessToken: 'new' }) });
  expect((await token).accessToken).toBe('new');
  expect(log).toEqual(['claim', 'refresh canary-refresh as refresh_token']);
});

it('a refresh keeps what its answer leaves out', async () => {
  const { token } = obtaining(PREVIOUS, { refresh: async () => new Token({ accessToken: 'new' }) });
  expect(await token).toMatchObject({
    accessToken: 'new',
    refreshToken: 'canary-refresh',
    idToken: 'canary-id',
    scope: 'read',
    claims: { sub: '7' },
  });
});

it('a refresh takes what its answer brings, as it is', async () => {
  const whole = new Token({
    accessToken: 'new',
    refreshToken: 'r2',
    idToken: 'i2',
    scope: 'write',
    claims: { sub: '8' },
  });
  const { token } = obtaining(PREVIOUS, { refresh: async () => whole });
  expect(await token).toBe(whole);
  const bare = new Token({ accessToken: 'old', refreshToken: 'r' });
  const answer = new Token({ accessToken: 'new', refreshToken: 'r2' });
  expect(await obtaining(bare, { refresh: async () => answer }).token).toBe(answer);
});

describe('a claim that is refused', () => {
  it('a claim that is refused leaves the grant, where that can be run', async () => {
    const { log, token } = obtaining(PREVIOUS, { granted: false, refresh: async () => FETCHED });
    expect([await token, log]).toEqual([FETCHED, ['claim', 'fetch as password']]);
  });

  it('a claim that is refused is a transient failure, where only a person could do more', async () => {
    const given = { granted: false, refresh: async () => FETCHED, rerunnable: false };
    const { log, token } = obtaining(PREVIOUS, given);
    await expect(token).rejects.toMatchObject({
      transient: true,
      message: 'The token is being renewed by another process, which has not announced it yet.',
    });
    expect(log).toEqual(['claim']);
  });
});

describe('a refresh that fails', () => {
  it.each<[string, unknown]>([
    ['was refused', REFUSED],
    ['has no known outcome', new AuthenticationError('?', { status: 502 })],
    ['was cut off', new ConnectionError('x')],
    ['took too long', new TimeoutError('x')],
  ])('a refresh that %s is followed by the grant, under its own name', async (_name, error) => {
    const { log, token } = obtaining(PREVIOUS, { refresh: failing(error) });
    expect(await token).toBe(FETCHED);
    expect(log).toEqual(['claim', 'refresh canary-refresh as refresh_token', 'fetch as password']);
  });

  it.each<[string, unknown]>([
    ['answered that it is down', new AuthenticationError('x', { status: 503 })],
    ['never reached the issuer', new ConnectionError('x', { nothingSent: true })],
    ['is wrongly configured', new ConfigurationError('x')],
  ])('a refresh that %s gives its claim back, and is tried again later', async (_name, error) => {
    for (const rerunnable of [true, false]) {
      const { log, token } = obtaining(PREVIOUS, { refresh: failing(error), rerunnable });
      await expect(token).rejects.toBe(error);
      expect(log.slice(2)).toEqual(['release']);
    }
  });

  it('a refresh that nobody waits for any more keeps its claim, and no grant follows', async () => {
    const caller = new AbortController();
    const error = new ConnectionError('x');
    const refresh = async (): Promise<never> => {
      caller.abort();
      throw error;
    };
    const { log, token } = obtaining(PREVIOUS, { refresh, signal: caller.signal });
    await expect(token).rejects.toBe(error);
    expect(log).toEqual(['claim', 'refresh canary-refresh as refresh_token']);
  });
});

const persons = (error: unknown, subject?: string) =>
  obtaining(PREVIOUS, {
    refresh: failing(error),
    rerunnable: false,
    request: subject === undefined ? {} : { subject },
  });

describe('a person’s refresh token', () => {
  it('a person’s refresh token that is refused fails with an error that says so: they must sign in again', async () => {
    const { log, token } = persons(REFUSED, 'ada');
    const error = await token.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TokenRefreshError);
    expect(error).toMatchObject({
      message: 'It is spent. The refresh token is no good any more: the person must sign in again.',
      status: 400,
      error: 'invalid_grant',
      transient: false,
      cause: REFUSED,
      subject: fingerprintOf(['ada']),
    });
    expect(log).not.toContain('release');
    expect(await persons(REFUSED).token.catch((caught: unknown) => caught)).not.toHaveProperty('subject');
  });

  it('a person’s refresh token that is refused for good is no better for a status that may pass', async () => {
    const refusal = new AuthenticationError('x', { status: 503, transient: false });
    await expect(persons(refusal).token).rejects.toMatchObject({ code: 'FORGE_AUTH_REFRESH_FAILED', transient: false });
  });

  it('a person’s refresh token that is refused without a code names none', async () => {
    const error = await persons(new AuthenticationError('x', { status: 400 })).token.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TokenRefreshError);
    expect(error).not.toHaveProperty('error');
  });

  it.each([
    ...[
      'invalid_client',
      'invalid_request',
      'invalid_scope',
      'invalid_target',
      'unauthorized_client',
      'unsupported_grant_type',
    ].map((code): [string, unknown] => [code, new AuthenticationError('x', { status: 400, error: code })]),
    ['an outcome that nobody knows', new ConnectionError('x')] as [string, unknown],
    ['a gateway that heard nothing', new AuthenticationError('x', { status: 504 })] as [string, unknown],
    ['a refusal without a status', new AuthenticationError('x')] as [string, unknown],
  ])('a person’s refresh token stays good after %s', async (_name, error) => {
    const { log, token } = persons(error);
    await expect(token).rejects.toBe(error);
    expect(log.at(-1)).toBe('release');
  });
});

describe('an error of the provider’s own', () => {
  const message = 'It broke on canary-access, canary-refresh, canary-id and canary-subject-token.';
  const broken = (given: Given) =>
    obtaining(PREVIOUS, {
      fetch: failing(new TypeError(message)),
      request: { subjectToken: 'canary-subject-token' },
      ...given,
    }).token.catch((error: unknown) => error);

  it('an error of the provider’s own is shown in development, without a secret that was sent', async () => {
    const error = await broken({ reveal: true });
    expect(error).toMatchObject({ summary: expect.stringContaining('It broke on') });
    expect((error as { summary: string }).summary).not.toContain('canary');
  });

  it('an error of the provider’s own is named alone otherwise', async () => {
    expect((await broken({})) as { summary: string }).toMatchObject({ summary: 'TypeError' });
  });

  it('an error of the provider’s own is thrown as it is when nobody waits any more', async () => {
    const error = new TypeError(message);
    const { token } = obtaining(undefined, { fetch: failing(error), signal: AbortSignal.abort() });
    await expect(token).rejects.toBe(error);
  });
});
