import { ConfigurationError } from '../errors.js';
import { inheritsProxy, namesProxy, variable, variableInEitherCase } from './environment.js';

const NAMES = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'];
const before = { ...process.env };

beforeEach(() => {
  for (const name of NAMES) delete process.env[name];
});
afterEach(() => {
  for (const name of NAMES) {
    delete (Object.prototype as Record<string, unknown>)[name];
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

function plant(name: string): void {
  // oxlint-disable-next-line no-extend-native -- as an attacker would
  Object.defineProperty(Object.prototype, name, { value: 'http://evil.example', configurable: true, writable: true });
}

it('reads what the environment has, in either case', () => {
  process.env['HTTP_PROXY'] = 'http://proxy.example';
  expect([variable('HTTP_PROXY'), variable('http_proxy')]).toEqual(['http://proxy.example', undefined]);
  expect(variableInEitherCase('http_proxy')).toBe('http://proxy.example');
  expect([namesProxy(), inheritsProxy()]).toEqual([true, false]);
});

it('passes over a variable without a value', () => {
  process.env['http_proxy'] = '';
  process.env['HTTP_PROXY'] = 'http://proxy.example';
  expect(variableInEitherCase('http_proxy')).toBe('http://proxy.example');
  delete process.env['HTTP_PROXY'];
  expect(namesProxy()).toBe(false);
});

it.each(NAMES)('does not inherit %s', (name) => {
  plant(name);
  expect(variable(name)).toBeUndefined();
  expect([namesProxy(), inheritsProxy()]).toEqual([false, true]);
});

it('refuses to guess where the environment names a proxy of its own, too', () => {
  process.env['HTTP_PROXY'] = 'http://proxy.example';
  plant('http_proxy');
  expect(inheritsProxy).toThrow(ConfigurationError);
  expect(inheritsProxy).toThrow(/Object\.prototype has a property http_proxy/);
});
