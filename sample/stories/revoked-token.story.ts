import type { Story } from './story.js';

export const revokedToken: Story = {
  title: 'The token is revoked at the issuer, and 100 callers come again',
  async tell({ world, visitors, claims }) {
    await visitors.allAtOnce(1, '/orders/7');
    const [revoked = ''] = world.orders.credentials;
    await world.issuer.revoke(revoked);
    world.forget();

    const { served } = await visitors.allAtOnce(100, '/orders/7');

    claims.exactly(100, served, 'callers served');
    claims.exactly(1, world.issuer.tokenRequests('orders'), 'renewal seen by the authorization server');
    claims.atLeast(1, world.orders.answered(401), 'calls that the API answered 401; each was sent again');
    claims.exactly(100, world.orders.answered(200), 'calls that the API answered 200');
  },
};
