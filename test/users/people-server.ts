import type { ClientMetadata, Configuration } from 'oidc-provider';
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '../support/authorization-server.js';

/** The client that people sign in with. */
export const APP = {
  clientId: 'calendar-app',
  clientSecret: 'calendar-app-secret-that-is-long-enough',
  redirectUri: 'http://127.0.0.1:3999/callback',
} as const;

/** An authorization server where a browser signs in without being asked: as whoever `login_hint` names. */
export interface PeopleServer extends AuthorizationServer {
  /** Does what a browser does: goes to a URL of the server, consents, and returns where it is sent back to. */
  visit(url: string): Promise<string>;
}

export interface PeopleServerOptions extends AuthorizationServerOptions {
  client?: Partial<ClientMetadata>;
  features?: NonNullable<Configuration['features']>;
}

/** Starts `oidc-provider` with people, consents and rotating refresh tokens. */
export async function startPeopleServer(options: PeopleServerOptions = {}): Promise<PeopleServer> {
  const server = await startAuthorizationServer({
    rotateRefreshTokens: true,
    ...options,
    clients: [
      {
        client_id: APP.clientId,
        client_secret: APP.clientSecret,
        redirect_uris: [APP.redirectUri],
        response_types: ['code'],
        grant_types: ['authorization_code', 'refresh_token'],
        ...options.client,
      },
    ],
    configure: (configuration) => ({
      ...configuration,
      ...options.configure?.(configuration),
      // Everybody who comes signs in and consents at once.
      features: {
        ...configuration.features,
        devInteractions: { enabled: false },
        rpInitiatedLogout: { enabled: true },
        pushedAuthorizationRequests: { enabled: false },
        ...options.features,
      } as NonNullable<Configuration['features']>,
      ttl: { ...configuration.ttl, Interaction: 600, Session: 3_600 },
      pkce: { required: () => true },
      issueRefreshToken: async (_ctx, client, code) =>
        client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
      interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    }),
  });
  const answer = server.server.handler;
  server.server.handler = async (request, response) => {
    const uid = /^\/interaction\/([\w-]+)$/.exec(request.path)?.[1];
    if (uid === undefined) return answer(request, response);
    const raw = request.replay();
    const { params } = await server.provider.interactionDetails(raw, response);
    const accountId = String(params['login_hint'] ?? 'alice');
    const grant = new server.provider.Grant({ clientId: String(params['client_id']), accountId });
    grant.addOIDCScope('openid offline_access read write');
    const result = { login: { accountId }, consent: { grantId: await grant.save() } };
    await server.provider.interactionFinished(raw, response, result, { mergeWithLastSubmission: false });
  };
  return Object.assign(server, { visit: (url: string) => visit(url, server.issuer) });
}

/** Follows redirects with the cookies that come, as far as the server's own addresses go. */
async function visit(start: string, origin: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let hops = 0; hops < 10 && url.startsWith(origin); hops += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    if (hops === 9) throw new Error('Too many redirects.');
    const location = response.headers.get('location');
    if (location === null)
      throw new Error(`No redirect from ${new URL(url).pathname}: ${response.status} ${await response.text()}`);
    url = new URL(location, url).href;
  }
  return url;
}
