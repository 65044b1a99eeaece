import { type Clock, Instant } from '../../clock.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { CachedToken } from './cached-token.js';
import { RejectionTracker } from './rejection-tracker.js';
import { Token } from '../token.js';

/** What the tracker reads of a token in use. */
const cached = (accessToken: string, obtainedAt: number, clock: Clock): CachedToken =>
  ({ token: new Token({ accessToken }), obtainedAt, takenAt: new Instant(clock) }) as CachedToken;

class World implements Clock {
  time = 1_000_000;
  readonly tracker = new RejectionTracker(this);
  now = (): number => this.time;
  random = (): number => 0.5;
  after = () => () => undefined;

  token(accessToken: string, obtainedAt = this.time): CachedToken {
    return cached(accessToken, obtainedAt, this);
  }

  /** A token that was rejected by a service, and what is in use in its place. */
  replaced(obtainedAt?: number): { first: CachedToken; second: CachedToken } {
    const first = this.token('first');
    this.time += 100_000;
    this.tracker.reject(first);
    const second = this.token('second', obtainedAt ?? this.time);
    this.tracker.begin(second, first.token);
    return { first, second };
  }
}

describe('RejectionTracker', () => {
  it('RejectionTracker is for the token that was got in place of a rejected one', () => {
    const world = new World();
    const { first, second } = world.replaced();
    expect([world.tracker.includes(first.token), world.tracker.includes(second.token)]).toEqual([false, true]);
  });

  it('RejectionTracker is not for one that was got before the rejection', () => {
    const world = new World();
    const { second } = world.replaced(world.time + 99_999);
    expect(world.tracker.includes(second.token)).toBe(false);
    expect(world.tracker.reject(second)).toBe(true);
  });

  it('RejectionTracker is not for the first token, nor for one that takes the place of another than the rejected', () => {
    const world = new World();
    world.tracker.begin(world.token('first'), undefined);
    expect(world.tracker.includes(world.token('first').token)).toBe(false);
    world.replaced();
    world.tracker.begin(world.token('third'), world.token('second').token);
    expect(world.tracker.includes(world.token('third').token)).toBe(false);
  });

  it('RejectionTracker ends in a pause when its token is rejected, too, by a call of its own or one that was sent again', () => {
    for (const rejectSecond of [
      ({ tracker }: World, second: CachedToken) => void tracker.reject(second),
      ({ tracker }: World, second: CachedToken) => tracker.recordOutcome(second.token, false, second),
      ({ tracker }: World, second: CachedToken) => tracker.recordOutcome(second.token, false, undefined),
    ]) {
      const world = new World();
      const { second } = world.replaced();
      rejectSecond(world, second);
      expect(world.tracker.reject(second)).toBe(false);
      world.time += 30_000;
      expect(world.tracker.reject(second)).toBe(true);
    }
  });

  it('RejectionTracker ends without a pause when its token is accepted', () => {
    const world = new World();
    const { second } = world.replaced();
    world.tracker.recordOutcome(second.token, true, second);
    expect(world.tracker.includes(second.token)).toBe(false);
    expect(world.tracker.reject(second)).toBe(true);
  });

  it('RejectionTracker lets a token that was accepted be rejected without a pause: whoever does has a reason of his own', () => {
    const world = new World();
    const { second } = world.replaced();
    world.tracker.recordOutcome(second.token, true, second);
    world.tracker.recordOutcome(second.token, false, second);
    expect(world.tracker.reject(second)).toBe(true);
  });

  it('RejectionTracker is over after 30 s: a token may be rejected then', () => {
    const world = new World();
    const { second } = world.replaced();
    world.time += 30_000;
    expect(world.tracker.reject(second)).toBe(true);
  });

  it('ignores the outcome of a token that is neither an unproven replacement nor in use', () => {
    const world = new World();
    const { first, second } = world.replaced();
    world.tracker.recordOutcome(first.token, false, second);
    world.tracker.recordOutcome(first.token, true, second);
    expect(world.tracker.includes(second.token)).toBe(true);
    expect(world.tracker.reject(world.token('third'))).toBe(true);
  });

  it('RejectionTracker is followed by a pause when the issuer answers the rejected token again', () => {
    const world = new World();
    const { second } = world.replaced();
    world.tracker.answeredAgain();
    expect(world.tracker.reject(second)).toBe(false);
  });
});

it('the issuer’s answer of the rejected token once more pauses renewal, be it one that was accepted before', () => {
  const world = new World();
  const only = world.token('only');
  world.tracker.recordOutcome(only.token, true, only);
  expect(world.tracker.reject(only)).toBe(true);
  world.tracker.answeredAgain();
  expect(world.tracker.reject(only)).toBe(false);
  world.time += 30_000;
  expect(world.tracker.reject(only)).toBe(true);
  world.tracker.answeredAgain();
  expect(world.tracker.reject(only)).toBe(false);
  world.tracker.recordOutcome(only.token, true, only);
  expect(world.tracker.reject(only)).toBe(true);
});

const start = (): { clock: FakeClock; tracker: RejectionTracker; taken: (name: string) => CachedToken } => {
  const clock = new FakeClock();
  const taken = (accessToken: string): CachedToken => cached(accessToken, clock.now(), clock);
  return { clock, tracker: new RejectionTracker(clock), taken };
};

describe.each([-3_600_000, 3_600_000])('the time of day set by %d ms', (setMs) => {
  it('makes a fresh token no older, nor an old one fresh', async () => {
    for (const [ageMs, isFresh] of [
      [29_999, true],
      [30_000, false],
    ] as const) {
      const { clock, tracker, taken } = start();
      const inUse = taken('a');
      await clock.advance(ageMs);
      clock.jump(setMs);
      tracker.recordOutcome(inUse.token, false, inUse);
      expect(tracker.reject(inUse)).toBe(!isFresh);
    }
  });

  it('leaves a token the one that came in place of a rejected one', () => {
    const { clock, tracker, taken } = start();
    const first = taken('first');
    tracker.reject(first);
    clock.jump(setMs);
    const second = taken('second');
    tracker.begin(second, first.token);
    expect(tracker.includes(second.token)).toBe(true);
  });
});
