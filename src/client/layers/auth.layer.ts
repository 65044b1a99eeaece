import { askFor } from '../../option-check/at-once.js';
import { Readable } from 'node:stream';
import type { Authenticator } from '../../auth/authenticator.js';
import { isLeftAlone } from '../../auth/composite.authenticator.js';
import { retryOf, verdictOf, judgesAnswers } from '../../auth/credential-verdict.js';
import type { PathExclusion } from '../../auth/path-exclusion.js';
import type { Clock } from '../../clock.js';
import { AuthenticationError, ForgeAuthError } from '../../errors.js';
import { ForgeResponse } from '../../http/forge-response.js';
import type { ForgeLogger } from '../../logger.js';
import type { Cancellation } from '../../http/cancellation.js';
import type { HttpHeaders, HttpRequest, HttpResponse, ResponseType } from '../../http/http-request.js';
import type { QueryParams } from '../../http/query-params.js';
import type { BaseUrl } from '../../http/url.js';
import { ownOptions } from '../../option-check/own-options.js';
import { secretsOf } from '../../redaction/known-secrets.js';
import { ownCause, revealOwnCause } from '../../redaction/own-cause.js';
import { pathBelowBase } from '../../http/url.js';
import type { TokenRequest } from '../../token/token-provider.js';
import { type Call, type CallRequest, discard } from '../request/call-request.js';
import type { Layer, Next, SentRequest } from './layer.js';
import type { OriginPolicy } from './origin-policy.js';
import { assertCredentials, bringsAuthorization, noteForm, type Warn, warnOnce } from './own-credentials.js';
import { SentCredentials } from './sent-credentials.js';

/** Options of authentication that its service gives. */
export interface AuthOptions {
  readonly name: string;
  readonly base: BaseUrl | undefined;
  readonly origins: OriginPolicy;
  readonly excluded: PathExclusion | undefined;
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  readonly revealCauses: boolean;
  /** True where the service's credential takes the place of what a call brings. */
  readonly replaceCredential: boolean;
  /** The service's own, which are for its own origins. */
  readonly headers: Readonly<HttpHeaders>;
  readonly params: QueryParams | undefined;
}

/** A service that asks for a new nonce with every answer is not asked for ever. */
const MOST_RESENDS = 3;

/**
 * The layer that authenticates, innermost of those that see a request going down: each attempt and each hop asks for the
 * credential anew. A rejected credential is replaced once, and the request sent again.
 */
export function authLayer(options: AuthOptions): Layer<CallRequest, SentRequest> {
  const warn = warnOnce(options);
  return (request, next) => send(request, options, warn, next);
}

/** Nobody authenticates calls that say so, foreign origins, excluded paths, and calls that bring a credential. */
function authenticatorFor(
  request: CallRequest,
  { origins, excluded, base, headers }: AuthOptions,
  warn: Warn,
): Authenticator | undefined {
  const { authenticator } = request.call;
  if (authenticator === false || request.credentialRemoved === true || !origins.allows(request.url)) return undefined;
  assertCredentials(request, authenticator);
  const { ownParameters } = request.call;
  if (isLeftAlone(authenticator, request, { ownParameters, ownAuthorization: bringsAuthorization(request, headers) })) {
    warn(request, authenticator);
    return undefined;
  }
  const path = excluded && pathBelowBase(request.url, base);
  return path !== undefined && excluded?.(path) === true ? undefined : authenticator;
}

async function send(
  request: CallRequest,
  options: AuthOptions,
  warn: Warn,
  next: Next<SentRequest>,
): Promise<HttpResponse> {
  const authenticator = authenticatorFor(request, options, warn);
  if (authenticator === undefined) return noteOwn(await next(await open(request, options)), request, options);
  const strategy = retryOf(authenticator);
  const judges = judgesAnswers(authenticator);
  let replays = 0;
  let resends = 0;
  for (;;) {
    const opening = open(request, options, replays);
    const sent = opening instanceof Promise ? await opening : opening;
    if (sent.body !== undefined && !options.replaceCredential) {
      noteForm(authenticator, sent);
      if (isLeftAlone(authenticator, sent, sent)) {
        warn(request, authenticator);
        return noteOwn(await next(sent), request, options);
      }
    }
    try {
      const credential = authenticator.authenticate(sent);
      if (credential !== undefined) await credential;
    } catch (error) {
      if (request.body?.replayable === true && sent.body instanceof Readable) sent.body.destroy();
      throw noCredential(error, request, sent, options);
    }
    const isSent = request.withheld === undefined || !withhold(sent, request);
    request.call.lastSent = sent;
    const response = await next(sent);
    if (response.headers['location'] !== undefined)
      (request.call.sentCredentials ??= new SentCredentials()).note(request, sent);
    if (!judges || !isSent) return noteOwn(response, request, options);
    try {
      const judging = verdictOf(authenticator, viewOf(response, sent, request), sent);
      const verdict = typeof judging === 'string' ? judging : await judging;
      request.call.rejection = sent.rejection;
      if (!sent.replayable) return noteOwn(response, request, options);
      if (verdict === 'resend' && resends < MOST_RESENDS) {
        resends += 1;
      } else if (verdict === 'replaced' && replays < strategy.maxRetries) {
        replays += 1;
      } else {
        return noteOwn(response, request, options);
      }
      discard(response);
    } catch (error) {
      discard(response);
      throw error;
    }
  }
}

