import { ConfigurationError } from '../errors.js';
import { checkOptions } from './option-check.js';
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
