import type { HttpRequest, HttpResponse } from '../http/http-request.js';
import type { Token } from './token.js';

/** The parts of a request that a token, and the proof of its possession, may be written to. */
export type PresentedRequest = Pick<HttpRequest, 'method' | 'url' | 'headers' | 'spelling' | 'body'>;

/** Shows a token to a service: bearer in a header, the form or the query; with a proof of possession. */
export interface TokenPresenter {
  /** Writes the token to a request that is about to be sent. Called for each sending, replays included. */
  write(request: PresentedRequest, token: Token): void | Promise<void>;
  /**
   * Reads what an answer asks of the next request: a nonce for its proof. Returns `resend` where this very request is
   * worth sending again with the same token, which is no renewal.
   */
  observe?(response: Pick<HttpResponse, 'status' | 'headers'>, request: PresentedRequest): 'resend' | undefined;
}
