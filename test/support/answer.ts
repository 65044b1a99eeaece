import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** A well-formed answer. `json` is serialized and labelled as such; `body` is sent as it is. */
export interface PlainAnswer {
  /** @default 200 */
  status?: number;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  json?: unknown;
}

/**
 * A way not to answer:
 * - `hang`: nothing ever comes
 * - `reset`: the connection is torn down before a byte of the answer
 * - `dribble`: headers, then a space every 20 ms for ever (JSON that never begins)
 * - `endless`: headers, then bytes as fast as they are read, for ever
 * - `truncate`: half of the announced body, then the connection is gone
 */
export type Mishap = 'hang' | 'reset' | 'dribble' | 'endless' | 'truncate';

/** Answer of a scripted server to one request. */
export type Answer = PlainAnswer | Mishap;

/** Answers with `body` as JSON. */
export function json(res: ServerResponse, status: number, body: unknown, headers: OutgoingHttpHeaders = {}): void {
  send(res, status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
}

/** Answers with the bytes given. */
export function send(
  res: ServerResponse,
  status: number,
  body: string | Buffer = '',
  headers: OutgoingHttpHeaders = {},
): void {
  res.writeHead(status, headers).end(body);
}

/** Carries out an {@link Answer}. Does nothing when the client is already gone. */
export function give(res: ServerResponse, answer: Answer): void {
  if (res.destroyed) return;
  if (typeof answer === 'string') MISHAPS[answer](res);
  else if ('json' in answer) json(res, answer.status ?? 200, answer.json, answer.headers);
  else send(res, answer.status ?? 200, answer.body, answer.headers);
}

const JSON_HEADERS = { 'content-type': 'application/json' };

const MISHAPS: Record<Mishap, (res: ServerResponse) => void> = {
  hang() {},
  reset(res) {
    // An RST where the socket is plain; TLS sockets know no such thing.
    if (res.socket && 'encrypted' in res.socket) res.socket.destroy();
    else res.socket?.resetAndDestroy();
  },
  dribble(res) {
    res.writeHead(200, JSON_HEADERS).write(' ');
    const timer = setInterval(() => res.write(' '), 20);
    res.once('close', () => clearInterval(timer));
  },
  endless(res) {
    res.writeHead(200, JSON_HEADERS);
    void pump(res);
  },
  truncate(res) {
    const text = '{"access_token":"trunc';
    res.writeHead(200, { ...JSON_HEADERS, 'content-length': text.length * 2 });
    res.write(text, () => res.socket?.destroy());
  },
};

async function pump(res: ServerResponse): Promise<void> {
  const closed = new AbortController();
  res.once('close', () => closed.abort());
  const chunk = Buffer.alloc(65_536, ' ');
  while (!closed.signal.aborted) {
    if (!res.write(chunk)) await once(res, 'drain', { signal: closed.signal }).catch(() => undefined);
  }
}
