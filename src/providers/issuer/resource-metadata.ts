import { parseChallenges } from '../../challenges.js';
import { AuthenticationError } from '../../errors.js';
import type { ForgeResponse } from '../../http/forge-response.js';
import type { HttpRequester } from '../../http/http-requester.js';
import { redactUrl } from '../../redaction/redact.js';
import { isTransientStatus } from './token-response.js';

/** Metadata that a protected resource states of itself. */
export interface ResourceMetadata {
  /** Its identifier, which its tokens are asked for with. */
  readonly resource: string;
  /** The issuer that it takes tokens of. */
  readonly issuer: string;
}

/** A document that has not come by then is asked for again by the next flight. */
const TIMEOUT_MS = 5_000;

/**
 * Asks a service who issues its tokens: at its well-known place, else by the challenge of a request without credentials.
 * @param assertSecure refuses URLs that are plain http elsewhere than on this machine
 * @throws {AuthenticationError} when it does not say
 * @see [RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)
 */
export async function discoverResource(
  resourceUrl: string,
  http: HttpRequester,
  owner: string,
  assertSecure: (url: string) => void,
): Promise<ResourceMetadata> {
  const get = (url: string): Promise<ForgeResponse> => {
    assertSecure(url);
    return http.request({ url, timeoutMs: TIMEOUT_MS });
  };
  const { origin, pathname } = new URL(resourceUrl);
  let answer = await get(`${origin}/.well-known/oauth-protected-resource${pathname.replace(/\/$/, '')}`);
  if (!answer.isSuccess) {
    const named = metadataUrlOf(await get(resourceUrl));
    if (named !== undefined) answer = await get(named);
  }
  const document = answer.isSuccess ? answer.jsonOrNull() : null;
  const { resource = resourceUrl, authorization_servers: servers } = document ?? {};
  const [issuer] = Array.isArray(servers) ? (servers as unknown[]) : [];
  if (typeof issuer === 'string' && URL.canParse(issuer) && speaksFor(resource, origin)) {
    assertSecure(issuer);
    return { resource: resource as string, issuer };
  }
  const transient = !answer.isSuccess && isTransientStatus(answer.status);
  throw new AuthenticationError(
    `${owner}: ${redactUrl(resourceUrl)} does not say who issues its tokens (RFC 9728). Give issuer or tokenUrl.`,
    { transient },
  );
}

/** A document that speaks for a service elsewhere is none of this one. */
function speaksFor(resource: unknown, origin: string): boolean {
  return typeof resource === 'string' && URL.canParse(resource) && new URL(resource).origin === origin;
}

function metadataUrlOf({ headers }: ForgeResponse): string | undefined {
  const named = parseChallenges(headers['www-authenticate']).flatMap(({ params }) => params['resource_metadata'] ?? []);
  return named.find((url) => URL.canParse(url));
}
