import { measureInTurn } from './in-turn.mjs';
import { median, ratio } from './measure.mjs';
import { PEER_WAYS } from './peer-ways.mjs';
import { startProcess } from './process.mjs';

const BARE = 'bare';
const UNDICI = 'undiciRequest';
const OWN_WAYS = {
  [BARE]: 'HttpService',
  default: 'client.get',
  undici: 'client.get over undici',
};

/** CPU time of calls with a cached token: of ours, and of what an app would pick in place of it. @param peers packages that are there */
export async function benchCalls(peers) {
  const others = Object.entries(PEER_WAYS).filter(([, { needs }]) => needs === undefined || peers.has(needs));
  const names = { ...OWN_WAYS, ...Object.fromEntries(others.map(([way, { name }]) => [way, name])) };
  const theirs = others.map(([way]) => way).filter((way) => way !== UNDICI);
  // Together in one process stands what one app would have: our client over one transport.
  const groups = await withCallers(async (start) => [
    await measureInTurn([BARE, 'default'], start, { blocks: 100 }),
    await measureInTurn([BARE, 'undici', UNDICI], start, { blocks: 100 }),
    await measureInTurn([BARE, ...theirs], start, { blocks: 30, warmUpBlocks: 20 }),
  ]);
  return Object.entries(names).map(([way, name]) => {
    const measured = groups.find((group) => way in group);
    return {
      way,
      name,
      ours: way === 'default' || way === 'undici',
      microseconds: median(measured[way]),
      ratio: ratio(measured, way, BARE),
      toUndici: UNDICI in measured ? ratio(measured, way, UNDICI) : undefined,
    };
  });
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
  const measured = await withCallers((start) => measureInTurn(Object.keys(OPTIONS), start, { blocks: 75 }));
  return Object.entries(OPTIONS).map(([way, name]) => ({
    way,
    name,
    microseconds: median(measured[way]),
    ratio: ratio(measured, way, 'default'),
  }));
}

const BULK = { calls: 1_000, warmUpBlocks: 4, blocks: 20 };

/** Each face, what it takes the place of, and how much more it may cost. */
const FACES = [
  { way: 'axiosRef', name: 'axiosRef.get', against: 'plainAxios', plainly: 'axios.get', atMost: 1 },
  { way: 'httpService', name: 'httpService.get', against: BARE, plainly: 'HttpService.get', atMost: 1 },
  { way: 'clientFetch', name: 'client.fetch', against: 'plainFetch', plainly: 'fetch', atMost: 0.75 },
  {
    way: 'requestMany',
    name: '1,000 by requestMany',
    against: 'byHand',
    plainly: 'the same by hand',
    atMost: 1,
    size: BULK,
  },
];

/** CPU time of calls with a cached token through each face, against the plain thing with the header set by hand. */
export async function benchFaces() {
  return withCallers(async (start) => {
    const results = [];
    for (const { way, against, size = { blocks: 75 }, ...face } of FACES) {
      const measured = await measureInTurn([way, against], start, { ...size });
      results.push({ ...face, microseconds: median(measured[way]), ratio: ratio(measured, way, against) });
    }
    return results;
  });
}

/** Runs `work` with an API, and with what starts processes that call it in several ways. */
async function withCallers(work) {
  const server = await startProcess('server.mjs');
  const { origin, accessToken } = server.ready;
  let clients = 0;
  const start = (ways) => {
    clients += ways.length;
    return startProcess('caller.mjs', ways.join(','), origin, accessToken);
  };
  try {
    const result = await work(start);
    // Or what was measured is something else.
    if ((await server.ask('count')).tokenRequests > clients) throw new Error('A token was not cached.');
    return result;
  } finally {
    server.end();
  }
}
