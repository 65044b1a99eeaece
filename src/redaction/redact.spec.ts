import { inspect } from 'node:util';
import { isErrorCode, REDACTED, RedactedCause, redactHeaders, redactUrl, shownValue } from './redact.js';

const CANARY = 'canary-4711-secret';

describe('redactUrl', () => {
  it.each([
    ['https://api.example/orders/7', 'https://api.example/orders/7'],
    [`https://api.example/orders?api_key=${CANARY}&x=1`, 'https://api.example/orders'],
    [`https://user:${CANARY}@api.example/orders`, 'https://api.example/orders'],
    [`https://api.example/orders#${CANARY}`, 'https://api.example/orders'],
    [`https://api.example:8443/?${CANARY}`, 'https://api.example:8443/'],
    [`redis://:${CANARY}@cache.example:6379/0?${CANARY}`, 'redis://cache.example:6379/0'],
    [`/orders?key=${CANARY}`, '[invalid url]'],
    [CANARY, '[invalid url]'],
    ['', '[invalid url]'],
  ])('shows %s as %s', (url, expected) => {
    expect(redactUrl(url)).toBe(expected);
  });
});

describe('redactHeaders', () => {
  it('masks every value that is not known to be harmless', () => {
    const headers = {
      Authorization: CANARY,
      'Proxy-Authorization': CANARY,
      Cookie: CANARY,
      'Set-Cookie': [CANARY],
      'X-Api-Key': CANARY,
      'x-anything-else': CANARY,
      'www-authenticate': CANARY,
      location: CANARY,
      'Content-Type': 'application/json',
      'retry-after': 5,
      accept: ['a', 'b'],
    };
    const shown = redactHeaders({ ...headers, 'x-unset': undefined });
    expect(JSON.stringify(shown)).not.toContain(CANARY);
    expect(shown).toMatchObject({ 'Content-Type': 'application/json', 'retry-after': '5', accept: 'a,b' });
    expect(shown['Authorization']).toBe(REDACTED);
    expect(Object.keys(shown)).toEqual(Object.keys(headers));
  });

  it('shows how an exchange was framed, cached, timed and traced: nothing of that identifies a caller', () => {
    const shown = [
      'accept accept-encoding accept-language age allow cache-control connection content-encoding content-language',
      'content-length content-type date expires host keep-alive last-modified retry-after server transfer-encoding',
      'user-agent vary x-correlation-id x-request-id',
    ].flatMap((line) => line.split(' '));
    const headers = Object.fromEntries(shown.map((name) => [name, `value of ${name}`]));
    expect(redactHeaders(headers)).toEqual(headers);
  });

  it('masks what the app calls sensitive, in any case', () => {
    expect(redactHeaders({ 'User-Agent': 'x', host: 'h' }, ['USER-AGENT'])).toEqual({
      'User-Agent': REDACTED,
      host: 'h',
    });
  });

  it('leaves its input alone', () => {
    const headers = Object.freeze({ authorization: CANARY });
    redactHeaders(headers);
    expect(headers.authorization).toBe(CANARY);
  });
});

