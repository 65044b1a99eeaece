import { inspect } from 'node:util';
import { ConnectionError, InvalidRequestError, ResponseParseError, TlsError } from '../errors.js';
import { networkError } from './network-error.js';

const URL_WITH_QUERY = 'https://api.example/a?key=secret';

function raw(code: string | undefined, more: object = {}): Error {
  return Object.assign(new Error('secret message'), code === undefined ? {} : { code }, more);
}

describe('networkError', () => {
  it.each<[string, unknown, abstract new (...args: never[]) => Error, boolean | undefined]>([
    ['refused', raw('ECONNREFUSED'), ConnectionError, true],
    ['not resolved', raw('ENOTFOUND'), ConnectionError, true],
    ['not resolved for now', raw('EAI_AGAIN'), ConnectionError, false],
    ['reset', raw('ECONNRESET'), ConnectionError, false],
    ['timed out by the system', raw('ETIMEDOUT'), ConnectionError, false],
    ['without a code', raw(undefined), ConnectionError, false],
    ['no error at all', 'secret', ConnectionError, false],
    ['nothing', undefined, ConnectionError, false],
    [
      'refused on every address',
      raw('', { errors: [raw('ECONNREFUSED'), raw('ECONNREFUSED')] }),
      ConnectionError,
      true,
    ],
    ['refused underneath', raw('ERR_NETWORK', { cause: raw('ECONNREFUSED') }), ConnectionError, true],
    ['a self-signed certificate', raw('DEPTH_ZERO_SELF_SIGNED_CERT'), TlsError, undefined],
    ['a wrong name', raw('ERR_TLS_CERT_ALTNAME_INVALID'), TlsError, undefined],
    ['an expired certificate', raw('CERT_HAS_EXPIRED'), TlsError, undefined],
    ['a refused handshake', raw('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), TlsError, undefined],
    ['no TLS on the other side', raw('EPROTO'), TlsError, undefined],
    ['a bad header', raw('ERR_INVALID_CHAR'), InvalidRequestError, undefined],
    ['a bad path', raw('ERR_UNESCAPED_CHARACTERS'), InvalidRequestError, undefined],
    ['a broken gzip', raw('Z_DATA_ERROR'), ResponseParseError, undefined],
    ['a broken brotli', raw('ERR__ERROR_FORMAT_PADDING_1'), ResponseParseError, undefined],
    ['no HTTP', raw('HPE_INVALID_CONSTANT'), ConnectionError, false],
  ])('makes a typed error of one that is %s', (_name, error, type, nothingSent) => {
    const made = networkError('GET', URL_WITH_QUERY, error);
    expect(made).toBeInstanceOf(type);
    expect((made as { nothingSent?: boolean }).nothingSent).toBe(nothingSent);
    expect(made.message).toContain('GET https://api.example/a ');
  });

  it('keeps nothing of the raw error but name, code and system call', () => {
    const made = networkError(
      'GET',
      URL_WITH_QUERY,
      raw('ECONNRESET', { config: { headers: 'secret' }, syscall: 'read' }),
    );
    expect(inspect(made, { depth: 10, showHidden: true })).not.toContain('secret');
    expect(made.cause).toMatchObject({ code: 'ECONNRESET', syscall: 'read' });
  });
});
