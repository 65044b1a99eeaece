import {
  AuthenticationError,
  ClientClosedError,
  ConfigurationError,
  ConnectionError,
  TimeoutError,
} from '../errors.js';
import { isOfEndpoint, isTransient, outcomeIsKnown, tokenFailure } from './token-failure.js';

const unsent = new ConnectionError('x', { nothingSent: true });
const cut = new ConnectionError('x');
const late = new TimeoutError('x');
const refusal = (facts: object): AuthenticationError => new AuthenticationError('x', facts);

describe('a failure of a provider', () => {
  it('reaches its callers as a transient failure, with its cause and its service', () => {
    const cause = new TypeError('canary-4711');
    const error = tokenFailure(cause, '"orders"', 'orders');
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ transient: true, serviceName: 'orders' });
    expect(error.message).toBe('Token request for "orders" failed: the provider threw TypeError.');
    expect(error.cause).toBeDefined();
  });

  it('keeps its own words where they are ours', () => {
    const error = tokenFailure(unsent, '"orders"', undefined);
    expect(error).toMatchObject({ message: 'Token request for "orders" failed: x', transient: true });
    expect(error.serviceName).toBeUndefined();
  });

  it.each([refusal({ status: 400 }), new ConfigurationError('x'), new ClientClosedError('x')])(
    'is itself where it says enough, and names the service: %s',
    (failure) => {
      expect(tokenFailure(failure, '"orders"', 'orders')).toBe(failure);
      expect(failure.serviceName).toBe('orders');
      expect(tokenFailure(failure, '"orders"', 'other').serviceName).toBe('orders');
    },
  );
});

it.each<[string, unknown, boolean, boolean, boolean]>([
  ['a connection that failed before anything was sent', unsent, true, true, false],
  ['a connection that was cut', cut, true, false, false],
  ['silence', late, true, false, false],
  ['the same as a cause', refusal({ cause: unsent, transient: true }), true, true, true],
  ['a cut connection as a cause', refusal({ cause: cut, transient: true }), true, false, true],
  ['silence as a cause', refusal({ cause: late, transient: true }), true, false, true],
  ['a refusal', refusal({ status: 400, error: 'invalid_grant', transient: false }), false, true, false],
  ['a refusal of the client', refusal({ status: 401, error: 'invalid_client', transient: false }), false, true, true],
  [
    'a client that may not',
    refusal({ status: 400, error: 'unauthorized_client', transient: false }),
    false,
    true,
    true,
  ],
  ['an issuer that is not well', refusal({ status: 503, transient: true }), true, true, true],
  ['a gateway', refusal({ status: 502, transient: true }), true, false, true],
  ['a gateway that waited in vain', refusal({ status: 504, transient: true }), true, false, true],
  ['a wish to be left alone', refusal({ retryAfterMs: 5, transient: false }), false, false, true],
  ['a deadline', refusal({ code: 'FORGE_AUTH_TOKEN_DEADLINE', transient: true }), true, false, true],
  ['a refusal without a status', refusal({ transient: true }), true, false, false],
  ['anything else', new Error('x'), false, false, false],
])('%s may pass, has a known outcome, is of the endpoint: as it should', (_what, error, passes, known, ofEndpoint) => {
  expect([isTransient(error), outcomeIsKnown(error), isOfEndpoint(error)]).toEqual([passes, known, ofEndpoint]);
});
