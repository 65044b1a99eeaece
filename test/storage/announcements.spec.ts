import type { TokenSignal } from 'nestjs-forge-auth';
import { Announcements } from '../../src/storage/announcements.js';
import { FakeClock } from '../support/fake-clock.js';

/** Messages that every process on one store sends and receives, in memory. */
class Air {
  readonly sent: string[] = [];
  readonly #ears = new Set<(message: string) => void>();
  subscriptions = 0;
  closed = 0;
  /** Subscriptions that fail before one stands. */
  deaf = 0;
  #tellState: ((up: boolean) => void)[] = [];

  signal(): TokenSignal {
    return {
      publish: async (_channel, message) => {
        this.sent.push(message);
        for (const ear of this.#ears) ear(message);
      },
      subscribe: async (_channel, listener, onStateChange = () => undefined) => {
        this.subscriptions += 1;
        if (this.deaf > 0) {
          this.deaf -= 1;
          throw new Error('The store is down.');
        }
        await Promise.resolve();
        this.#ears.add(listener);
        this.#tellState.push(onStateChange);
        onStateChange(true);
        return () => void this.#ears.delete(listener);
      },
      close: () => void (this.closed += 1),
    };
  }

  get ears(): number {
    return this.#ears.size;
  }

  /** The connection of every listener is lost, or there again. */
  state(up: boolean): void {
    for (const tell of this.#tellState) tell(up);
  }

  garble(message: string): void {
    for (const ear of this.#ears) ear(message);
  }
}

let air: Air;
let clock: FakeClock;
const settled = (): Promise<void> => clock.advance(0);

beforeEach(() => {
  air = new Air();
  clock = new FakeClock();
});

/** One process, and how often each key was heard of. */
function member(muted?: () => boolean): {
  announcements: Announcements;
  heard: string[];
  listen(key: string): () => void;
} {
  const announcements = new Announcements(air.signal(), clock, muted);
  const heard: string[] = [];
  return { announcements, heard, listen: (key) => announcements.onChange(key, () => heard.push(key)) };
}

it('reaches the others, and those in this process, once each', async () => {
  const [one, other] = [member(), member()];
  for (const { listen } of [one, other]) listen('a');
  await settled();
  one.heard.length = other.heard.length = 0;
  one.announcements.announce('a');
  expect([one.heard, other.heard]).toEqual([['a'], ['a']]);
});

it('reaches those only who listen to that key', async () => {
  const [one, other] = [member(), member()];
  const end = other.listen('a');
  other.listen('b');
  await settled();
  other.heard.length = 0;
  one.announcements.announce('a');
  end();
  one.announcements.announce('a');
  expect(other.heard).toEqual(['a']);
});

it('connects to nothing as long as nobody listens', async () => {
  const { announcements, listen } = member();
  announcements.announce('a');
  await settled();
  expect([air.subscriptions, announcements.up]).toEqual([0, false]);
  listen('a');
  listen('b');
  await settled();
  expect([air.subscriptions, announcements.up]).toEqual([1, true]);
});

it('lets everybody look when it is up, when it is lost, and when it is up again', async () => {
  const { announcements, heard, listen } = member();
  listen('a');
  await settled();
  expect(heard).toEqual(['a']);
  air.state(false);
  expect([heard, announcements.up]).toEqual([['a', 'a'], false]);
  air.state(false);
  air.state(true);
  air.state(true);
  expect([heard, announcements.up]).toEqual([['a', 'a', 'a'], true]);
});

it('tries again every 5 s until a subscription stands', async () => {
  air.deaf = 3;
  const { announcements, listen } = member();
  listen('a');
  await settled();
  for (let round = 0; round < 3; round += 1) {
    expect([air.subscriptions, announcements.up, clock.nextIn]).toEqual([round + 1, false, 5_000]);
    await clock.advance(5_000);
  }
  expect([air.subscriptions, announcements.up, clock.pending]).toEqual([4, true, 0]);
});

it('says nothing to a store that is down: messages would pile up; those in this process hear it all the same', async () => {
  let down = true;
  const { announcements, heard, listen } = member(() => down);
  listen('a');
  await settled();
  heard.length = 0;
  announcements.announce('a');
  expect([air.sent, heard]).toEqual([[], ['a']]);
  down = false;
  announcements.announce('a');
  expect(air.sent).toHaveLength(1);
});

it.each(['', 'nonsense', 'somebody', ' a', 'x y z'])(
  'takes no harm from a message of a stranger: %j',
  async (message) => {
    const { heard, listen } = member();
    listen('b');
    await settled();
    heard.length = 0;
    air.garble(message);
    expect(heard).toEqual([]);
  },
);

it("a message that cannot be sent is nobody's failure", async () => {
  const signal = { ...air.signal(), publish: () => Promise.reject(new Error('The store is down.')) };
  new Announcements(signal, clock).announce('a');
  await settled();
});

describe('closed', () => {
  it('closed ends its subscription, and hears and says nothing any more', async () => {
    const [one, other] = [member(), member()];
    for (const { listen } of [one, other]) listen('a');
    await settled();
    await other.announcements.close();
    other.heard.length = 0;
    one.announcements.announce('a');
    air.state(false);
    other.announcements.announce('a');
    other.listen('c');
    await settled();
    expect([other.heard, other.announcements.up, air.ears, air.closed]).toEqual([['a'], false, 1, 1]);
    expect(air.sent).toHaveLength(1);
    expect(air.subscriptions).toBe(2);
  });

  it('closed while it waits to try again, does not try again', async () => {
    air.deaf = 1;
    const { announcements, listen } = member();
    listen('a');
    await settled();
    await announcements.close();
    await clock.advance(60_000);
    expect([air.subscriptions, clock.pending]).toEqual([1, 0]);
  });

  it('closed while it subscribes, ends the subscription when it stands', async () => {
    const { announcements, listen } = member();
    listen('a');
    await announcements.close();
    await settled();
    expect(air.ears).toBe(0);
  });
});
