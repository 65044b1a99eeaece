import { inspect } from 'node:util';
import * as errors from './errors.js';
import {
  AuthenticationError,
  CircuitOpenError,
  ClientClosedError,
  ConfigurationError,
  ConnectionError,
  ForgeAuthError,
  HttpStatusError,
  InvalidRequestError,
  isAuthenticationError,
  isForgeAuthError,
  OriginNotAllowedError,
  ResponseParseError,
  TimeoutError,
  TlsError,
  TokenRefreshError,
} from './errors.js';

const CANARY = 'canary-4711-secret';
const answer = { status: 503, headers: { 'set-cookie': CANARY }, data: { secret: CANARY } };

const made: readonly [string, ForgeAuthError, string][] = [
  ['ConfigurationError', new ConfigurationError('x'), 'FORGE_AUTH_CONFIGURATION'],
  ['AuthenticationError', new AuthenticationError('x'), 'FORGE_AUTH_TOKEN_REQUEST_FAILED'],
  ['TokenRefreshError', new TokenRefreshError('x'), 'FORGE_AUTH_REFRESH_FAILED'],
  ['HttpStatusError', new HttpStatusError('x', answer), 'FORGE_AUTH_HTTP_STATUS'],
  ['ConnectionError', new ConnectionError('x'), 'FORGE_AUTH_CONNECTION'],
  ['TimeoutError', new TimeoutError('x'), 'FORGE_AUTH_TIMEOUT'],
  ['TlsError', new TlsError('x'), 'FORGE_AUTH_TLS'],
  ['ResponseParseError', new ResponseParseError('x'), 'FORGE_AUTH_RESPONSE_PARSE'],
  ['OriginNotAllowedError', new OriginNotAllowedError('x'), 'FORGE_AUTH_ORIGIN_NOT_ALLOWED'],
  ['InvalidRequestError', new InvalidRequestError('x'), 'FORGE_AUTH_INVALID_REQUEST'],
  ['CircuitOpenError', new CircuitOpenError('x'), 'FORGE_AUTH_CIRCUIT_OPEN'],
  ['ClientClosedError', new ClientClosedError('x'), 'FORGE_AUTH_CLIENT_CLOSED'],
];

describe('errors', () => {
  it.each(made)('%s has its name, its code, and one base', (name, error, code) => {
    expect([error.name, error.code, error.message]).toEqual([name, code, 'x']);
    expect(error).toBeInstanceOf(ForgeAuthError);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe(`${name}: x`);
    expect(error.stack).toContain('errors.spec');
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ name, code, message: 'x' });
    expect(isForgeAuthError(error)).toBe(true);
    expect(isAuthenticationError(error)).toBe(error instanceof AuthenticationError);
  });

  it('errors are all in the table above', () => {
    const classes = Object.values(errors).filter((value) => ForgeAuthError.isPrototypeOf(value)) as { name: string }[];
    expect(classes.map(({ name }) => name).sort()).toEqual(made.map(([name]) => name).sort());
  });

  it('errors copy a foreign cause without its message and data', () => {
    const cause = Object.assign(new Error(CANARY), { code: 'ECONNRESET', body: CANARY });
    const error = new ConnectionError('failed', { cause });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(CANARY);
    expect(error.cause).toMatchObject({ code: 'ECONNRESET' });
    expect(Object.keys(error)).toEqual(['code']);
  });

  it('errors keep a cause of their own kind as it is', () => {
    const cause = new TimeoutError('slow');
    expect(new AuthenticationError('failed', { cause }).cause).toBe(cause);
    expect('cause' in new AuthenticationError('failed')).toBe(false);
  });

  it('errors name service and attempts where they are known, and nothing where they are not', () => {
    const error = new TimeoutError('slow', { serviceName: 'orders' });
    error.attempts = 3;
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'TimeoutError',
      message: 'slow',
      code: 'FORGE_AUTH_TIMEOUT',
      serviceName: 'orders',
      attempts: 3,
    });
    expect(Object.keys(new TimeoutError('slow'))).toEqual(['code']);
  });
});

describe('HttpStatusError', () => {
  it('returns what the service answered, and never prints it', () => {
    const error = new HttpStatusError('GET https://x/ answered 503.', answer);
    expect([error.status, error.headers, error.data]).toEqual([503, answer.headers, answer.data]);
    const shown = [inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), String(error), error.stack];
    expect(shown.join()).not.toContain(CANARY);
  });
});

describe('AuthenticationError', () => {
  it('keeps the words of the endpoint, and never prints its description', () => {
    const error = new AuthenticationError('refused', {
      code: 'FORGE_AUTH_TOKEN_REFUSED',
      error: 'invalid_client',
      errorDescription: CANARY,
      status: 401,
      step: 'app_token',
      transient: true,
      retryAfterMs: 5_000,
    });
    expect([error.errorDescription, error.transient, error.retryAfterMs]).toEqual([CANARY, true, 5_000]);
    expect(inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)).not.toContain(CANARY);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'AuthenticationError',
      message: 'refused',
      code: 'FORGE_AUTH_TOKEN_REFUSED',
      error: 'invalid_client',
      status: 401,
      step: 'app_token',
    });
  });

  it('AuthenticationError is no passing failure unless it says so', () => {
    const { transient, retryAfterMs, errorDescription } = new AuthenticationError('x');
    expect([transient, retryAfterMs, errorDescription]).toEqual([false, undefined, undefined]);
  });
});

describe('ConnectionError', () => {
  it('claims that nothing was sent only where that is certain', () => {
    expect([new ConnectionError('x').nothingSent, new ConnectionError('x', { nothingSent: true }).nothingSent]).toEqual(
      [false, true],
    );
  });
});

describe('isForgeAuthError', () => {
  it('knows an error of another copy of the package by its code', () => {
    expect(isForgeAuthError(Object.assign(new Error('x'), { code: 'FORGE_AUTH_TIMEOUT' }))).toBe(true);
  });

  it.each([[undefined], [null], ['FORGE_AUTH_TIMEOUT'], [{ code: 'FORGE_AUTH_TIMEOUT' }], [new Error('x')]])(
    'isForgeAuthError does not take %p for one',
    (value) => {
      expect([isForgeAuthError(value), isAuthenticationError(value)]).toEqual([false, false]);
    },
  );
});
