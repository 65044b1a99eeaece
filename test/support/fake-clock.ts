export { FakeClock, type FakeClockOptions } from '../../src/testing/fake-clock.js';
