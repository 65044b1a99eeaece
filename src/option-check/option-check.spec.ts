import { ConfigurationError } from '../errors.js';
import { checkOptions, isClass } from './option-check.js';
import { RULES } from './option-rules.js';

const place = { refuse: (problem: string) => new ConfigurationError(`test: ${problem}`) };

describe('an option that is a text', () => {
  it.each(['\uD800', 'a\uDC00b', 'orders-\uD83D'])(
    'an option that is a text is refused with half of a character in it',
    (name) => {
      expect(() => checkOptions({ name }, { name: RULES.text }, place)).toThrow(/^test: name has half of a character/);
      expect(() => checkOptions({ name }, { name: RULES.any }, place)).toThrow(ConfigurationError);
    },
  );

  it.each(['orders', 'Bücher', '\u{1F600}'])('an option that is a text is taken with whole ones: %s', (name) => {
    expect(() => checkOptions({ name }, { name: RULES.text }, place)).not.toThrow();
  });
});

function Compiled(): void {}
Compiled.prototype.allow = () => true;

describe('a class', () => {
  class WithMethod {
    allow(): boolean {
      return true;
    }
  }
  class WithProperty {
    allow = (): boolean => true;
  }

  it.each([
    ['one with the method', WithMethod, true, true],
    ['one with the method as a property of its instances', WithProperty, true, true],
    ['one compiled to a function', Compiled, true, false],
    ['a function', () => true, false, false],
    ['an instance', new WithMethod(), false, false],
  ])('a class is known by its text, or by a method of its instances: %s', (_what, value, withMethod, alone) => {
    expect(isClass(value, 'allow')).toBe(withMethod);
    expect(isClass(value)).toBe(alone);
  });
});
