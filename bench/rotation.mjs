import { interleave, median, quantile } from './measure.mjs';
import { startProcess } from './process.mjs';

const ROUND_MS = 1_500;
const ROUNDS = 7;
/** One is replaced in nearly every second; the other never. */
const LIFE = { steady: 86_400, rotating: 1 };

/** Duration of the slowest hundredth of calls while tokens are replaced under them, against while none is. */
export async function benchRotation() {
  const server = await startProcess('server.mjs');
  const callers = {};
  try {
    for (const [way, life] of Object.entries(LIFE))
      callers[way] = await startProcess('latency-caller.mjs', server.ready.origin, String(life));
    const p99 = async (way) => quantile(await callers[way].ask(ROUND_MS), 0.99);
    const cases = { steady: () => p99('steady'), rotating: () => p99('rotating') };
    await interleave(cases, 1);
    const { tokenRequests } = await server.ask('count');
    const measured = await interleave(cases, ROUNDS);
    const rotations = (await server.ask('count')).tokenRequests - tokenRequests;
    if (rotations < ROUNDS) throw new Error(`Tokens were replaced ${rotations} times: too seldom to be measured.`);
    const [steady, rotating] = [median(measured.steady), median(measured.rotating)];
    return { rotations, steadyMs: steady, rotatingMs: rotating, ratio: rotating / steady };
  } finally {
    for (const { end } of [server, ...Object.values(callers)]) end();
  }
}
