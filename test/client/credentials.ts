import {
  type AuthenticatedRequest,
  type Authenticator,
  ClientCredentialsTokenProvider,
  OAuth1Auth,
} from 'nestjs-forge-auth';
import type { RecordingServer } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { Wire } from './wire.js';

/** A service and an issuer of its tokens, for each test anew. */
export interface CredentialWorld {
  readonly wire: Wire;
  readonly server: RecordingServer;
  readonly endpoint: TokenEndpoint;
  provider(): ClientCredentialsTokenProvider;
}

/** Starts them before each test of a file, and closes them after it. */
export function useCredentials(): CredentialWorld {
  const wire = new Wire();
  let current: Pick<CredentialWorld, 'server' | 'endpoint'>;
  beforeEach(async () => {
    current = { server: await wire.server(), endpoint: wire.closeLater(await startTokenEndpoint()) };
  });
  afterEach(() => wire.close());
  return {
    wire,
    get server() {
      return current.server;
    },
    get endpoint() {
      return current.endpoint;
    },
    provider: () => new ClientCredentialsTokenProvider({ tokenUrl: current.endpoint.url, ...CLIENT }),
  };
}

export function oauth1(placement: 'header' | 'query' | 'body'): OAuth1Auth {
  return new OAuth1Auth({ clientId: 'c', clientSecret: 's', token: 't', tokenSecret: 'ts', placement });
}

/** An authenticator of the app's own that writes `?sig=`, and says so or not. */
export class OwnAuth implements Authenticator {
  readonly credentialParameters;

  constructor(declares = true) {
    this.credentialParameters = declares ? { query: ['sig'] } : undefined;
  }

  authenticate(request: AuthenticatedRequest): void {
    const url = new URL(request.url);
    url.searchParams.set('sig', 'ours');
    request.url = url.href;
  }
}
