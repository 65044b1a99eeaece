/**
 * Calls an API, so many calls at once, in a process of its own: given the origin, and the seconds that its tokens live.
 * Answers a number of milliseconds with how long each call took meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientCredentialsTokenProvider, createForgeClient } from '../dist/index.js';

const CONCURRENCY = 10;
/** Less than the machine can do: what is measured is a call, not a queue. */
const PAUSE_MS = 5;
const [origin, life] = process.argv.slice(2);
const provider = new ClientCredentialsTokenProvider({
  tokenUrl: `${origin}/token?life=${life}`,
  clientId: 'bench',
  clientSecret: 'secret',
});
const client = createForgeClient({ name: 'orders', baseUrl: origin, auth: { provider } });

async function measure(milliseconds) {
  const latencies = [];
  const endsAt = performance.now() + milliseconds;
  const worker = async () => {
    while (performance.now() < endsAt) {
      const startedAt = performance.now();
      await client.get('/orders/7');
      latencies.push(performance.now() - startedAt);
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return latencies;
}

process.on('message', async (milliseconds) => process.send(await measure(milliseconds)));
process.on('disconnect', () => process.exit());
process.send('ready');
