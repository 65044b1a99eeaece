import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';

/**
 * Node's own client as axios's adapter asks for one: each request comes to an end, as those of the plain exchange do,
 * whatever the adapter listens to.
 */
export const NODE_TRANSPORT = Object.freeze({
  request(options: RequestOptions, onAnswer: (message: IncomingMessage) => void): ClientRequest {
    let ended = false;
    const sent = (options.protocol === 'https:' ? https : http).request(options, (message) => {
      ended = true;
      const release = (): void => releaseRefused(sent, message);
      message.once('end', release).once('close', release);
      onAnswer(message);
    });
    sent.once('error', () => (ended = true));
    // Of an answer that switches protocols, though nobody asked for that, Node tells nothing more.
    sent.once('close', () => ended || sent.emit('error', badResponse('stream has been aborted')));
    return sent;
  },
});

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
