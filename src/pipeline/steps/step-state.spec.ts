import { AuthenticationError } from '../../errors.js';
import { Token } from '../../token/token.js';
import { stepState } from './step-state.js';

it('the state of a step without a token says no more than that', () => {
  expect(stepState('app', ['device'], undefined, undefined, 0)).toEqual({
    name: 'app',
    dependsOn: ['device'],
    cached: false,
  });
});

it('the state of a step shows whole seconds to its expiry, and a part of the fingerprint alone', () => {
  const token = new Token({ accessToken: 'canary', expiresAt: 9_999 });
  expect(stepState('app', [], token, undefined, 1_000)).toEqual({
    name: 'app',
    dependsOn: [],
    cached: true,
    secondsToExpiry: 8,
    fingerprint: token.fingerprint.slice(0, 8),
  });
  expect(stepState('app', [], new Token({ accessToken: 'a' }), undefined, 0)).not.toHaveProperty('secondsToExpiry');
});

it('the state of a step shows its last error where that is ours', () => {
  const error = new AuthenticationError('It is down.', { code: 'FORGE_AUTH_BACKOFF' });
  expect(stepState('app', [], undefined, error, 0)).toMatchObject({
    lastError: { code: 'FORGE_AUTH_BACKOFF', message: 'It is down.' },
  });
  expect(stepState('app', [], undefined, new Error('canary'), 0)).not.toHaveProperty('lastError');
});
