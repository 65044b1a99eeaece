import { interleave, median, ratio } from './measure.mjs';
import { startProcess } from './process.mjs';

const CALLS = 3_000;
const ROUNDS = 5;
/** Processes of each way: one and the same code is a few hundredths faster or slower in each. */
const COPIES = 3;
/** Rounds until everything is compiled. */
const WARM_UP_ROUNDS = 2;

/** Each face, what it takes the place of, and how much more it may cost. */
const FACES = [
  { way: 'axiosRef', name: 'axiosRef.get', against: 'plainAxios', plainly: 'axios.get', atMost: 1.15 },
  { way: 'httpService', name: 'httpService.get', against: 'bare', plainly: 'HttpService.get', atMost: 1.15 },
  { way: 'clientFetch', name: 'client.fetch', against: 'plainFetch', plainly: 'fetch', atMost: 1 },
  { way: 'requestMany', name: '1,000 by requestMany', against: 'byHand', plainly: 'the same by hand', atMost: 1.05 },
];

/** CPU time of calls with a cached token through each face, against the plain thing with the header set by hand. */
export async function benchFaces() {
  const server = await startProcess('server.mjs');
  const { origin, accessToken } = server.ready;
  const callers = [];
  try {
    const ways = FACES.flatMap(({ way, against }) => [way, against]);
    const cases = {};
    for (const way of ways) {
      const copies = [];
      for (let copy = 0; copy < COPIES; copy += 1)
        copies.push(await startProcess('caller.mjs', way, origin, accessToken));
      callers.push(...copies);
      cases[way] = async () => {
        let sum = 0;
        for (const copy of copies) sum += await copy.ask(CALLS);
        return sum;
      };
    }
    await interleave(cases, WARM_UP_ROUNDS);
    const measured = await interleave(cases, ROUNDS);
    return FACES.map(({ way, against, ...face }) => ({
      ...face,
      microseconds: median(measured[way]) / (CALLS * COPIES),
      ratio: ratio(measured, way, against),
    }));
  } finally {
    for (const { end } of [server, ...callers]) end();
  }
}
