import { interleave, median } from './measure.mjs';
import { startProcess } from './process.mjs';

const CALLS = 2_000;
const ROUNDS = 4;
/** Pairs of processes of each face: one and the same code can be a quarter faster or slower from process to process. */
const PAIRS = 3;
/** Rounds until everything is compiled. */
const WARM_UP_ROUNDS = 2;

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

/** Face and plain thing take turns, so that both have the same weather. */
async function benchFace({ way, against, ...face }, { origin, accessToken }) {
  const times = { [way]: [], [against]: [] };
  for (let count = 0; count < PAIRS; count += 1) {
    const callers = [];
    try {
      for (const one of [way, against]) callers.push(await startProcess('caller.mjs', one, origin, accessToken));
      const [ours, plain] = callers;
      const pair = { [way]: () => ours.ask(CALLS), [against]: () => plain.ask(CALLS) };
      await interleave(pair, WARM_UP_ROUNDS);
      const measured = await interleave(pair, ROUNDS);
      for (const one of [way, against]) times[one].push(...measured[one]);
    } finally {
      for (const { end } of callers) end();
    }
  }
  const microseconds = median(times[way]);
  return { ...face, microseconds: microseconds / CALLS, ratio: microseconds / median(times[against]) };
}
