import { normalizeParameters, parameter, parametersOf, withoutParameters, withParameters } from './parameters.js';

describe('the parameters of a query', () => {
  it('the parameters of a query are read with and without a value, wherever the first = stands', () => {
    expect(parametersOf('a=b=c&&flag&=v&x=&%41=%zz')).toEqual([
      ['a', 'b%3Dc'],
      ['flag', ''],
      ['', 'v'],
      ['x', ''],
      ['A', '%25zz'],
    ]);
  });

  it('the parameters of a query are sorted by name, then by value, by their octets', () => {
    expect(normalizeParameters(parametersOf('b=1&a=2&a=10&a=1&B=3&a%20=0&a=1'))).toBe(
      'B=3&a=1&a=1&a=10&a=2&a%20=0&b=1',
    );
  });

  it('the parameters of a query that are taken out leave the others as they were written', () => {
    const names = new Set(['oauth_nonce']);
    expect(withoutParameters('a=%FF&&oauth%5Fnonce=x&b&oauth_nonce', names)).toBe('a=%FF&b');
    expect(withoutParameters('a=%FF&&b', names)).toBe('a=%FF&&b');
  });

  it('the parameters of the protocol stand behind those of a query', () => {
    const added = [parameter('oauth_nonce', 'n &'), parameter('oauth_token', 't')];
    expect(withParameters('a=b', added)).toBe('a=b&oauth_nonce=n%20%26&oauth_token=t');
    expect(withParameters('', added)).toBe('oauth_nonce=n%20%26&oauth_token=t');
  });
});
