import { FakeClock } from '../testing/fake-clock.js';
import { DiscoveryCache } from './discovery-cache.js';

const HOUR_MS = 3_600_000;

it.each([-24 * HOUR_MS, 0, 24 * HOUR_MS])(
  'a document is used for an hour, though the clock jumps by %d ms',
  async (jump) => {
    const clock = new FakeClock();
    const documents = new DiscoveryCache(clock);
    let fetched = 0;
    const read = async (): Promise<unknown> => documents.get('issuer', async () => ({ fetched: (fetched += 1) }));
    await read();
    clock.jump(jump);
    await clock.advance(HOUR_MS - 1);
    expect(await read()).toEqual({ fetched: 1 });
    await clock.advance(1);
    expect(await read()).toEqual({ fetched: 2 });
  },
);
