import { interleave, median } from './measure.mjs';
import { startProcess } from './process.mjs';

const CALLS = 1_000;
const ROUNDS = 7;
/** One and the same code can be a quarter faster or slower from process to process. */
const PROCESSES = 2;
/** Calls until everything is compiled. */
const WARM_UP_CALLS = 3_000;

/** Each face, what it takes the place of, and how much more it may cost. */
const FACES = [
  { way: 'axiosRef', name: 'axiosRef.get', against: 'plainAxios', plainly: 'axios.get', atMost: 1 },
  { way: 'httpService', name: 'httpService.get', against: 'bare', plainly: 'HttpService.get', atMost: 1 },
  { way: 'clientFetch', name: 'client.fetch', against: 'plainFetch', plainly: 'fetch', atMost: 0.75 },
  { way: 'requestMany', name: '1,000 by requestMany', against: 'byHand', plainly: 'the same by hand', atMost: 1 },
];

/** CPU time of calls with a cached token through each face, against the plain thing with the header set by hand. */
export async function benchFaces() {
  const server = await startProcess('server.mjs');
  const results = [];
  try {
    for (const face of FACES) results.push(await benchFace(face, server.ready));
  } finally {
    server.end();
  }
  return results;
}

/** Face and plain thing take turns in one process, as they would in one app. */
async function benchFace({ way, against, ...face }, { origin, accessToken }) {
  const [ratios, times] = [[], []];
  for (let count = 0; count < PROCESSES; count += 1) {
    const caller = await startProcess('caller.mjs', `${way},${against}`, origin, accessToken);
    try {
      const ask = (one, calls) => () => caller.ask({ way: one, count: calls });
      for (const one of [way, against]) await ask(one, WARM_UP_CALLS)();
      const measured = await interleave({ [way]: ask(way, CALLS), [against]: ask(against, CALLS) }, ROUNDS);
      ratios.push(...measured[way].map((value, round) => value / measured[against][round]));
      times.push(...measured[way]);
    } finally {
      caller.end();
    }
  }
  return { ...face, microseconds: median(times) / CALLS, ratio: median(ratios) };
}
