import type { Story } from './story.js';

export const excludedPath: Story = {
  title: 'Paths that want no credential get none',
  async tell({ world, visitors, claims }) {
    await visitors.allAtOnce(1, '/orders/health');
    await visitors.allAtOnce(1, '/orders/catalogue');
    await visitors.allAtOnce(1, '/orders/7');

    const open = world.orders.seen.filter(({ path }) => /^\/(health$|public\/)/.test(path));
    const others = world.orders.seen.filter((request) => !open.includes(request));
    const bare = open.filter(({ credential }) => credential === undefined);
    const carrying = others.filter(({ credential }) => credential !== undefined);
    claims.exactly(2, bare.length, 'calls to /health and /public/catalogue?page=2 that the API saw without a token');
    claims.exactly(1, carrying.length, 'call to /orders/7 that it saw with one');
  },
};
