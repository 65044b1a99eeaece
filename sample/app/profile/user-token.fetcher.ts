import { BodyTokenFetcher, type FetchContext } from 'nestjs-forge-auth';

/** Asks for a user token with the app token in a header of the issuer's own. */
export class UserTokenFetcher extends BodyTokenFetcher {
  protected override buildRequestHeaders(context: FetchContext): Record<string, string> {
    return { ...super.buildRequestHeaders(context), 'X-App-Token': context.accessToken('app_token') };
  }
}
