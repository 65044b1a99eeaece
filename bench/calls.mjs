import { interleave, median, ratio } from './measure.mjs';
import { PEER_WAYS } from './peer-ways.mjs';
import { startProcess } from './process.mjs';
import { progress } from './progress.mjs';

const CALLS = 1_000;
const ROUNDS = 7;
/** Calls until everything is compiled. */
const WARM_UP_CALLS = 4_000;
const BARE = 'bare';
const OWN_WAYS = {
  [BARE]: 'HttpService',
  default: 'client.get',
  undici: 'client.get over undici',
};

/** CPU time of calls with a cached token: of ours, and of what an app would pick in place of it. @param peers packages that are there */
export async function benchCalls(peers) {
  const others = Object.entries(PEER_WAYS).filter(([, { needs }]) => needs === undefined || peers.has(needs));
  const ways = { ...OWN_WAYS, ...Object.fromEntries(others.map(([way, { name }]) => [way, name])) };
  const measured = await measureWays(Object.keys(ways));
  return Object.entries(ways).map(([way, name]) => ({
    way,
    name,
    ours: way === 'default' || way === 'undici',
    microseconds: median(measured[way]) / CALLS,
    ratio: ratio(measured, way, BARE),
    toUndici: ratio(measured, way, 'undiciRequest'),
  }));
}

const OPTIONS = {
  default: 'as it is',
  ownAgent: 'agents of its own',
  retrying: 'retry configured',
  totalTimeout: 'total timeout',
  logging: 'logging',
};

/** Cost of options on every call, against `client.get` without them. */
export async function benchOptions() {
  const measured = await measureWays(Object.keys(OPTIONS));
  return Object.entries(OPTIONS).map(([way, name]) => ({
    way,
    name,
    microseconds: median(measured[way]) / CALLS,
    ratio: ratio(measured, way, 'default'),
  }));
}

/** Each way in a process of its own; they take turns. */
async function measureWays(ways) {
  const server = await startProcess('server.mjs');
  const { origin, accessToken } = server.ready;
  const callers = {};
  try {
    for (const way of ways) callers[way] = await startProcess('caller.mjs', way, origin, accessToken);
    const cases = Object.fromEntries(ways.map((way) => [way, () => callers[way].ask({ way, count: CALLS })]));
    for (const way of ways) {
      progress.tell(`${way}, warming up`);
      await callers[way].ask({ way, count: WARM_UP_CALLS });
    }
    const { tokenRequests } = await server.ask('count');
    const measured = await interleave(cases, ROUNDS);
    // Or what was measured is something else.
    if ((await server.ask('count')).tokenRequests !== tokenRequests) throw new Error('A token was not cached.');
    return measured;
  } finally {
    for (const { end } of [server, ...Object.values(callers)]) end();
  }
}
