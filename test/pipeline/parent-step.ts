import { BodyTokenFetcher, type FetchContext } from 'nestjs-forge-auth';

/** A step of the issuer at `origin`, whose token is made with that of the step `parent`: sent as `x-parent`. */
export function parentStep(origin: string, name: string, parent?: string): BodyTokenFetcher {
  return new BodyTokenFetcher({
    name,
    baseUrl: origin,
    endpoint: name,
    dependsOn: parent === undefined ? [] : [parent],
    requestHeaders: (context: FetchContext) =>
      parent === undefined ? {} : { 'x-parent': context.accessToken(parent) },
  });
}
