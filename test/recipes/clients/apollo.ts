import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import type { ForgeHttpClient } from 'nestjs-forge-auth';

/** `uri` has the origin of the client's service. */
export function createApollo(client: ForgeHttpClient, uri: string): ApolloClient {
  return new ApolloClient({ link: new HttpLink({ uri, fetch: client.fetch }), cache: new InMemoryCache() });
}
