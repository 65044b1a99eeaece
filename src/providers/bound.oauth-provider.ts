import type { ServerMetadata } from 'openid-client';
import { AuthenticationError } from '../errors.js';
import { HttpRequester } from '../http/http-requester.js';
import { RedactedCause } from '../redact.js';
import { isAnswered } from '../token/token-failure.js';
import { canonicalRequest, fingerprintOf, scopes } from '../token/token-key.js';
import type {
  BoundTokenProvider,
  ProviderEnvironment,
  TokenRequest,
  TokenRequestContext,
} from '../token/token-provider.js';
import type { Token } from '../token/token.js';
import { chooseAuthMethod, clientAuthentication } from './client-authentication.js';
import type { RequestMend, ResponseMend } from './compliance.js';
import type { Grant } from './grant.js';
import type { GrantOptions } from './grant-options.js';
import { discoverIssuer } from './issuer-metadata.js';
import { Secret } from './secret.js';
import { introspectToken, type IssuerRequest, requestToken, revokeToken } from './token-endpoint.js';
import { TokenRequestRetry } from './token-request-retry.js';

/** A grant bound to one service of one application. */
export class BoundOAuthProvider implements BoundTokenProvider {
  readonly http: HttpRequester;
  readonly #options: GrantOptions;
  readonly #grant: Grant;
  readonly #environment: ProviderEnvironment;
  /** For messages about configuration. */
  readonly #owner: string;
  /** For messages about requests. */
  readonly #label: string;
  readonly #secret: Secret | undefined;
  readonly #retry: TokenRequestRetry;

  constructor(options: GrantOptions, grant: Grant, environment: ProviderEnvironment, owner: string) {
    this.#options = options;
    this.#grant = grant;
    this.#environment = environment;
    this.#owner = owner;
    this.#label = environment.serviceName === undefined ? redactedName(options) : `"${environment.serviceName}"`;
    this.#secret =
      options.clientSecret === undefined
        ? undefined
        : new Secret(`${owner}: clientSecret`, options.clientSecret, environment.clock);
    this.#retry = new TokenRequestRetry(options.retry);
    this.http = new HttpRequester(options.http, environment.clock);
  }

