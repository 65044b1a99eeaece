import { randomBytes } from 'node:crypto';
import { ConfigurationError } from '../errors.js';
import { TokenEncryption } from './encryption.js';

const old = { id: 'old', key: randomBytes(32) };
const current = { id: 'new', key: randomBytes(32).toString('base64') };

describe('TokenEncryption', () => {
  it('opens what it sealed, and seals the same text differently each time', () => {
    const encryption = new TokenEncryption({ keys: [current] });
    const [one, two] = [encryption.encrypt('key', 'tökén'), encryption.encrypt('key', 'tökén')];
    expect(encryption.decrypt('key', one)).toBe('tökén');
    expect(one).not.toBe(two);
    expect(one).not.toContain('tökén');
  });

  it('seals with the first key and opens with all: a key is rotated without a miss', () => {
    const before = new TokenEncryption({ keys: [old] }).encrypt('key', 'token');
    const rotating = new TokenEncryption({ keys: [current, old] });
    expect(rotating.decrypt('key', before)).toBe('token');
    const after = rotating.encrypt('key', 'token');
    expect(new TokenEncryption({ keys: [current] }).decrypt('key', after)).toBe('token');
    expect(new TokenEncryption({ keys: [old] }).decrypt('key', after)).toBeUndefined();
  });

  it('misses what was moved to another storage key', () => {
    const encryption = new TokenEncryption({ keys: [current] });
    expect(encryption.decrypt('other', encryption.encrypt('key', 'token'))).toBeUndefined();
  });

  it('misses what was edited, at every place', () => {
    const encryption = new TokenEncryption({ keys: [current] });
    const sealed = encryption.encrypt('key', 'token');
    for (let place = 0; place < sealed.length; place += 1) {
      const edited = sealed.slice(0, place) + (sealed[place] === 'A' ? 'B' : 'A') + sealed.slice(place + 1);
      // The last character of base64url may hold bits that are not part of the bytes.
      if (
        Buffer.from(edited.split('.').at(-1) ?? '', 'base64url').equals(
          Buffer.from(sealed.split('.').at(-1) ?? '', 'base64url'),
        ) &&
        edited.startsWith('forge-auth.1.new.')
      )
        continue;
      expect(encryption.decrypt('key', edited)).toBeUndefined();
    }
  });

  it.each([
    '',
    'hello',
    '{"v":1}',
    'forge-auth.1.',
    'forge-auth.1.new.',
    'forge-auth.1.new.AAAA',
    'forge-auth.2.new.AAAA',
  ])('misses the foreign value %j', (value) => {
    expect(new TokenEncryption({ keys: [current] }).decrypt('key', value)).toBeUndefined();
  });

  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /keys must be a list/],
    ['no keys', { keys: [] }, /keys must be a list/],
    ['a short key', { keys: [{ id: 'a', key: Buffer.alloc(16) }] }, /key "a" is not of 32 bytes/],
    ['a text that is no base64 of 32 bytes', { keys: [{ id: 'a', key: 'secret' }] }, /key "a" is not of 32 bytes/],
    ['an id with a dot', { keys: [{ id: 'a.b', key: Buffer.alloc(32) }] }, /no id of letters/],
    ['two keys of one id', { keys: [old, { ...current, id: 'old' }] }, /same id/],
  ])('refuses %s, and says how a key is made', (_what, options, message) => {
    const make = (): TokenEncryption => new TokenEncryption(options as never);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
    expect(make).toThrow(/openssl rand -base64 32/);
  });
});
