import type { FleetScene, FleetStory } from './fleet-story.js';

/** Far above what a fleet takes to find its store again. */
const PATIENCE_MS = 20_000;
const GONE = 'Token storage is not answering';
const BACK = 'Token storage is back';

export const storeOutage: FleetStory = {
  title: 'The place where the tokens are kept goes down, and comes back empty',
  async tell(scene) {
    const { outage } = scene.place;
    if (outage === undefined) return void console.log('   Left out: this Redis is not ours to stop.');
    await outage.begin();
    await whileDown(scene);
    await outage.end();
    await onceBack(scene);
  },
};

async function whileDown({ world, fleet, claims }: FleetScene): Promise<void> {
  const { served, failed } = await fleet.keepCalling(5, 1_000, '/orders/7');
  claims.atLeast(100, served, 'callers served while it is down');
  claims.exactly(0, failed, 'callers who saw a failure');
  claims.exactly(0, world.issuer.tokenRequests('orders'), 'token requests: every process has its token at hand');

  await world.revokeAll(world.orders);
  const renewed = await fleet.allAtOnce(100, '/orders/7');
  claims.exactly(400, renewed.served, 'callers served when everything is revoked, too');
  claims.atMost(4, world.issuer.tokenRequests('orders'), 'token requests: one of each process');
}

async function onceBack({ world, fleet, claims }: FleetScene): Promise<void> {
  const logged = (line: string): number => fleet.members.filter((member) => member.logged(line) === 1).length;
  const end = Date.now() + PATIENCE_MS;
  let failures = 0;
  while (logged(BACK) < fleet.members.length && Date.now() < end) {
    failures += (await fleet.keepCalling(2, 200, '/orders/7')).failed;
  }
  claims.exactly(0, failures, 'callers who saw a failure until every process found it again');
  claims.exactly(4, logged(GONE), 'processes that logged once that it is down');
  claims.exactly(4, logged(BACK), 'processes that logged once that it is back');

  await world.revokeAll(world.orders);
  world.forget();
  const { served } = await fleet.allAtOnce(100, '/orders/7');
  claims.exactly(400, served, 'callers served when everything is revoked again');
  claims.exactly(1, world.issuer.tokenRequests('orders'), 'token request: the fleet is one again');
}
