import { callDeclared } from './own-options.js';

class Counter {
  count = 0;
  readonly nothing: (() => void) | undefined;

  add(by: number): number {
    this.count += by;
    return this.count;
  }
}

afterEach(() => {
  delete (Object.prototype as { planted?: unknown }).planted;
});

it('a method that an object or its class has is called on the object', () => {
  expect(callDeclared(new Counter(), 'add', 2)).toBe(2);
  expect(callDeclared(new (class extends Counter {})(), 'add', 3)).toBe(3);
  expect(callDeclared({ seen: (...given: number[]) => given }, 'seen', 1, 2)).toEqual([1, 2]);
});

it('a method that is not there, or is inherited from Object.prototype, is not called', () => {
  expect(callDeclared(new Counter(), 'nothing')).toBeUndefined();
  // oxlint-disable-next-line no-extend-native -- as an attacker would
  Object.defineProperty(Object.prototype, 'planted', { value: () => 'planted', configurable: true });
  expect(callDeclared({} as { planted?: () => string }, 'planted')).toBeUndefined();
});
