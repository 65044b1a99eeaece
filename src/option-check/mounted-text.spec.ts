import { mountedData, mountedDataFault } from './mounted-text.js';

const circle = (text: string): { text: string; self?: unknown } => {
  const data: { text: string; self?: unknown } = { text };
  data.self = [data];
  return data;
};

describe('plain data that was read from files', () => {
  it('plain data that was read from files is cut at each of its texts, but for those of several lines', () => {
    const pem = '-----BEGIN-----\nAA\n-----END-----\n';
    const given = { secret: 's\n', list: ['a\r\n', 1], pem, date: new Date(0) };
    expect(mountedData(given)).toEqual({ secret: 's', list: ['a', 1], pem, date: new Date(0) });
  });

  it('plain data that was read from files is refused by the place of the text, and of no name that says more', () => {
    expect(mountedDataFault({ a: { list: ['x', 'y\n'] } }, 'params')).toBe(
      'params.a.list[1] ends in a line break. Was it read from a file? Trim it',
    );
    expect(mountedDataFault({ 'a secret': 'x\n' }, 'params')).toContain('params.[a name with other characters in it]');
    expect(mountedDataFault({ pem: 'a\nb\n', a: 'x' }, 'params')).toBeUndefined();
  });

  it('plain data that contains itself is looked through once, and left as it is', () => {
    expect(mountedDataFault(circle('x'), 'requestData')).toBeUndefined();
    expect(mountedDataFault(circle('x\n'), 'requestData')).toContain('requestData.text ends');
    expect(mountedData(circle('x\n')).text).toBe('x');
    const shared = { text: 'x\n' };
    expect(mountedData({ a: shared, b: shared })).toEqual({ a: { text: 'x' }, b: { text: 'x' } });
  });
});
