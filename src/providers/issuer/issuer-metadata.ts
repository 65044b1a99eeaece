import type { ServerMetadata } from 'openid-client';
import { AuthenticationError, ConfigurationError, ForgeAuthError } from '../../errors.js';
import { ForgeResponse } from '../../http/forge-response.js';
import type { HttpRequester } from '../../http/http-requester.js';
import { defineOwn, ownOptions } from '../../option-check/own-options.js';
import { maskSecrets } from '../../redaction/known-secrets.js';
import { redactUrl } from '../../redaction/redact.js';
import { parseRetryAfter } from '../../retry/retry-after.js';
import { assertSecureUrl } from '../grant-options.js';
import { isTransientStatus, redirectTarget } from './token-response.js';

/** A document that has not come by then is asked for again by the next flight. */
const TIMEOUT_MS = 5_000;

/**
 * Discovers an issuer's endpoints: OpenID Connect Discovery first, RFC 8414 where there is none.
 * @throws {AuthenticationError} when there is no document, or it speaks for another issuer
 * @throws {ConfigurationError} when its token endpoint would carry secrets in the clear
 */
export async function discoverIssuer(
  issuer: string,
  http: HttpRequester,
  owner: string,
  allowInsecure: boolean,
  now: () => number,
): Promise<ServerMetadata> {
  let failure: AuthenticationError | undefined;
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    try {
      const metadata = await askFor(algorithm, issuer, http, now);
      if (metadata.token_endpoint !== undefined)
        assertSecureUrl(metadata.token_endpoint, 'token_endpoint', owner, allowInsecure);
      return metadata;
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      failure ??= discoveryFailure(error, issuer, owner);
      if (failure.transient) break;
    }
  }
  throw failure;
}

async function askFor(
  algorithm: 'oidc' | 'oauth2',
  issuer: string,
  http: HttpRequester,
  now: () => number,
): Promise<ServerMetadata> {
  let failure: unknown;
  let document: unknown;
  const fetch = async (url: string, options: { headers: Record<string, string> }): Promise<Response> => {
    try {
      const response = await get(url, options.headers, http, now);
      document = response.jsonOrNull();
      const read = new Response(null, ownOptions({ status: 200, headers: { 'content-type': 'application/json' } }));
      // A body would be a stream, made of an object that inherits.
      return defineOwn(read, 'json', { value: async () => response.json() });
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  // Loaded when first used: an app that needs no such issuer starts without it.
  const { allowInsecureRequests, customFetch, discovery, None } = await import('openid-client');
  try {
    const configuration = await discovery(new URL(issuer), 'discovery', undefined, None(), {
      timeout: 30,
      algorithm,
      execute: [allowInsecureRequests], // Checked by us: openid-client knows no loopback.
      [customFetch]: fetch,
    });
    return configuration.serverMetadata();
  } catch (error) {
    if (failure !== undefined) throw failure;
    throw document === undefined ? error : new AuthenticationError(notOfIssuer(document), { cause: error });
  }
}

/** Says that a document is none of the issuer that was asked, and whose it is. */
function notOfIssuer(document: unknown): string {
  if (typeof document !== 'object' || document === null) return 'the answer is no JSON document';
  const none = 'the document is none of this issuer';
  const { issuer: named } = ownOptions(document as ServerMetadata);
  if (typeof named !== 'string' || !/^https?:/i.test(named) || !URL.canParse(named)) return none;
  return `${none} but of ${maskSecrets(redactUrl(named))}: is that the name to give?`;
}

async function get(
  url: string,
  headers: Record<string, string>,
  http: HttpRequester,
  now: () => number,
): Promise<ForgeResponse> {
  const request = { method: 'GET', url, headers, responseType: 'json' } as const;
  const response = new ForgeResponse(request, await http.send(request, TIMEOUT_MS));
  if (!response.isSuccess) {
    const retryAfterMs = parseRetryAfter(response.headers['retry-after'], now());
    const redirect = redirectTarget(response.status, response.headers['location']);
    throw new AuthenticationError(`HTTP ${response.status}${redirect}`, {
      status: response.status,
      transient: isTransientStatus(response.status),
      ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
    });
  }
  return response;
}

function discoveryFailure(error: unknown, issuer: string, owner: string): AuthenticationError {
  const why = error instanceof ForgeAuthError ? error.message : 'the document is none of this issuer';
  const end = /[.?]$/.test(why) ? '' : '.';
  return new AuthenticationError(`${owner}: discovery of ${redactUrl(issuer)} failed: ${why}${end}`, {
    cause: error,
    transient: error instanceof AuthenticationError ? error.transient : error instanceof ForgeAuthError,
    ...(error instanceof AuthenticationError && error.status !== undefined ? { status: error.status } : undefined),
    ...(error instanceof AuthenticationError && error.retryAfterMs !== undefined
      ? { retryAfterMs: error.retryAfterMs }
      : undefined),
  });
}
