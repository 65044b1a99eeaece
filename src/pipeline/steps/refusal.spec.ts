import { AuthenticationError } from '../../errors.js';
import { chainError, isRefusal } from './refusal.js';

const FACTS = {
  code: 'FORGE_AUTH_TOKEN_REFUSED',
  step: 'app',
  status: 400,
  error: 'invalid_request',
  errorDescription: 'later',
  transient: true,
  retryAfterMs: 7_000,
  serviceName: 'orders',
} as const;

describe('the error of a step after others were tried', () => {
  it('says of the failure what its root says, and names the chain', () => {
    const root = new AuthenticationError('Step "app" failed.', FACTS);
    const error = chainError(root, 'user', ['device']);
    expect(error).toMatchObject({ ...FACTS, chain: ['user', 'device', 'app'], cause: root });
    expect(error).toMatchObject({ message: 'Step "app" failed. Tried: user → device → app.' });
  });

  it('the error of a step after others were tried has the first error as its cause, however long the chain', () => {
    const root = new AuthenticationError('Step "device" failed.', { ...FACTS, step: 'device' });
    const error = chainError(chainError(root, 'app', []), 'user', []);
    expect(error).toMatchObject({ step: 'device', chain: ['user', 'app', 'device'], cause: root });
    expect(error).toMatchObject({ message: 'Step "device" failed. Tried: user → app → device.' });
  });

  it('the error of a step after others were tried has nothing that its root has not', () => {
    const error = chainError(new AuthenticationError('Failed.', { step: 'app' }), 'user', []);
    for (const name of ['status', 'error', 'errorDescription', 'retryAfterMs', 'serviceName'])
      expect(error).not.toHaveProperty(name, expect.anything());
    expect(error).toMatchObject({ transient: false });
  });

  it('the error of a step after others were tried is the failure itself where no other step was tried, or it is no failure to authenticate', () => {
    const own = new AuthenticationError('Failed.', { step: 'user' });
    const foreign = new TypeError('x');
    expect([chainError(own, 'user', []), chainError(foreign, 'user', ['app'])]).toEqual([own, foreign]);
  });
});

it.each<[object, boolean]>([
  [{ step: 'user', status: 401 }, true],
  [{ step: 'user', status: 403 }, true],
  [{ step: 'user', status: 400, error: 'invalid_grant' }, true],
  [{ step: 'user', status: 400, error: 'invalid_scope' }, false],
  [{ step: 'user', status: 400 }, false],
  [{ step: 'user', status: 503 }, false],
  [{ step: 'app', status: 401 }, false],
])('a failure with %j is a refusal of step "user" that newer tokens may cure: %s', (facts, expected) => {
  expect(isRefusal(new AuthenticationError('Failed.', facts), 'user')).toBe(expected);
});

it('no other error is a refusal', () => {
  expect(isRefusal(Object.assign(new Error('x'), { step: 'user', status: 401 }), 'user')).toBe(false);
});
