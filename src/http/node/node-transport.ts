import { ownOptions } from '../../option-check/own-options.js';
import { ownRequestOptions } from './not-inherited.js';
import http, {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import https from 'node:https';

/**
 * Node's own client as axios's adapter asks for one: each request comes to an end, as those of the plain exchange do,
 * whatever the adapter listens to.
 */
export const NODE_TRANSPORT = Object.freeze({
  request(options: RequestOptions, onAnswer: (message: IncomingMessage) => void): ClientRequest {
    let ended = false;
    const own = ownRequestOptions<RequestOptions>({ insecureHTTPParser: false, ...options });
    const sent = (own.protocol === 'https:' ? https : http).request(own, (message) => {
      ended = true;
      const release = (): void => releaseRefused(sent, message);
      try {
        headersOf(message);
        message.once('end', release).once('close', release);
        onAnswer(message);
      } catch (error) {
        // Thrown on, it would end the process, and the request would never end.
        message.destroy();
        sent.emit('error', error);
      }
    });
    sent.once('error', () => (ended = true));
    // Of an answer that switches protocols, though nobody asked for that, Node reports nothing more.
    sent.once('close', () => ended || sent.emit('error', badResponse('stream has been aborted')));
    return sent;
  },
});

/**
 * Collects the headers of an answer, joined as Node joins them, in an object that inherits nothing: into its own, Node would not write a
 * `location` that `Object.prototype` has already.
 */
export function headersOf(message: IncomingMessage): IncomingHttpHeaders {
  const headers = ownOptions<IncomingHttpHeaders>({});
  const { rawHeaders } = message;
  // oxlint-disable-next-line eslint/no-underscore-dangle -- so Node calls it, for its own collection
  const add = (message as unknown as Partial<Joining>)._addHeaderLine;
  // A later Node may know it no more.
  if (typeof add !== 'function') return message.headers;
  for (let at = 0; at < rawHeaders.length; at += 2) add.call(message, rawHeaders[at], rawHeaders[at + 1], headers);
  // Node's agent reads them, too: it would collect them once more.
  message.headers = headers;
  return headers;
}

/** A message of Node's, which knows of each header whether several of it are one. */
interface Joining {
  _addHeaderLine(name: string | undefined, value: string | undefined, headers: IncomingHttpHeaders): void;
}

/** A server that has refused may read no more of the body: its connection would be taken forever. */
export function releaseRefused(
  sent: ClientRequest | undefined,
  answer: { readonly statusCode?: number | undefined },
): void {
  if (Number(answer.statusCode) >= 400 && sent?.writableFinished === false) sent.destroy();
}

/** An error in the words of axios, which has one code for these. */
export function badResponse(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_BAD_RESPONSE' });
}
