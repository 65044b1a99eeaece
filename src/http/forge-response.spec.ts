import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { ResponseParseError } from '../errors.js';
import { ForgeResponse } from './forge-response.js';
import type { HttpHeaders, ResponseType } from './http-request.js';

function answer(
  body: string | Buffer | Readable,
  contentType?: string,
  responseType: ResponseType = 'json',
  status = 200,
): ForgeResponse {
  const headers: HttpHeaders = contentType === undefined ? {} : { 'content-type': contentType };
  const url = 'https://api.example/a?q=secret-query';
  const request = { method: 'GET', url, headers: { authorization: 'Bearer secret-token' }, responseType };
  return new ForgeResponse(request, {
    status,
    headers,
    body: typeof body === 'string' ? Buffer.from(body) : body,
    url,
  });
}

describe('ForgeResponse', () => {
  it.each<[string, string, string | undefined, unknown]>([
    ['JSON', '{"a":1}', 'application/json', { a: 1 }],
    ['JSON with a charset', '[1]', 'Application/JSON; charset=utf-8', [1]],
    ['a JSON of its own kind', '{"a":1}', 'application/problem+json', { a: 1 }],
    ['JSON after a byte order mark', '\uFEFF{"a":1}', 'application/json', { a: 1 }],
    ['JSON labelled as text', ' {"a":1}', 'text/html', { a: 1 }],
    ['JSON without a label', '12', undefined, 12],
    ['text without a label', 'hello', undefined, 'hello'],
    ['text', 'hello', 'text/plain', 'hello'],
    ['a number labelled as text', '0012', 'text/plain', '0012'],
    ['text that looks like JSON', '[draft] hello', 'text/plain', '[draft] hello'],
    ['lines of JSON', '{"a":1}\n{"a":2}\n', 'application/x-ndjson', '{"a":1}\n{"a":2}\n'],
    ['a sequence of JSON texts', '\u001E{"a":1}\n', 'application/json-seq', '\u001E{"a":1}\n'],
    ['nothing', '', 'application/json', undefined],
    ['null', 'null', 'application/json', null],
  ])('reads %s', (_name, body, contentType, data) => {
    expect(answer(body, contentType).data).toEqual(data);
  });

  it.each<[string, string, string]>([
    ['a truncated object', '{"a":', 'application/json'],
    ['a page', '<html>', 'application/json'],
    ['blanks', '  ', 'application/problem+json'],
  ])('throws on %s labelled JSON, and quotes nothing of it', (_name, body, contentType) => {
    const response = answer(body, contentType);
    const attempt = (): unknown => response.data;
    expect(attempt).toThrow(ResponseParseError);
    expect(attempt).toThrow('GET https://api.example/a answered 200 with a body that is no JSON.');
    expect(response.text()).toBe(body);
  });

  it.each<[string, Buffer, string]>([
    ['latin-1', Buffer.from([0xe9]), 'text/plain; charset=ISO-8859-1'],
    ['a quoted charset', Buffer.from([0xe9]), 'text/plain; charset="latin1"'],
    ['UTF-16', Buffer.from('é', 'utf16le'), 'text/plain; charset=utf-16le'],
    ['UTF-8', Buffer.from('é'), 'text/plain; charset=UTF-8'],
    ['UTF-8 without a label', Buffer.from('é'), 'text/plain'],
    ['UTF-8 for an unknown charset', Buffer.from('é'), 'text/plain; charset=x-klingon'],
  ])('decodes %s', (_name, body, contentType) => {
    expect(answer(body, contentType, 'text').data).toBe('é');
  });

  it('answers text untouched where text is asked for', () => {
    expect(answer('{"a":1}', 'application/json', 'text').data).toBe('{"a":1}');
  });

  it('answers bytes where bytes are asked for', () => {
    expect(answer('{"a":1}', 'application/json', 'arraybuffer').data).toEqual(Buffer.from('{"a":1}'));
  });

  it('hands a stream over, and reads none as text', () => {
    const body = Readable.from(['x']);
    const response = answer(body, 'application/json', 'stream');
    expect(response.data).toBe(body);
    expect(() => response.text()).toThrow('is a stream; read response.data');
    expect(() => response.json()).toThrow('is a stream; read response.data');
    expect(response.jsonOrNull()).toBeNull();
  });

  it('reads JSON whatever the label or the type asked for', () => {
    expect(answer('{"a":1}', 'text/plain', 'arraybuffer').json()).toEqual({ a: 1 });
    expect(answer('{"a":1}', 'image/png', 'text').jsonOrNull()).toEqual({ a: 1 });
  });

  it('throws, or answers null, where the body is no JSON', () => {
    expect(() => answer('nope').json()).toThrow(ResponseParseError);
    expect(answer('nope').jsonOrNull()).toBeNull();
    expect(answer('').jsonOrNull()).toBeNull();
  });

  it('parses the body of a response once', () => {
    const response = answer('{"a":1}');
    expect(response.data).toBe(response.data);
  });

  it.each([
    [199, false, false, false],
    [200, true, false, false],
    [299, true, false, false],
    [300, false, false, false],
    [400, false, true, false],
    [499, false, true, false],
    [500, false, false, true],
    [599, false, false, true],
    [600, false, false, false],
  ])('classes %d', (status, isSuccess, isClientError, isServerError) => {
    expect(answer('', undefined, 'json', status)).toMatchObject({ isSuccess, isClientError, isServerError });
  });

  it('shows its request without query and credential', () => {
    const { request } = answer('');
    expect(request.url).toBe('https://api.example/a');
    expect(inspect(request) + JSON.stringify(request) + request.toCurl()).not.toContain('secret');
  });

  it('prints without the body and the credential of its request', () => {
    expect(inspect(answer('{"a":"secret-body"}'), { depth: 10 })).not.toMatch(/secret-(?:token|body)/);
  });
});
