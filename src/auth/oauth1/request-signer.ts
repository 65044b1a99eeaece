import { askAtOnce } from '../../option-check/at-once.js';
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { AuthenticationError, ConfigurationError } from '../../errors.js';
import type { HttpRequest } from '../../http/http-request.js';
import { readTextSource, type TextSource } from '../../providers/keys/text-source.js';
import { type Parameter, parameter, parametersOf, withoutParameters, withParameters } from './parameters.js';
import { percentEncode } from './percent-encoding.js';
import { signatureBaseString } from './signature-base-string.js';
import { PLAINTEXT } from './signature-method.js';
import { bodyHashOf, formOf, isForm, putForm } from './signed-body.js';
import type { OAuth1Placement, ResolvedSigning } from './signing-options.js';

/** Values that one request is signed with, beside the client's own credentials. */
export interface Signing {
  readonly clock: Clock;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly token?: TextSource | undefined;
  readonly tokenSecret?: TextSource | undefined;
  /** Takes the place of the client's own. */
  readonly placement?: OAuth1Placement;
  /** Signs the hash of a body that is no form. */
  readonly bodyHash?: boolean;
  /** Further parameters of the protocol: `oauth_callback`, `oauth_verifier`. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** This machine, where nobody listens on the wire. */
const LOOPBACK = /^https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?:[:/]|$)/;

/** Signs requests as one client. @see [RFC 5849 §3](https://www.rfc-editor.org/rfc/rfc5849#section-3) */
export class RequestSigner {
  readonly #options: ResolvedSigning;

  constructor(options: ResolvedSigning) {
    this.#options = options;
  }

  /**
   * Signs the request as it stands, and writes the protocol parameters and the signature into it.
   * @throws {AuthenticationError} FORGE_AUTH_CREDENTIAL_FAILED when a credential cannot be read
   * @throws {ConfigurationError} when the placement, or PLAINTEXT, does not fit the request
   * @throws {InvalidRequestError} when a body has to be signed and is a stream
   */
  async sign(request: HttpRequest, signing: Signing): Promise<void> {
    const { placement = this.#options.placement } = signing;
    this.#check(request, placement);
    const { owner, clientId, clientSecret, clientKey, method } = this.#options;
    const read = (name: string, source: TextSource): Promise<string> =>
      readTextSource(source, `${owner}: ${name}`, signing.clock);
    const secrets = {
      clientSecret: await read('clientSecret', clientSecret),
      tokenSecret: await read('tokenSecret', signing.tokenSecret ?? ''),
      clientKey: await clientKey?.read(signing.clock),
    };
    const parameters = this.#parametersOf(request, signing, {
      oauth_consumer_key: await read('clientId', clientId),
      ...(signing.token === undefined ? undefined : { oauth_token: await read('token', signing.token) }),
    });
    takeOut(request, new Set([...parameters, parameter('oauth_signature', '')].map(([name]) => name)));
    const key = `${percentEncode(secrets.clientSecret)}&${percentEncode(secrets.tokenSecret)}`;
    const signature: unknown = await method.sign(baseStringOf(request, parameters), key, secrets);
    if (typeof signature !== 'string') throw this.#failed(`sign() returned no text but ${typeof signature}`);
    this.#write(request, placement, [...parameters, parameter('oauth_signature', signature)]);
  }

  #check(request: HttpRequest, placement: OAuth1Placement): void {
    const { owner, method, allowInsecure } = this.#options;
    if (placement === 'body' && !isForm(request)) {
      throw new ConfigurationError(
        `${owner}: placement 'body' needs a form body (data as URLSearchParams), and this ${request.method} has none. Use 'header' or 'query'.`,
      );
    }
    if (method === PLAINTEXT && !allowInsecure && request.url.startsWith('http:') && !LOOPBACK.test(request.url)) {
      throw new ConfigurationError(
        `${owner}: PLAINTEXT would send the secrets over plain http in the clear. Use https or another signatureMethod, or add\n  allowInsecure: true,\nto the options.`,
      );
    }
  }

  #parametersOf(request: HttpRequest, signing: Signing, credentials: Readonly<Record<string, string>>): Parameter[] {
    const { method, version, nonce } = this.#options;
    return Object.entries({
      ...credentials,
      oauth_signature_method: method.name,
      oauth_timestamp: this.#checkedTimestamp(signing.timestamp),
      oauth_nonce:
        nonce === undefined ? randomBytes(16).toString('hex') : this.#checkedNonce(askAtOnce('nonce()', nonce)),
      ...(version === undefined ? undefined : { oauth_version: version }),
      ...(signing.bodyHash === true && !isForm(request)
        ? { oauth_body_hash: bodyHashOf(request, method.bodyHash) }
        : undefined),
      ...signing.parameters,
    }).map(([name, value]) => parameter(name, value));
  }

  #checkedTimestamp(timestamp: number): string {
    if (Number.isSafeInteger(timestamp) && timestamp >= 0) return String(timestamp);
    throw this.#failed('timestamp() returned no number of seconds');
  }

  #checkedNonce(nonce: unknown): string {
    if (typeof nonce === 'string' && nonce !== '') return nonce;
    throw this.#failed('nonce() returned no text');
  }

  #write(request: HttpRequest, placement: OAuth1Placement, parameters: readonly Parameter[]): void {
    if (placement === 'header') request.headers['authorization'] = headerOf(parameters, this.#options.realm);
    else if (placement === 'body') putForm(request, withParameters(formOf(request), parameters));
    else request.url = withQuery(request.url, (query) => withParameters(query, parameters));
  }

  #failed(why: string): AuthenticationError {
    return new AuthenticationError(`${this.#options.owner}: the request could not be signed: ${why}.`, {
      code: 'FORGE_AUTH_CREDENTIAL_FAILED',
    });
  }
}

/** @see [RFC 5849 §3.5.1](https://www.rfc-editor.org/rfc/rfc5849#section-3.5.1) */
function headerOf(parameters: readonly Parameter[], realm: string | undefined): string {
  const quoted = parameters.map(([name, value]) => `${name}="${value}"`);
  return `OAuth ${[...(realm === undefined ? [] : [`realm="${realm.replace(/["\\]/g, '\\$&')}"`]), ...quoted].join(', ')}`;
}

/** Removes what the request brings of the parameters that are about to be written. */
function takeOut(request: HttpRequest, names: ReadonlySet<string>): void {
  request.url = withQuery(request.url, (query) => withoutParameters(query, names));
  if (request.body === undefined || !isForm(request)) return;
  const form = formOf(request);
  const kept = withoutParameters(form, names);
  if (kept !== form) putForm(request, kept);
}

function baseStringOf(request: HttpRequest, parameters: readonly Parameter[]): string {
  const { method, url, headers } = request;
  const query = parametersOf(new URL(url).search.slice(1));
  const form = isForm(request) ? parametersOf(formOf(request)) : [];
  const { host } = headers;
  return signatureBaseString(
    method,
    url,
    [...query, ...form, ...parameters],
    typeof host === 'string' ? host : undefined,
  );
}

function withQuery(url: string, rewrite: (query: string) => string): string {
  const [address = '', query = ''] = url.split(/\?(.*)/s, 2);
  const rewritten = rewrite(query);
  if (rewritten === query) return url;
  return rewritten === '' ? address : `${address}?${rewritten}`;
}
