import type { HttpHandlerOptions, HttpRequest, HttpResponse, QueryParameterBag, RequestHandler } from '@smithy/types';
import type { ForgeHttpClient } from 'nestjs-forge-auth';

/**
 * The `requestHandler` of any AWS client: requests go over our client, to the client's service.
 * For AWS's API behind a gateway that asks for a token. `signer: withoutSignature` leaves AWS's signature out.
 */
export function overClient(client: ForgeHttpClient): RequestHandler<HttpRequest, HttpResponse, HttpHandlerOptions> {
  return {
    async handle(request, { abortSignal } = {}) {
      const { host: _, ...headers } = request.headers;
      const answer = await client.request<Buffer>({
        url: urlOf(request),
        method: request.method,
        headers,
        data: request.body,
        responseType: 'arraybuffer',
        validateStatus: () => true,
        ...(abortSignal instanceof AbortSignal && { signal: abortSignal }),
      });
      const received = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
      return {
        response: { statusCode: answer.status, headers: Object.fromEntries(received), body: answer.data },
      };
    },
  };
}

/** The `signer` of a client whose requests carry our token in place of AWS's signature. */
export const withoutSignature = { sign: <T>(request: T): Promise<T> => Promise.resolve(request) };

function urlOf({ protocol, hostname, port, path, query }: HttpRequest): string {
  const url = new URL(path, `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`);
  for (const [name, values] of Object.entries<QueryParameterBag[string]>(query ?? {}))
    for (const value of [values].flat()) url.searchParams.append(name, value ?? '');
  return url.href;
}
