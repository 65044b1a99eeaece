import { interleave, median, ratio } from './measure.mjs';
import { startProcess } from './process.mjs';

const CALLS = 3_000;
const ROUNDS = 7;
/** Rounds until everything is compiled. */
const WARM_UP_ROUNDS = 2;
const BARE = 'bare';
const WAYS = {
  [BARE]: 'HttpService.get, header set by hand',
  default: 'client.get',
  ownAgent: 'client.get, agents of its own',
  retrying: 'client.get, retry configured',
  totalTimeout: 'client.get, total timeout',
  logging: 'client.get, logging',
  metrics: 'client.get, metrics',
  telemetry: 'client.get, metrics and spans, all sampled',
  undici: 'client.get, over undici',
};

/** CPU time of calls with a cached token, against those of a bare `HttpService` with the header set by hand. */
export async function benchCalls() {
  const server = await startProcess('server.mjs');
  const { origin, accessToken } = server.ready;
  const callers = {};
  try {
    for (const way of Object.keys(WAYS)) callers[way] = await startProcess('caller.mjs', way, origin, accessToken);
    const cases = Object.fromEntries(Object.keys(WAYS).map((way) => [way, () => callers[way].ask(CALLS)]));
    await interleave(cases, WARM_UP_ROUNDS);
    const measured = await interleave(cases, ROUNDS);
    await assertCachedTokens(server);
    return Object.entries(WAYS).map(([way, name]) => ({
      way,
      name,
      microseconds: median(measured[way]) / CALLS,
      ratio: ratio(measured, way, BARE),
    }));
  } finally {
    for (const { end } of [server, ...Object.values(callers)]) end();
  }
}

/** Each caller but the bare one asked for one token: or what was measured is something else. */
async function assertCachedTokens(server) {
  const { tokenRequests } = await server.ask('count');
  const expected = Object.keys(WAYS).length - 1;
  if (tokenRequests !== expected) throw new Error(`${tokenRequests} token requests were made, not ${expected}.`);
}