describe('RedactedCause', () => {
  class VaultError extends Error {}

  it('RedactedCause has a name and a stack that may be rewritten, as those of any error, and that no loop shows', () => {
    const cause = new RedactedCause(new VaultError(CANARY));
    expect(Object.keys(cause)).toEqual([]);
    for (const key of ['name', 'stack']) {
      expect(Object.getOwnPropertyDescriptor(cause, key)).toMatchObject({
        enumerable: false,
        configurable: true,
        writable: true,
      });
    }
    cause.stack = 'rewritten by a tool';
    expect(cause.stack).toBe('rewritten by a tool');
  });

  it('keeps name, code, system call and frames', () => {
    const original = Object.assign(new TypeError(CANARY), { code: 'ECONNREFUSED', syscall: 'connect' });
    const cause = new RedactedCause(original);
    expect(cause).toMatchObject({
      name: 'TypeError',
      message: 'TypeError (ECONNREFUSED)',
      code: 'ECONNREFUSED',
      syscall: 'connect',
    });
    expect(cause.stack).toMatch(/^TypeError \(ECONNREFUSED\)\n {4}at /);
    expect(cause.stack).toContain('redact.spec');
    expect(new RedactedCause(new VaultError(CANARY)).name).toBe('VaultError');
  });

  it.each<[string, unknown]>([
    ['its message', new Error(CANARY)],
    ['a message of several lines that look like frames', new Error(`a\n    at ${CANARY}\n    at x (${CANARY})`)],
    ['its own properties', Object.assign(new Error('x'), { config: { headers: { authorization: CANARY } } })],
    ['its cause', new Error('x', { cause: new Error(CANARY) })],
    ['a code that is no word', Object.assign(new Error('x'), { code: `E ${CANARY}`, syscall: `${CANARY} ${CANARY}` })],
    ['a code that is an object', Object.assign(new Error('x'), { code: { value: CANARY } })],
    ['the input that JSON.parse quotes', parseError(`{"access_token":"${CANARY}`)],
    ['a text that was thrown', CANARY],
    ['an object that was thrown', { message: CANARY, stack: CANARY, code: 7 }],
    ['an aggregate', new AggregateError([new Error(CANARY)], CANARY)],
    ['an error whose name was changed', Object.assign(new Error('x'), { name: CANARY })],
    ['a URL in the stack', withStack(`Error: ${CANARY}\n    at fetch (https://x/?token=${CANARY})\n    at ${CANARY}`)],
  ])('RedactedCause does not show %s', (_name, original) => {
    const cause = new RedactedCause(original);
    const shown = [inspect(cause, { depth: 10, showHidden: true }), JSON.stringify(cause), cause.stack, String(cause)];
    expect(shown.join('\n')).not.toContain(CANARY);
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'object'],
    ['a text', 'x', 'string'],
    ['an object without prototype', Object.create(null), 'object'],
    ['a thing whose properties throw', hostile(), 'object'],
  ])('RedactedCause is made of %s, too', (_name, original, name) => {
    expect(new RedactedCause(original).name).toBe(name);
  });
});

const causeOf = (message: string, stack: string): RedactedCause =>
  new RedactedCause(Object.assign(new Error(message), { stack }));

describe('RedactedCause', () => {
  it('RedactedCause shows the frames after a message of several lines, and of a stack without the message', () => {
    const frame = '    at work (/app/work.js:1:2)';
    const several = causeOf(`one\n${frame}\ntwo`, `Error: one\n${frame}\ntwo\n${frame}`);
    expect(several.stack).toBe(`Error\n${frame}`);
    expect(several.frames).toBe(`\n${frame}`);
    expect(causeOf('else', `Error: x\n${frame}`).frames).toBe(`\n${frame}`);
    expect(several.summary).toBe('Error');
    expect(causeOf('', 'Error').frames).toBe('');
  });

  it('RedactedCause has no code and no system call where there is none that is known', () => {
    const cause = new RedactedCause(Object.assign(new Error('x'), { code: 'nonsense', syscall: 'nonsense' }));
    expect(Object.keys(cause)).toEqual([]);
    expect(['code' in cause, 'syscall' in cause]).toEqual([false, false]);
    expect(new RedactedCause(Object.assign(() => 0, { code: 'EPIPE' })).message).toBe('function (EPIPE)');
  });
});

it('a value that an option does not take is described by its type, but for numbers and switches', () => {
  expect([null, undefined, 5, true, 'a secret', {}, () => 0].map((value) => shownValue(value))).toEqual([
    'null',
    'undefined',
    '5',
    'true',
    'a text of 8 characters',
    'of type object',
    'of type function',
  ]);
});

