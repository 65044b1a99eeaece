import { inspect } from 'node:util';
import { expectNoSecrets } from './secrets.js';

const SECRET = 'top/secret+"value"? ü';

describe('expectNoSecrets', () => {
  it.each([
    ['as it is', SECRET],
    ['JSON', JSON.stringify({ a: SECRET })],
    ['base64', Buffer.from(SECRET).toString('base64')],
    ['base64url', Buffer.from(SECRET).toString('base64url')],
    ...['', 'i', 'id', 'ids'].map((id): [string, string] => [
      `Basic after "${id}:"`,
      Buffer.from(`${id}:${SECRET}.`).toString('base64'),
    ]),
    ['hex', Buffer.from(SECRET).toString('hex')],
    ['upper-case hex', Buffer.from(SECRET).toString('hex').toUpperCase()],
    ['URL-encoded', encodeURIComponent(SECRET)],
    ['form-encoded', new URLSearchParams({ client_secret: SECRET }).toString()],
    ['inspected Buffer', inspect(Buffer.from(SECRET))],
  ])('finds a secret in %s', (_form, text) => {
    expect(() => expectNoSecrets(`before ${text} after`, ['harmless-canary', SECRET])).toThrow('is in the text');
  });

  it('finds nothing where nothing is', () => {
    expectNoSecrets('[Token Bearer …a1b2c3] top secret value', [SECRET]);
  });

  it('refuses a canary too short to be distinguished from anything else', () => {
    expect(() => expectNoSecrets('', ['secret'])).toThrow('shorter than 8');
  });
});
