import { CLIENTS } from '../upstream/clients.js';
import type { Story } from './story.js';

const LIFETIME_MS = CLIENTS.prices.tokenLifetime * 1_000;
/** Longer than two lives: the first token is certainly over, and so is the second. */
const DURATION_MS = 2.25 * LIFETIME_MS;

export const shortLivedToken: Story = {
  title: `Tokens that live for ${LIFETIME_MS / 1_000} seconds, under load for ${DURATION_MS / 1_000}`,
  async tell({ world, visitors, claims }) {
    const { served, failed } = await visitors.keepCalling(10, DURATION_MS, '/prices/anvil');
    const { prices, issuer } = world;
    const alive = await Promise.all(prices.credentials.map(issuer.isValid));

    claims.atLeast(100, served, 'callers served');
    claims.exactly(0, failed, 'callers who saw a failure');
    claims.exactly(0, prices.answered(401), 'calls that the API answered 401');
    claims.atLeast(2, issuer.tokenRequests('prices') - 1, 'renewals seen by the authorization server');
    claims.atLeast(1, alive.filter((valid) => !valid).length, 'of the tokens used have expired at the issuer by now');
  },
};
