import { ConfigurationError } from '../errors.js';
import { FakeClock } from '../testing/fake-clock.js';
import { wishedDelayMs } from './wished-delay.js';

const wished = (answer: unknown): number | undefined =>
  wishedDelayMs({ nextDelayMs: () => answer as number }, { attempt: 1 }, new FakeClock());

it.each([0, 5, -1, Number.POSITIVE_INFINITY, undefined])('a strategy may wish for a delay of %p', (answer) => {
  expect(wished(answer)).toBe(answer);
});

it.each([
  [Number.NaN, 'NaN'],
  [null, 'null'],
  [false, 'a boolean'],
  ['secret', 'a string'],
])('a delay that a strategy wishes for is a number or undefined, not %p', (answer, kind) => {
  expect(() => wished(answer)).toThrow(ConfigurationError);
  expect(() => wished(answer)).toThrow(`retry.nextDelayMs() returned ${kind}: it must return a number`);
});