it('an error code is one as Node and the libraries below us write them', () => {
  expect(['ECONNRESET', 'ERR_INVALID_URL', 'E', 'secret', 5, undefined].map((code) => isErrorCode(code))).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

it.each(
  (
    'EPIPE EHOSTUNREACH ENOTFOUND ABORT_ERR CERT_HAS_EXPIRED CONNECTION_RESET CRL_HAS_EXPIRED DEPTH_ZERO_SELF_SIGNED_CERT ' +
    'EAI_AGAIN ERR_TLS_CERT_ALTNAME_INVALID ERROR_IN_CERT_NOT_AFTER_FIELD FORGE_AUTH_BACKOFF HOSTNAME_MISMATCH ' +
    'HPE_INVALID_CONSTANT INVALID_CA NR_CLOSED OAUTH_WWW_AUTHENTICATE_CHALLENGE PATH_LENGTH_EXCEEDED ' +
    'SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_VERIFY_LEAF_SIGNATURE UND_ERR_SOCKET Z_DATA_ERROR'
  ).split(' '),
)('an error code of a kind that is known is shown: %s', (code) => {
  expect(new RedactedCause(Object.assign(new Error(CANARY), { code })).message).toBe(`Error (${code})`);
});

it.each(['ECONN reset', 'e_small', 'E1_2', 'SECRET_CODE', 'Z_', `Z_${'A'.repeat(61)}`, `E${'A'.repeat(16)}`, 'xEPIPE'])(
  'an error code of no kind that is known is not shown: %s',
  (code) => {
    expect(new RedactedCause(Object.assign(new Error(CANARY), { code })).message).toBe('Error');
  },
);

it.each(
  (
    'accept bind close connect getaddrinfo getnameinfo listen open queryA querySrv queryNaptr read shutdown spawn stat ' +
    'write'
  ).split(' '),
)('a system call of a connection or a file is shown: %s', (syscall) => {
  expect(new RedactedCause(Object.assign(new Error(CANARY), { syscall })).syscall).toBe(syscall);
  expect(new RedactedCause(Object.assign(new Error(CANARY), { syscall: `${syscall} x` })).syscall).toBeUndefined();
});

it.each([
  '    at work (/app/work.js:1:2)',
  '    at async work (/app/work.js:1:2)',
  '    at new Work (file:///app/work.js:1:2)',
  '    at Work.run [as work] (node:internal/work:1:2)',
  '    at async Promise.all (C:\\app\\work.js:10:20)',
  '    at /app/work.js:1:2',
  '    at async file:///app/work.js:1:2',
])('a frame of a stack is shown: %s', (frame) => {
  expect(causeOf('x', `Error: x\n${frame}`).frames).toBe(`\n${frame}`);
});

it.each([
  `    at ${CANARY}`,
  '    at work (/app/work.js)',
  '    at work (/app/work.js:1)',
  '    at fetch (https://x/?token=1:1:2)',
  `    at work (/app/${CANARY} secret/work.js:1:2)`,
  'at work (/app/work.js:1:2)',
  '    at <anonymous>',
])('a line of a stack that is no frame is not shown: %s', (line) => {
  expect(causeOf('x', `Error: x\n${line}`).frames).toBe('');
});

it.each<[string, string]>([
  ['VaultError', 'VaultError'],
  ['$Odd_1', '$Odd_1'],
  ['x'.repeat(64), 'x'.repeat(64)],
  ['x'.repeat(65), 'Error'],
  ['a secret', 'Error'],
  ['1st', 'Error'],
  ['', 'Error'],
])('an error of the class %j is named %s', (name, shown) => {
  const Odd = { [name]: class extends Error {} }[name] as typeof Error;
  expect(new RedactedCause(new Odd(CANARY)).name).toBe(shown);
});

function parseError(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

function withStack(stack: string): Error {
  return Object.assign(new Error('x'), { stack });
}

function refuse(): never {
  throw new Error(CANARY);
}

function hostile(): object {
  return Object.defineProperties({}, { code: { get: refuse }, stack: { get: refuse }, syscall: { get: refuse } });
}
