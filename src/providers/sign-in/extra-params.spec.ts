import { ConfigurationError } from '../../errors.js';
import { checkExtraParams } from './extra-params.js';

const checking = (params: Record<string, string> | undefined) => () => checkExtraParams(params, 'Service "orders"');

it.each([
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'state',
])('the parameter %s ties answer and request together: it is none of the app’s', (name) => {
  expect(checking({ audience: 'x', [name]: 'x' })).toThrow(
    new ConfigurationError(`Service "orders": the parameter ${name} is set by the provider alone.`),
  );
});

it('the parameter response_type is the provider’s, and the implicit flow refused for its own reason', () => {
  expect(checking({ response_type: 'code' })).toThrow('the parameter response_type is set by the provider alone.');
  expect(checking({ response_type: 'token' })).toThrow(/RFC 9700/);
});

it.each([undefined, {}, { audience: 'x', display: 'page', claims: '{}' }])('%j is the app’s to set', (params) => {
  expect(checking(params)).not.toThrow();
});
