import { setTimeout as pause } from 'node:timers/promises';
import type { FleetStory } from './fleet-story.js';

export const revokedUnderLoad: FleetStory = {
  title: 'The issuer revokes everything while all processes are under load',
  async tell({ world, fleet, claims }) {
    const load = fleet.keepCalling(10, 2_000, '/orders/7');
    await pause(500);
    const before = world.issuer.tokenRequests('orders');
    await world.revokeAll(world.orders);
    const { served, failed } = await load;

    claims.atLeast(100, served, 'callers served');
    claims.exactly(0, failed, 'callers who saw a failure');
    claims.exactly(0, before, 'token requests before');
    claims.exactly(1, world.issuer.tokenRequests('orders'), 'renewal seen by the authorization server');
    claims.atLeast(1, world.orders.answered(401), 'calls that the API answered 401; each was sent again');
  },
};
