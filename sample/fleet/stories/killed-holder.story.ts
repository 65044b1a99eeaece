import type { FleetStory } from './fleet-story.js';

export const killedHolder: FleetStory = {
  title: 'The process that renews the token is killed in the middle of it',
  async tell({ world, fleet, claims }) {
    const [holder] = fleet.members;
    if (holder === undefined) throw new Error('There is no process.');
    await holder.visitors.allAtOnce(1, '/orders/7');
    await world.revokeAll(world.orders);
    world.forget();
    const answer = world.issuer.holdAnswers();
    const lost = holder.visitors.allAtOnce(1, '/orders/7');
    await answer.asked;
    await fleet.kill(holder);
    answer.release();
    const { served } = await fleet.allAtOnce(100, '/orders/7');

    claims.exactly(1, (await lost).failed, 'caller lost with the process');
    claims.exactly(300, served, 'callers of the others served, as soon as the lease of the dead one ran out');
    claims.exactly(2, world.issuer.tokenRequests('orders'), 'token requests: that of the dead one, and one more');

    world.forget();
    const [successor] = await fleet.grow(1);
    const fared = await successor?.visitors.allAtOnce(100, '/orders/7');
    claims.exactly(100, fared?.served ?? 0, 'callers served by a process that takes its place');
    claims.exactly(0, world.issuer.tokenRequests('orders'), 'token requests of it: it found the token of the others');
  },
};
