import { Claims } from '../stories/claims.js';
import { Fleet } from './fleet.js';
import { ParentPlace } from './places/parent.place.js';
import type { Place } from './places/place.js';
import { givenRedis, ownRedis } from './places/redis.place.js';
import { coldStart } from './stories/cold-start.story.js';
import type { FleetStory } from './stories/fleet-story.js';
import { killedHolder } from './stories/killed-holder.story.js';
import { revokedUnderLoad } from './stories/revoked-under-load.story.js';
import { severalExpiries } from './stories/several-expiries.story.js';
import { storeOutage } from './stories/store-outage.story.js';
import { startFleetWorld } from './world.js';

const PROCESSES = 4;
/** Stories, in the order in which they run: the first meets a fleet that has no token yet. */
const STORIES: readonly FleetStory[] = [coldStart, severalExpiries, revokedUnderLoad, killedHolder, storeOutage];

const interrupted = new Promise<'interrupted'>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('interrupted'));
});

const place = await choosePlace();
const world = await startFleetWorld();
const fleet = new Fleet(world.environment, place);
const outcome = await Promise.race([tell(), interrupted]);
await fleet.end();
await place.close();
await world.close();
if (outcome === 'interrupted') process.exit(130);
process.exitCode = outcome ? 0 : 1;

/** Redis, unless there is none or `--no-redis` says to do without. */
async function choosePlace(): Promise<Place> {
  if (process.argv.includes('--no-redis')) return new ParentPlace();
  const url = process.env['REDIS_URL'];
  return url ? givenRedis(url) : ((await ownRedis()) ?? new ParentPlace());
}

/** Returns whether every claim held. */
async function tell(): Promise<boolean> {
  console.log(`A Nest app in ${PROCESSES} processes, an authorization server, and two services that want its tokens.`);
  console.log(place.description);
  await fleet.grow(PROCESSES);
  const claims = new Claims();
  for (const [index, story] of STORIES.entries()) {
    world.forget();
    console.log(`\n${index + 1}. ${story.title}`);
    await story.tell({ world, fleet, place, claims });
  }
  console.log(`\n${STORIES.length + 1}. The fleet ends`);
  claims.exactly(PROCESSES, await fleet.end(), 'processes that ended by themselves: nothing kept them alive');
  return claims.conclude();
}
