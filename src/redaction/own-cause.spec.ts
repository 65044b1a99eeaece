import { inspect } from 'node:util';
import { concealedCause, ownCause, revealing, revealOwnCause, revealsByDefault } from './own-cause.js';
import { RedactedCause } from './redact.js';

class VaultError extends Error {}
const thrown = (): VaultError =>
  Object.assign(new VaultError('the vault is sealed for word'), { code: 'ECONNREFUSED' });

describe('an error of the app', () => {
  it('an error of the app is shown with its message where it may be, without the secrets', () => {
    const cause = ownCause(thrown(), { reveal: true, secrets: ['word'] });
    expect(cause).toMatchObject({
      name: 'VaultError',
      message: 'the vault is sealed for [redacted]',
      code: 'ECONNREFUSED',
    });
    expect(cause.summary).toBe('VaultError: the vault is sealed for [redacted]');
    expect(cause.stack).toMatch(/^VaultError: the vault is sealed for \[redacted\]\n {4}at /);
  });

  it('an error of the app is shown without its message elsewhere', () => {
    const cause = ownCause(thrown(), { reveal: false });
    expect([cause.summary, cause.message]).toEqual(['VaultError (ECONNREFUSED)', 'VaultError (ECONNREFUSED)']);
  });

  it.each<[string, unknown, string]>([
    ['a text', 'just words', 'string: just words'],
    ['nothing', undefined, 'undefined'],
    ['an error without a message', new VaultError(), 'VaultError'],
    ['an object with a message', { message: 'of words' }, 'object: of words'],
    ['an object with a message that is none', { message: 5 }, 'object'],
    [
      'an object whose message throws',
      Object.defineProperty({}, 'message', {
        get: () => {
          throw new Error('no');
        },
      }),
      'object',
    ],
  ])('an error of the app may be %s', (_what, error, summary) => {
    expect(ownCause(error, { reveal: true }).summary).toBe(summary);
  });

  it('an error of the app that was copied already is that copy', () => {
    const copy = new RedactedCause(thrown());
    expect(ownCause(copy, { reveal: true })).toBe(copy);
    expect(concealedCause(copy)).toBe(copy);
  });

  it.each([
    ['production', false],
    ['development', true],
    [undefined, true],
  ])('an error of the app is shown by default in %s: %p', (environment, shown) => {
    const before = process.env['NODE_ENV'];
    if (environment === undefined) delete process.env['NODE_ENV'];
    else process.env['NODE_ENV'] = environment;
    try {
      expect(revealsByDefault()).toBe(shown);
    } finally {
      process.env['NODE_ENV'] = before;
    }
  });
});

/** An error around one around what was thrown: each says so. */
const nested = (): { outer: Error; inner: Error } => {
  const concealed = concealedCause(thrown());
  const inner = new Error(`No secret: its function threw ${concealed.summary}.`, { cause: concealed });
  return { inner, outer: new Error(`No token: ${inner.message}`, { cause: inner }) };
};

describe('what was concealed deep inside', () => {
  const REVEALED = 'its function threw VaultError: the vault is sealed for word.';

  it('what was concealed deep inside is shown in every message and stack around it', () => {
    const { outer, inner } = nested();
    revealOwnCause(outer, true);
    expect(outer.message).toBe(`No token: No secret: ${REVEALED}`);
    expect(inner.message).toBe(`No secret: ${REVEALED}`);
    expect(outer.stack).toMatch(
      /^Error: No token: No secret: its function threw VaultError: the vault is sealed for word\.\n {4}at /,
    );
    expect(inner.stack).toMatch(/^Error: No secret: its function threw VaultError: the vault/);
    expect(inner.cause).toMatchObject({ message: 'the vault is sealed for word' });
    expect(Object.keys(inner)).toEqual([]);
    const again = new Error('else');
    inner.cause = again;
    expect(inner.cause).toBe(again);
  });

  it('what was concealed deep inside stays so where it may not be shown', () => {
    const { outer, inner } = nested();
    revealOwnCause(outer, false);
    expect(inspect(outer, { depth: 9, showHidden: true })).not.toContain('sealed');
    expect(inner.cause).toMatchObject({ message: 'VaultError (ECONNREFUSED)' });
  });

  it('what was concealed deep inside is looked for in errors that are their own cause, and in what is none', () => {
    const { outer } = nested();
    const circle = new Error('a circle');
    circle.cause = circle;
    revealOwnCause(circle, true);
    revealOwnCause('no error', true);
    revealOwnCause(outer, true);
    expect(outer.message).toContain(REVEALED);
  });

  it('what was concealed deep inside of work is shown in its error, and its value is handed on', async () => {
    const { outer } = nested();
    await expect(revealing(Promise.reject(outer), true)).rejects.toBe(outer);
    expect(outer.message).toContain(REVEALED);
    const { outer: other } = nested();
    await expect(revealing(Promise.reject(other), false)).rejects.toBe(other);
    expect(other.message).not.toContain('sealed');
    expect(await revealing(Promise.resolve(5), true)).toBe(5);
  });
});
