import type { FleetStory } from './fleet-story.js';

export const coldStart: FleetStory = {
  title: '100 callers in each process at once, and no token yet',
  async tell({ world, fleet, claims }) {
    const { served } = await fleet.allAtOnce(100, '/orders/7');

    claims.exactly(400, served, 'callers served');
    claims.exactly(1, world.issuer.tokenRequests('orders'), 'token request seen by the authorization server');
    claims.exactly(400, world.orders.answered(200), 'calls that the API answered 200');
    claims.exactly(0, world.orders.answered(401), 'calls that the API answered 401');
  },
};
