import { API_KEY } from '../upstream/clients.js';
import type { Story } from './story.js';

export const otherCredentials: Story = {
  title: 'A password, an API key: the app calls them the same way',
  async tell({ world, visitors, claims }) {
    const invoices = await visitors.allAtOnce(50, '/invoices/2024-11');
    const weather = await visitors.allAtOnce(50, '/weather/london');

    claims.exactly(100, invoices.served + weather.served, 'callers served');
    claims.exactly(1, world.issuer.tokenRequests('invoices'), 'token request with the password');
    claims.exactly(50, world.invoices.answered(200), 'calls that the invoice API answered 200');
    const keyed = world.weather.seen.filter(({ credential }) => credential === API_KEY);
    claims.exactly(50, keyed.length, 'calls that the weather API saw with the key');
  },
};
