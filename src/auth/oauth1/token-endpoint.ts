import type { Clock } from '../../clock.js';
import { AuthenticationError, ForgeAuthError } from '../../errors.js';
import { ForgeResponse } from '../../http/forge-response.js';
import type { HttpRequest } from '../../http/http-request.js';
import type { HttpRequester } from '../../http/http-requester.js';
import { oauthProblemOf } from './oauth-problem.js';
import type { OAuth1Token } from './oauth1-token.js';
import { RequestSigner, type Signing } from './request-signer.js';
import { ServerTime } from './server-time.js';
import type { ResolvedSigning } from './signing-options.js';
import { tokenIn } from './token-answer.js';

/** One request for a token. */
export interface TokenAsk {
  readonly url: string;
  /** Description of the request, in words that begin a message. */
  readonly what: string;
  /** Of a POST in its form, of a GET in its query. */
  readonly extraParams: Readonly<Record<string, string>>;
  readonly signing: Pick<Signing, 'token' | 'tokenSecret' | 'parameters'>;
  readonly signal: AbortSignal | undefined;
}

const FORM_TYPE = 'application/x-www-form-urlencoded';

/** Asks a server for tokens, over the flow's own connections; once more where the clock of this machine is off. */
export class TokenEndpoint {
  readonly #signer: RequestSigner;
  readonly #time: ServerTime;
  readonly #clock: Clock;
  readonly #http: HttpRequester;
  readonly #method: 'POST' | 'GET';

  constructor(signing: ResolvedSigning, method: 'POST' | 'GET', http: HttpRequester, clock: Clock) {
    this.#signer = new RequestSigner(signing);
    this.#time = new ServerTime(signing.timestamp);
    this.#clock = clock;
    this.#http = http;
    this.#method = method;
  }

  /** @throws {AuthenticationError} when the server refuses, answers no token, or cannot be reached */
  async ask(ask: TokenAsk): Promise<OAuth1Token> {
    const call = {};
    for (;;) {
      const request = { ...this.#request(ask), call, clock: this.#clock };
      const timestamp = this.#time.timestampFor(request);
      await this.#signer.sign(request, { ...ask.signing, clock: this.#clock, timestamp });
      const response = await this.#answerTo(request, ask.what);
      const refused = oauthProblemOf(response) === 'timestamp_refused';
      const mayBeTime = refused || response.status === 401;
      if (mayBeTime && this.#time.correct(request, response.headers['date'], refused)) continue;
      if (response.isSuccess) this.#time.keep(request);
      return tokenIn(response, ask.what, this.#clock.now());
    }
  }

  #request({ url: address, extraParams, signal }: TokenAsk): HttpRequest {
    const url = new URL(address);
    const form = new URLSearchParams(extraParams).toString();
    const method = this.#method;
    if (method === 'GET' && form !== '') url.search += `${url.search === '' ? '' : '&'}${form}`;
    return {
      method,
      url: url.href,
      headers: { accept: '*/*', ...(method === 'POST' ? { 'content-type': FORM_TYPE } : undefined) },
      ...(method === 'POST' ? { body: form } : undefined),
      responseType: 'text',
      signal,
    };
  }

  async #answerTo(request: HttpRequest, what: string): Promise<ForgeResponse> {
    try {
      return new ForgeResponse(request, await this.#http.send(request));
    } catch (cause) {
      if (request.signal?.aborted === true || !(cause instanceof ForgeAuthError)) throw cause;
      throw new AuthenticationError(`${what} failed: the server could not be reached.`, { cause, transient: true });
    }
  }
}
