import { checkSource, resolveSigning } from './signing-options.js';
import { resolveSignatureMethod } from './signature-method.js';
import { bodyHashOf, isForm, putForm } from './signed-body.js';
import type { HttpRequest } from '../../http/http-request.js';

const CLIENT = { clientId: 'c', clientSecret: 's' };

describe('options of signing', () => {
  it('options of signing are complete with what is left out', () => {
    const { method, ...resolved } = resolveSigning(CLIENT, 'OAuth1Auth');
    expect(method.name).toBe('HMAC-SHA1');
    expect(resolved).toEqual({
      owner: 'OAuth1Auth',
      ...CLIENT,
      clientKey: undefined,
      placement: 'header',
      realm: undefined,
      version: undefined,
      nonce: undefined,
      timestamp: undefined,
      allowInsecure: false,
    });
  });

  it('options of signing are as they are given', () => {
    const given = {
      ...CLIENT,
      placement: 'query',
      realm: 'r',
      version: '1.0',
      nonce: () => 'n',
      timestamp: () => 1,
      allowInsecure: true,
    } as const;
    expect(resolveSigning(given, 'OAuth1Auth')).toMatchObject(given);
  });

  it('options of signing need no secret for a method of the app, and check one that is given', () => {
    const signatureMethod = { name: 'X', sign: () => 'signed' };
    expect(resolveSigning({ clientId: 'c', signatureMethod }, 'Flow')).toMatchObject({ clientSecret: '' });
    expect(() => resolveSigning({ clientId: 'c', clientSecret: 5 as never, signatureMethod }, 'Flow')).toThrow(
      'Flow: clientSecret must be a text, a function, or { file }.',
    );
    expect(() => resolveSigning({ clientId: 'c' }, 'Flow')).toThrow('Flow: clientSecret is undefined.');
    expect(() => resolveSigning({ ...CLIENT, clientId: '' }, 'Flow')).toThrow('Flow: clientId must not be empty.');
    expect(() => resolveSigning({ clientId: 'c', signatureMethod: 'RSA-SHA256' }, 'Flow')).toThrow(
      'Flow: clientKey is missing. RSA-SHA256 signs with an RSA private key.',
    );
  });

  it.each(['text', '', () => 'text', { file: '/run/secrets/x' }])('options of signing are held by %p', (source) => {
    expect(() => checkSource(source, 'it')).not.toThrow();
  });

  it.each([
    ['it\n', /^it .*Trim it/],
    [undefined, /^it is undefined\. Is the variable that it is read from set\?$/],
    [null, /^it must be a text, a function, or \{ file \}\.$/],
  ])('options of signing are not held by %j', (source, message) => {
    expect(() => checkSource(source, 'it')).toThrow(message);
  });
});

describe('a signature method', () => {
  it('a signature method of the app is called by its name, with the keys, and hashes by SHA-1 unless it says otherwise', async () => {
    const asked: unknown[] = [];
    const own = { name: 'X-1', sign: (...args: unknown[]) => (asked.push(...args), 'signed') };
    const method = resolveSignatureMethod(own, 'Flow');
    const keys = { clientSecret: 's', tokenSecret: 't', clientKey: undefined };
    expect([await method.sign('base', 's&t', keys), asked]).toEqual(['signed', ['base', 's&t', keys]]);
    expect(method).toMatchObject({ name: 'X-1', bodyHash: 'sha1', needs: 'nothing' });
    expect(resolveSignatureMethod({ ...own, bodyHash: 'sha512' }, 'Flow').bodyHash).toBe('sha512');
  });

  it.each([
    { name: 'X', sign: 5 },
    { name: '', sign: () => '' },
    { name: 'a b', sign: () => '' },
    { name: 5 },
    null,
    'X',
  ])('a signature method is not %p', (given) => {
    expect(() => resolveSignatureMethod(given as never, 'Flow')).toThrow(
      'Flow: signatureMethod must be one of HMAC-SHA1, HMAC-SHA256, HMAC-SHA512, RSA-SHA1, RSA-SHA256, RSA-SHA512, PLAINTEXT, or { name, sign }.',
    );
  });

  it.each([
    ['HMAC-SHA1', 'clientSecret', 'sha1'],
    ['HMAC-SHA256', 'clientSecret', 'sha256'],
    ['HMAC-SHA512', 'clientSecret', 'sha512'],
    ['RSA-SHA1', 'clientKey', 'sha1'],
    ['RSA-SHA256', 'clientKey', 'sha256'],
    ['RSA-SHA512', 'clientKey', 'sha512'],
    ['PLAINTEXT', 'clientSecret', 'sha1'],
  ] as const)('a signature method %s needs the %s, and hashes by %s', (name, needs, bodyHash) => {
    expect(resolveSignatureMethod(name, 'Flow')).toMatchObject({ name, needs, bodyHash });
  });
});

const requestOf = (body: HttpRequest['body'], type?: string): HttpRequest => ({
  method: 'POST',
  url: 'https://api.example/',
  headers: type === undefined ? {} : { 'content-type': type },
  responseType: 'json',
  ...(body === undefined ? undefined : { body }),
});

describe('a body that is signed', () => {
  it.each([
    ['application/x-www-form-urlencoded', true],
    [' Application/X-WWW-Form-UrlEncoded ;charset=utf-8', true],
    ['application/x-www-form-urlencoded-not', false],
    ['text/plain;application/x-www-form-urlencoded', false],
    [undefined, false],
  ])('a body that is signed is a form by the type %p: %p', (type, form) => {
    expect(isForm(requestOf('', type))).toBe(form);
  });

  it('a body that is signed is hashed as the octets that it is sent as', () => {
    const hash = bodyHashOf(requestOf('é'), 'sha256');
    expect(bodyHashOf(requestOf(Buffer.from('é')), 'sha256')).toBe(hash);
    expect(bodyHashOf(requestOf('e'), 'sha256')).not.toBe(hash);
    expect(bodyHashOf(requestOf(undefined), 'sha1')).toBe('2jmj7l5rSw0yVb/vlWAYkK/YBwk=');
  });

  it('a body that is signed is put back as it was given: text or octets', () => {
    const octets = Buffer.from('a=é').toString('latin1');
    const [text, bytes] = [requestOf('x'), requestOf(Buffer.from('x'))];
    putForm(text, octets);
    putForm(bytes, octets);
    expect([text.body, bytes.body]).toEqual(['a=é', Buffer.from('a=é')]);
  });
});
