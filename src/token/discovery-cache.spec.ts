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

const failing = async (): Promise<never> => {
  throw new Error('It is down.');
};

/** A cache, and what it answers: the count of the fetch that brought it. */
function world() {
  const clock = new FakeClock();
  const documents = new DiscoveryCache(clock);
  let fetched = 0;
  return { clock, documents, read: (url = 'issuer') => documents.get(url, async () => ({ fetched: (fetched += 1) })) };
}

it('a document is fetched once for all who ask at the same time, and each issuer has its own', async () => {
  const { read } = world();
  expect(await Promise.all([read(), read(), read('other')])).toEqual([{ fetched: 1 }, { fetched: 1 }, { fetched: 2 }]);
  expect(await read()).toEqual({ fetched: 1 });
});

it('a document that is old beats none; where none is known it fails; after half a minute it is asked for again', async () => {
  const { clock, documents, read } = world();
  await expect(documents.get('issuer', failing)).rejects.toThrow('It is down.');
  expect(await read()).toEqual({ fetched: 1 });
  await clock.advance(HOUR_MS);
  expect(await documents.get('issuer', failing)).toEqual({ fetched: 1 });
  await clock.advance(29_999);
  expect(await read()).toEqual({ fetched: 1 });
  await clock.advance(1);
  expect(await read()).toEqual({ fetched: 2 });
});

it('a document that has proved wrong is fetched again, unless another one is known by now', async () => {
  const { clock, documents, read } = world();
  await clock.advance(5);
  const [first, other] = [await read(), await read('other')];
  documents.expire(first);
  expect([await read(), await read('other')]).toEqual([{ fetched: 3 }, other]);
  documents.expire(first);
  expect(await read()).toEqual({ fetched: 3 });
});
