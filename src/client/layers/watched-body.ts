import type { Readable } from 'node:stream';
import { ConnectionError } from '../../errors.js';

/** Codes of sockets: a transport may end the stream of a body with the error of its connection. */
const OF_A_CONNECTION = /^(?:E(?:CONN|PIPE|TIMEDOUT|HOST|NET|AI_|NOTFOUND)|UND_ERR_|ERR_(?:SOCKET|TLS|SSL|HTTP2)_)/;

/** Knows whether a request failed because the stream of its body did: no failure of the network, whatever it looks like. */
export class WatchedBody {
  #error: unknown;

  constructor(body: Readable) {
    body.once('error', (error) => (this.#error = error));
  }

  /** Error that the stream failed with. */
  get error(): unknown {
    return this.#error;
  }

  hasCaused(failure: unknown): boolean {
    if (this.#error === undefined || (failure instanceof ConnectionError && failure.nothingSent)) return false;
    return !OF_A_CONNECTION.test(String((this.#error as { code?: unknown }).code));
  }
}
