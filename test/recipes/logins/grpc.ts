import { type ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';
import type { TokenManager } from 'nestjs-forge-auth';

/**
 * Credentials of a channel: TLS, and the token with each call. The last argument of a generated client's constructor.
 * @param authority certificate of the authority that the server's certificate is from, where Node does not know it
 */
export function channelCredentials(tokens: TokenManager, authority?: Buffer): ChannelCredentials {
  const perCall = credentials.createFromMetadataGenerator((_call, answer) => {
    metadataOf(tokens).then((metadata) => answer(null, metadata), answer);
  });
  return credentials.combineChannelCredentials(credentials.createSsl(authority ?? null), perCall);
}

async function metadataOf(tokens: TokenManager): Promise<Metadata> {
  const metadata = new Metadata();
  metadata.set('authorization', (await tokens.getToken()).authorizationHeader);
  return metadata;
}
