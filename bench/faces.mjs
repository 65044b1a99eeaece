import { interleave, median, ratio } from './measure.mjs';
import { startProcess } from './process.mjs';

const CALLS = 5_000;
const ROUNDS = 11;
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
  const callers = {};
  try {
    const ways = FACES.flatMap(({ way, against }) => [way, against]);
    for (const way of ways) callers[way] = await startProcess('caller.mjs', way, origin, accessToken);
    const cases = Object.fromEntries(ways.map((way) => [way, () => callers[way].ask(CALLS)]));
    await interleave(cases, WARM_UP_ROUNDS);
    const measured = await interleave(cases, ROUNDS);
    return FACES.map(({ way, against, ...face }) => ({
      ...face,
      microseconds: median(measured[way]) / CALLS,
      ratio: ratio(measured, way, against),
    }));
  } finally {
    for (const { end } of [server, ...Object.values(callers)]) end();
  }
}
