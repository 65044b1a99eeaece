import type { Clock } from '../../clock.js';
import { type DatedToken, RejectionTracker } from './rejection-tracker.js';
import { Token } from '../token.js';

class World implements Clock {
  time = 1_000_000;
  readonly probation = new RejectionTracker(this);
  now = (): number => this.time;
  random = (): number => 0.5;
  after = () => () => undefined;

  token(accessToken: string, obtainedAt = this.time): DatedToken {
    return { token: new Token({ accessToken }), obtainedAt };
  }

  /** A token that was rejected by a service, and what is in use in its place. */
  replaced(obtainedAt?: number): { first: DatedToken; second: DatedToken } {
    const first = this.token('first');
    this.time += 100_000;
    this.probation.reject(first);
    const second = this.token('second', obtainedAt ?? this.time);
    this.probation.begin(second, first.token);
    return { first, second };
  }
}

describe('RejectionTracker', () => {
  it('is for the token that was got in place of a rejected one', () => {
    const world = new World();
    const { first, second } = world.replaced();
    expect([world.probation.includes(first.token), world.probation.includes(second.token)]).toEqual([false, true]);
  });

  it('is not for one that was got before the rejection', () => {
    const world = new World();
    const { second } = world.replaced(world.time + 99_999);
    expect(world.probation.includes(second.token)).toBe(false);
    expect(world.probation.reject(second)).toBe(true);
  });

  it('is not for the first token, nor for one that takes the place of another than the rejected', () => {
    const world = new World();
    world.probation.begin(world.token('first'), undefined);
    expect(world.probation.includes(world.token('first').token)).toBe(false);
    world.replaced();
    world.probation.begin(world.token('third'), world.token('second').token);
    expect(world.probation.includes(world.token('third').token)).toBe(false);
  });

  it('ends in a pause when its token is rejected, too, by a call of its own or one that was sent again', () => {
    for (const rejectSecond of [
      ({ probation }: World, second: DatedToken) => void probation.reject(second),
      ({ probation }: World, second: DatedToken) => probation.recordOutcome(second.token, false, second),
      ({ probation }: World, second: DatedToken) => probation.recordOutcome(second.token, false, undefined),
    ]) {
      const world = new World();
      const { second } = world.replaced();
      rejectSecond(world, second);
      expect(world.probation.reject(second)).toBe(false);
      world.time += 30_000;
      expect(world.probation.reject(second)).toBe(true);
    }
  });

  it('ends without a pause when its token is accepted', () => {
    const world = new World();
    const { second } = world.replaced();
    world.probation.recordOutcome(second.token, true, second);
    expect(world.probation.includes(second.token)).toBe(false);
    expect(world.probation.reject(second)).toBe(true);
  });

  it('is over after 30 s: a token may be rejected then', () => {
    const world = new World();
    const { second } = world.replaced();
    world.time += 30_000;
    expect(world.probation.reject(second)).toBe(true);
  });

  it('ignores the outcome of a token that is neither an unproven replacement nor in use', () => {
    const world = new World();
    const { first, second } = world.replaced();
    world.probation.recordOutcome(first.token, false, second);
    world.probation.recordOutcome(first.token, true, second);
    expect(world.probation.includes(second.token)).toBe(true);
    expect(world.probation.reject(world.token('third'))).toBe(true);
  });

  it('is followed by a pause when the issuer answers the rejected token again', () => {
    const world = new World();
    const { second } = world.replaced();
    world.probation.answeredAgain();
    expect(world.probation.reject(second)).toBe(false);
  });
});
