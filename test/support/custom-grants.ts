import { type KeyObject } from 'node:crypto';
import { jwtVerify } from 'jose';
import type { default as Provider, TokenEndpointGrantContext } from 'oidc-provider';

/** Grants that `oidc-provider` leaves to those who run it. */
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const TICKET = 'urn:example:ticket';

export interface CustomGrantsOptions {
  /** Issuer of assertions, and the key that they are checked with. */
  assertedBy: { iss: string; key: KeyObject };
  /** Good tickets. */
  tickets: readonly string[];
  InvalidGrant: new (detail: string) => Error;
}

type Parameters = Record<string, string | undefined>;
type Context = TokenEndpointGrantContext<Parameters>;

/** Serves the JWT bearer grant (RFC 7523), token exchange (RFC 8693) and one grant by a name of its own. */
export function registerCustomGrants(provider: Provider, options: CustomGrantsOptions): void {
  const { assertedBy, tickets, InvalidGrant } = options;

  const serve = (name: string, parameters: readonly string[], check: (ctx: Context) => Promise<string>): void =>
    provider.registerGrantType(
      name,
      async (ctx: Context) => {
        const { client } = ctx.oidc;
        const accountId = await check(ctx);
        const { scope = '' } = ctx.oidc.params;
        const grant = new provider.Grant({ accountId, clientId: client.clientId });
        if (scope) grant.addOIDCScope(scope);
        const token = new provider.AccessToken({ accountId, client, grantId: await grant.save(), gty: name, scope });
        ctx.body = {
          access_token: await token.save(),
          token_type: token.tokenType,
          expires_in: token.expiration,
          ...(name === TOKEN_EXCHANGE && { issued_token_type: ctx.oidc.params['subject_token_type'] }),
        };
      },
      ['scope', ...parameters],
    );

  serve(JWT_BEARER, ['assertion'], async (ctx) => {
    const audience = [ctx.oidc.urlFor('token'), provider.issuer];
    const { assertion = '' } = ctx.oidc.params;
    const verified = await jwtVerify(assertion, assertedBy.key, { issuer: assertedBy.iss, audience }).catch(() => {
      throw new InvalidGrant('the assertion is not good');
    });
    const { iss = '', jti = '', sub, exp = 0 } = verified.payload;
    // Each may come once.
    if (!(await provider.ReplayDetection.unique(iss, jti, exp))) throw new InvalidGrant('the assertion came twice');
    return sub ?? iss;
  });

  const exchanged = ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type'];
  serve(TOKEN_EXCHANGE, exchanged, async (ctx) => {
    const { subject_token: subject = '', subject_token_type: type } = ctx.oidc.params;
    if (type !== 'urn:ietf:params:oauth:token-type:access_token') throw new InvalidGrant('not that type');
    const found = (await provider.AccessToken.find(subject)) as { accountId: string } | undefined;
    if (found === undefined) throw new InvalidGrant('the subject token is not known');
    return found.accountId;
  });

  serve(TICKET, ['ticket'], async (ctx) => {
    if (!tickets.includes(ctx.oidc.params['ticket'] ?? '')) throw new InvalidGrant('no such ticket');
    return 'bearer of a ticket';
  });
}