  fetchToken(context = this.#standalone()): Promise<Token> {
    return this.#obtain(undefined, context, async () => [
      this.#grantType,
      this.#parameters(await this.#grant.parameters(), context.request),
    ]);
  }

  refreshToken(current: Token, context = this.#standalone()): Promise<Token> {
    return this.#obtain(current, context, async () => [
      'refresh_token',
      this.#parameters({ refresh_token: current.refreshToken ?? '' }, context.request),
    ]);
  }

  async revokeToken(token: Token, context: TokenRequestContext): Promise<void> {
    const { revokeRequest } = this.#options.compliance ?? {};
    await revokeToken(await this.#issuerRequest(context, revokeRequest, undefined), token);
  }

  async introspectToken(token: Token, context: TokenRequestContext): Promise<Record<string, unknown>> {
    const { introspectRequest } = this.#options.compliance ?? {};
    return introspectToken(await this.#issuerRequest(context, introspectRequest, undefined), token);
  }

  async keyParts(): Promise<readonly string[]> {
    const { tokenUrl, issuer, clientId, authMethod, scope, audience, resource, extraParams, http } = this.#options;
    const asked: TokenRequest = {
      ...(scope === undefined ? undefined : { scope }),
      ...(audience === undefined ? undefined : { audience }),
      ...(resource === undefined ? undefined : { resource }),
      ...(extraParams === undefined ? undefined : { extraParams }),
    };
    return [
      this.#grantType,
      tokenUrl ?? `issuer ${issuer}`,
      clientId,
      typeof authMethod === 'string' ? authMethod : '',
      canonicalRequest(asked),
      (await this.#secret?.fingerprint()) ?? '',
      // A tenant may stand in a header, and tokens may be bound to the client's certificate.
      fingerprintOf(
        Object.entries(http?.headers ?? {})
          .sort()
          .flat(),
      ),
      fingerprintOf([http?.tls?.cert ?? [], http?.tls?.pfx ?? []].flat().map(bytesOf)),
      ...(await this.#grant.keyParts()),
    ];
  }

  async close(): Promise<void> {
    await this.http.close();
  }

  get #grantType(): string {
    return this.#options.extraParams?.['grant_type'] ?? this.#options.grantType ?? this.#grant.grantType;
  }

  async #obtain(
    current: Token | undefined,
    context: TokenRequestContext,
    write: () => Promise<[string, URLSearchParams]>,
  ): Promise<Token> {
    const { compliance, onToken } = this.#options;
    const mendRequest = current === undefined ? compliance?.tokenRequest : compliance?.refreshRequest;
    const mendResponse = current === undefined ? compliance?.tokenResponse : compliance?.refreshResponse;
    const attempt = async (): Promise<Token> => {
      const request = await this.#issuerRequest(context, mendRequest, mendResponse);
      return requestToken(request, ...(await write()));
    };
    // A grant may always be sent again; a one-time refresh token only if the issuer has certainly not taken it.
    const mayRepeat = (error: unknown): boolean => current === undefined || isAnswered(error);
    const token = await this.#withFreshSecrets(() => this.#retry.run(attempt, context, mayRepeat));
    try {
      await onToken?.(token, current);
    } catch (error) {
      context.logger.warn(`onToken of ${this.#label} failed: ${new RedactedCause(error).message}.`);
    }
    return token;
  }

  /** A secret may have been rotated since it was read: read again once, when the issuer no longer knows it. */
  async #withFreshSecrets(work: () => Promise<Token>): Promise<Token> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AuthenticationError) || !mayBeRotated(error)) throw error;
      const changed = await Promise.all([this.#secret?.reread(), this.#grant.reread?.()]);
      if (!changed.includes(true)) throw error;
      return work();
    }
  }

  async #issuerRequest(
    context: TokenRequestContext,
    mendRequest: RequestMend | undefined,
    mendResponse: ResponseMend | undefined,
  ): Promise<IssuerRequest> {
    const { clientId, authMethod, basicEncoding = 'rfc6749', allowInsecure = false } = this.#options;
    const server = await this.#server();
    const supported = this.#options.issuer === undefined ? undefined : server.token_endpoint_auth_methods_supported;
    const method = chooseAuthMethod(authMethod, this.#secret !== undefined, supported, this.#owner);
    return {
      server,
      clientId,
      authentication: clientAuthentication(method, await this.#secret?.read(), basicEncoding),
      http: this.http,
      signal: context.signal,
      now: () => this.#environment.clock.now(),
      owner: this.#label,
      serviceName: this.#environment.serviceName,
      allowInsecure,
      mendRequest,
      mendResponse,
    };
  }

  async #server(): Promise<ServerMetadata> {
    const { tokenUrl, issuer, allowInsecure = false } = this.#options;
    if (issuer === undefined) return { issuer: new URL(tokenUrl as string).origin, token_endpoint: tokenUrl as string };
    const fetch = async (): Promise<Record<string, unknown>> => ({
      ...(await discoverIssuer(issuer, this.http, this.#owner, allowInsecure, () => this.#environment.clock.now())),
    });
    const document = (await this.#environment.discovery.get(issuer, fetch)) as ServerMetadata;
    if (document.token_endpoint !== undefined) return document;
    throw new AuthenticationError(
      `${this.#owner}: the issuer's document names no token_endpoint. Give tokenUrl instead.`,
    );
  }

  /** What the call asks for takes the place of what the service is configured with. */
  #parameters(own: Readonly<Record<string, string>>, request: TokenRequest): URLSearchParams {
    const {
      scope = this.#options.scope,
      audience = this.#options.audience,
      resource = this.#options.resource,
    } = request;
    const parameters = new URLSearchParams(own);
    if (scope !== undefined && scopes(scope).length > 0) parameters.set('scope', scopes(scope).join(' '));
    for (const value of [audience ?? []].flat()) parameters.append('audience', value);
    for (const value of [resource ?? []].flat()) parameters.append('resource', value);
    for (const [name, value] of Object.entries({ ...this.#options.extraParams, ...request.extraParams })) {
      if (name !== 'grant_type') parameters.set(name, value);
    }
    return parameters;
  }

  #standalone(): TokenRequestContext {
    const { clock, logger } = this.#environment;
    const deadlineMs = 10_000;
    return {
      http: this.http,
      signal: AbortSignal.timeout(deadlineMs),
      deadline: clock.now() + deadlineMs,
      clock,
      logger,
      request: {},
    };
  }
}

/** Refused in a way that another secret or password may mend. */
function mayBeRotated(error: AuthenticationError): boolean {
  return (
    !error.transient && (error.status === 401 || error.error === 'invalid_client' || error.error === 'invalid_grant')
  );
}

/** A certificate as a text that is the same for the same bytes. */
function bytesOf(part: unknown): string {
  const bytes: unknown = (part as { buf?: unknown }).buf ?? part;
  return Buffer.isBuffer(bytes) ? bytes.toString('base64') : String(bytes);
}

function redactedName(options: GrantOptions): string {
  return `the token endpoint ${new URL((options.tokenUrl ?? options.issuer) as string).origin}`;
}
