import {
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  PipelineTokenProvider,
  TokenFetchPipeline,
  TokenManager,
} from '../dist/index.js';
import { cpuTimeOf, interleave, median, ratio } from './measure.mjs';
import { startProcess } from './process.mjs';

const CALLERS = 1_000;
const STAMPEDES = 5;
/** Milliseconds that each step's endpoint takes: much more than this package. */
const STEP_MS = 100;
const RUNS = 7;

/** 1,000 callers of a manager without a token: what one costs, and how many token requests they make. */
export async function benchStampede() {
  const server = await startProcess('server.mjs');
  try {
    const cpuTimes = [];
    for (let round = 0; round < STAMPEDES; round += 1) {
      const provider = new ClientCredentialsTokenProvider({
        tokenUrl: `${server.ready.origin}/token`,
        clientId: `stampede-${round}`,
        clientSecret: 'secret',
      });
      const manager = new TokenManager({ name: 'stampede', provider });
      cpuTimes.push(await cpuTimeOf(() => Promise.all(Array.from({ length: CALLERS }, () => manager.getToken()))));
      await manager.close();
    }
    const { tokenRequests } = await server.ask('count');
    return { microseconds: median(cpuTimes) / CALLERS, requestsEach: tokenRequests / STAMPEDES };
  } finally {
    server.end();
  }
}

/** A pipeline of four steps, two of them side by side, without a token: against the longest way through it, by hand. */
export async function benchDiamond() {
  const server = await startProcess('server.mjs');
  const { origin } = server.ready;
  const step = (name, ...dependsOn) =>
    new BodyTokenFetcher({ name, baseUrl: origin, endpoint: `/token?wait=${STEP_MS}`, dependsOn });
  const steps = [step('device'), step('left', 'device'), step('right', 'device'), step('user', 'left', 'right')];
  const pipeline = new TokenFetchPipeline({ steps });
  const manager = new TokenManager({ name: 'diamond', provider: new PipelineTokenProvider({ pipeline }) });
  // What tells two pipelines apart is derived slowly, on purpose, and once in the life of a process.
  await manager.getToken();
  const through = async () => {
    await manager.invalidate();
    return timeOf(() => manager.getToken());
  };
  const byHand = () =>
    timeOf(async () => {
      for (let count = 0; count < 3; count += 1)
        await (await fetch(`${origin}/token?wait=${STEP_MS}`, { method: 'POST' })).json();
    });
  try {
    const cases = { pipeline: through, 'critical path': byHand };
    await interleave(cases, 1);
    const { tokenRequests } = await server.ask('count');
    const measured = await interleave(cases, RUNS);
    const made = (await server.ask('count')).tokenRequests - tokenRequests;
    if (made !== RUNS * (4 + 3)) throw new Error(`${made} requests were made: not every step was cold.`);
    return {
      pipelineMs: median(measured.pipeline),
      criticalMs: median(measured['critical path']),
      ratio: ratio(measured, 'pipeline', 'critical path'),
    };
  } finally {
    await manager.close();
    server.end();
  }
}

async function timeOf(work) {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
