import { ConfigurationError } from '../errors.js';
import { authenticatedRequest } from './authenticated-request.fixture.js';
import { CallerTokenAuth } from './caller-token.authenticator.js';
import { Caller, runAs } from './caller.js';

const headersFor = (caller: Caller, auth: CallerTokenAuth): object => {
  const sent = authenticatedRequest();
  runAs(caller, () => auth.authenticate(sent));
  return sent.headers;
};
const alice = new Caller('of-alice', () => 'alice');
const anonymous = new Caller(undefined, () => undefined);

it('passes the token of the caller on, in the header that it says that it writes', () => {
  expect(headersFor(alice, new CallerTokenAuth())).toEqual({ authorization: 'Bearer of-alice' });
  expect(new CallerTokenAuth().credentialHeaders).toEqual(['authorization']);
});

it('fails for good where there is no token to pass on, unless it is optional', () => {
  const failure = {
    code: 'FORGE_AUTH_CALLER_TOKEN_MISSING',
    serviceName: 'orders',
    transient: false,
    message: expect.stringMatching(/^No credential for "orders": the caller's token is to be passed on/) as string,
  };
  for (const auth of [new CallerTokenAuth(), new CallerTokenAuth({ optional: false })]) {
    expect(() => auth.authenticate(authenticatedRequest())).toThrow(expect.objectContaining(failure) as Error);
    expect(() => headersFor(anonymous, auth)).toThrow(expect.objectContaining(failure) as Error);
  }
  expect(headersFor(anonymous, new CallerTokenAuth({ optional: true }))).toEqual({});
});

it('refuses an `optional` that is neither true nor false', () => {
  expect(() => new CallerTokenAuth({ optional: 'yes' as never })).toThrow(ConfigurationError);
});
