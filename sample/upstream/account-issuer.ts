import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { default as Provider } from 'oidc-provider';
import { withoutAdvice } from './authorization-server.js';
import { serve } from './server.js';

/** The app, as the issuer of people's accounts knows it. */
export const CALENDAR_CLIENT = { id: 'calendar-app', secret: randomBytes(24).toString('base64url') } as const;

/** A running issuer of accounts, where people sign in. */
export interface AccountIssuer {
  readonly issuer: string;
  /** Checks whether an access token is good at this moment. */
  isValid(accessToken: string): Promise<boolean>;
  forget(): void;
  close(): Promise<void>;
}

/**
 * Starts an authorization server with pages for people, `oidc-provider` with its own sign-in and consent. Any name and
 * password will do. `POST /account/revoke` takes back what every app was allowed, as a person does on an account page.
 */
export async function startAccountIssuer(): Promise<AccountIssuer> {
  let provider!: Provider;
  const granted = new Set<{ destroy(): Promise<void> }>();
  const server = await serve(async (origin) => {
    const { default: OidcProvider } = await withoutAdvice(() => import('oidc-provider'));
    provider = await withoutAdvice(
      () =>
        new OidcProvider(origin, {
          clients: [
            {
              client_id: CALENDAR_CLIENT.id,
              client_secret: CALENDAR_CLIENT.secret,
              // A native client may come back to any port of this machine (RFC 8252 §7.3).
              application_type: 'native',
              redirect_uris: ['http://127.0.0.1/connect/calendar/callback'],
              grant_types: ['authorization_code', 'refresh_token'],
              id_token_signed_response_alg: 'ES256',
            },
          ],
          scopes: ['openid', 'offline_access'],
          jwks: { keys: [signingKey()] },
          cookies: { keys: [randomBytes(16).toString('hex')] },
          findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
          ttl: {
            AccessToken: 600,
            IdToken: 600,
            RefreshToken: 86_400,
            Grant: 86_400,
            Session: 86_400,
            Interaction: 600,
          },
          features: { devInteractions: { enabled: true } },
        }),
    );
    provider.on('access_token.saved', (token) => granted.add(token));
    provider.on('refresh_token.saved', (token) => granted.add(token));
    provider.use(async (ctx, next) => {
      if (ctx.method !== 'POST' || ctx.path !== '/account/revoke') return next();
      for (const token of granted) await token.destroy();
      granted.clear();
      // Back to the app's page: a browser tells other sites no more than where a request comes from.
      ctx.redirect(new URL('/calendar', ctx.get('referer') || origin).href);
    });
    return provider.callback();
  });
  return {
    issuer: server.origin,
    isValid: async (accessToken) => (await provider.AccessToken.find(accessToken)) !== undefined,
    forget: () => undefined,
    close: () => server.close(),
  };
}

function signingKey(): object {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'accounts' };
}
