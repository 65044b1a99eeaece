import type { ForgeHttpClient } from 'nestjs-forge-auth';
import { Stripe } from 'stripe';

/** The service of the client says `replaceCredential: true`: the SDK insists on a key, and sends it. */
export function createStripe(client: ForgeHttpClient, baseUrl: string): Stripe {
  const { protocol, hostname, port } = new URL(baseUrl);
  return new Stripe('not-used', {
    protocol: protocol === 'http:' ? 'http' : 'https',
    host: hostname,
    port: port === '' ? 443 : Number(port),
    httpClient: Stripe.createFetchHttpClient(client.fetch),
    maxNetworkRetries: 0,
  });
}