/** Notes what is the service's own, and no other origin's, of an answer that may be followed elsewhere. */
function noteOwn(response: HttpResponse, { call }: CallRequest, { headers, params }: AuthOptions): HttpResponse {
  if (response.headers['location'] !== undefined)
    (call.sentCredentials ??= new SentCredentials()).noteOwn(headers, params);
  return response;
}

/** Takes off what must not be sent, whoever has written it. Returns whether there was anything. */
function withhold(sent: SentRequest, { withheld = new Set(), headers }: CallRequest): boolean {
  const written = [...withheld].filter((name) => headers[name] === undefined && sent.headers[name] !== undefined);
  for (const name of written) delete sent.headers[name];
  return written.length > 0;
}

/** As it was asked for: an authenticator may have put the credential into the URL. */
function viewOf(response: HttpResponse, sent: HttpRequest, { url }: CallRequest): ForgeResponse {
  const { method, headers, responseType } = sent;
  return new ForgeResponse({ method, url, headers, responseType }, response);
}

/** Wraps what an authenticator throws: it may be anything, and quote anything. */
function noCredential(thrown: unknown, { call }: CallRequest, sent: HttpRequest, options: AuthOptions): unknown {
  const { name: serviceName, revealCauses: reveal } = options;
  revealOwnCause(thrown, reveal);
  if (thrown instanceof ForgeAuthError || call.scope.aborted) return thrown;
  const cause = ownCause(thrown, { reveal, secrets: secretsOf(sent) });
  return new AuthenticationError(
    `No credential for "${serviceName}": ${cause.option ?? 'its authenticator'} threw ${cause.summary}.`,
    {
      code: 'FORGE_AUTH_CREDENTIAL_FAILED',
      serviceName,
      cause,
    },
  );
}

/** A copy of its own for each sending, with the body opened. */
function open(request: CallRequest, options: AuthOptions, replays = 0): SentRequest | Promise<SentRequest> {
  const { body } = request;
  const opened = new OpenedRequest(request, options, replays);
  if (body === undefined) return opened;
  return openBody(opened, body);
}

async function openBody(request: SentRequest, source: NonNullable<CallRequest['body']>): Promise<SentRequest> {
  const {
    body,
    contentType,
    overridesContentType = false,
    contentLength,
  } = ownOptions(await askFor('data()', () => source.open()));
  request.body = body;
  if (contentType !== undefined && (overridesContentType || request.headers['content-type'] === undefined))
    request.headers['content-type'] = contentType;
  if (contentLength !== undefined && request.headers['transfer-encoding'] === undefined)
    request.headers['content-length'] ??= String(contentLength);
  return request;
}

/** Request that is sent, and that an authenticator is shown. */
class OpenedRequest implements SentRequest {
  method: string;
  url: string;
  headers: HttpHeaders;
  spelling: HttpRequest['spelling'];
  body: HttpRequest['body'];
  responseType: ResponseType;
  cancellation: Cancellation | undefined;
  maxContentLength: number | undefined;
  axios: HttpRequest['axios'];
  readonly withheld: ReadonlySet<string> | undefined;
  readonly ownAuthorization: boolean;
  readonly serviceName: string;
  readonly tokenRequest: TokenRequest | undefined;
  readonly call: Call;
  readonly clock: Clock;
  readonly replays: number;
  readonly replayable: boolean;
  rejection: string | undefined;

  constructor(
    { method, url, headers, spelling, body, responseType, maxContentLength, axios, withheld, call }: CallRequest,
    { name, clock, headers: serviceHeaders }: AuthOptions,
    replays: number,
  ) {
    this.method = method;
    this.url = url;
    this.headers = ownOptions(headers as HttpHeaders);
    this.spelling = spelling;
    this.responseType = responseType;
    this.maxContentLength = maxContentLength;
    this.axios = axios;
    this.withheld = withheld;
    this.ownAuthorization = bringsAuthorization({ headers }, serviceHeaders);
    this.serviceName = name;
    this.clock = clock;
    this.tokenRequest = call.tokenRequest;
    this.call = call;
    this.replays = replays;
    this.replayable = body?.replayable ?? true;
    this.rejection = undefined;
  }

  get ownParameters(): ReadonlySet<string> | undefined {
    return this.call.ownParameters;
  }

  get signal(): AbortSignal | undefined {
    return this.cancellation?.signal;
  }

  get callSignal(): AbortSignal {
    return this.call.scope.signal;
  }
}
