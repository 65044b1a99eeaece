import { interleave, median, ratio } from './measure.mjs';
import { startProcess } from './process.mjs';

const SERVICES = 1_000;
const ROUNDS = 3;
const BARE = 'register';
/** Least that Nest takes for a module with as many providers as a service has: the least of forFeature(). */
const EMPTY = 'factories';
const WAYS = {
  [BARE]: 'HttpModule.register(), 1,000 times',
  [EMPTY]: 'a module with four factories that answer {}, 1,000 times',
  forRoot: 'ForgeAuthModule.forRoot(), 1,000 services',
  forFeature: 'ForgeAuthModule.forFeature(), 1,000 times',
};

/** CPU time and heap of an application with 1,000 services, against one with as many bare HTTP modules. */
export async function benchBoot() {
  const heaps = Object.fromEntries(Object.keys(WAYS).map((way) => [way, []]));
  const boot = async (way) => {
    const { ready, end } = await startProcess('boot-app.mjs', way, String(SERVICES));
    end();
    heaps[way].push(ready.heap);
    return ready.cpuTime;
  };
  const cpuTimes = await interleave(Object.fromEntries(Object.keys(WAYS).map((way) => [way, () => boot(way)])), ROUNDS);
  return Object.entries(WAYS).map(([way, name]) => ({
    way,
    name,
    microsecondsEach: median(cpuTimes[way]) / SERVICES,
    cpuRatio: ratio(cpuTimes, way, BARE),
    bytesEach: median(heaps[way]) / SERVICES,
    heapRatio: ratio(heaps, way, BARE),
  }));
}
