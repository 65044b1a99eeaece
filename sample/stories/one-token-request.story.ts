import type { Story } from './story.js';

export const oneTokenRequest: Story = {
  title: '100 callers at once, and no token yet',
  async tell({ world, visitors, claims }) {
    const { served } = await visitors.allAtOnce(100, '/orders/7');

    claims.exactly(100, served, 'callers served');
    claims.exactly(1, world.issuer.tokenRequests('orders'), 'token request seen by the authorization server');
    claims.exactly(100, world.orders.answered(200), 'calls that the API answered 200');
    claims.exactly(0, world.orders.answered(401), 'calls that the API answered 401');
  },
};
