import { PRICES_LIFETIME_S } from '../world.js';
import type { FleetStory } from './fleet-story.js';

const LIFETIME_MS = PRICES_LIFETIME_S * 1_000;
const DURATION_MS = 3.5 * LIFETIME_MS;

export const severalExpiries: FleetStory = {
  title: `Tokens that live for ${PRICES_LIFETIME_S} seconds, under load in all processes for ${DURATION_MS / 1_000}`,
  async tell({ world, fleet, claims }) {
    const { served, failed } = await fleet.keepCalling(5, DURATION_MS, '/prices/anvil');
    const times = world.issuer.tokenRequestTimes('prices');
    const ages = times.slice(1).map((time, index) => time - (times[index] ?? time));
    // Two processes that renewed the same token would have done so at about the same time.
    const ranOut = ages.filter((age) => age > LIFETIME_MS / 2).length;

    claims.atLeast(100, served, 'callers served');
    claims.exactly(0, failed, 'callers who saw a failure');
    claims.exactly(0, world.prices.answered(401), 'calls that the API answered 401');
    claims.atLeast(3, ranOut, 'times that the token was about to run out');
    claims.exactly(ranOut, ages.length, 'renewals seen by the authorization server: one each time');
  },
};
