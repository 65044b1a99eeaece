import type { Secrets, Verified } from './verifier.js';
import { verifyRequest } from './verifier.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { json } from '../support/answer.js';

/** The credentials that a {@link SignedApi} knows. */
export const KNOWN = {
  clientId: 'client-1',
  clientSecret: 'client secret & more',
  token: 'token/1',
  tokenSecret: 'token+secret=ü',
} as const;

/** A service that answers those whose signature it can verify. */
export interface SignedApi extends RecordingServer {
  /** Signatures verified so far, in order. */
  readonly verified: readonly Verified[];
  /** Seconds by which the server's clock is ahead of this machine's. */
  aheadS: number;
  /** True when the server sends its time. @default true */
  tellsDate: boolean;
  /** Answers before the signature is looked at. Returns whether it did. */
  before: (request: RecordedRequest, response: Parameters<RecordingServer['handler']>[1]) => boolean;
}

/** How far a timestamp may be off. */
const WINDOW_S = 300;

export async function startSignedApi(secrets: Partial<Secrets> = {}): Promise<SignedApi> {
  const verified: Verified[] = [];
  const nonces = new Set<string>();
  const server = await startServer((request, response) => {
    const now = Date.now() / 1_000 + api.aheadS;
    response.sendDate = false;
    if (api.tellsDate) response.setHeader('date', new Date(now * 1_000).toUTCString());
    const refuse = (problem: string, message = problem): void =>
      json(response, 401, { error: message }, { 'www-authenticate': `OAuth realm="api", oauth_problem="${problem}"` });
    if (api.before(request, response)) return;
    try {
      const found = verifyRequest(request, server.origin, { ...KNOWN, ...secrets });
      const { oauth_nonce: nonce = '', oauth_timestamp: timestamp } = found.oauth;
      if (Math.abs(Number(timestamp) - now) > WINDOW_S) return refuse('timestamp_refused');
      if (nonces.has(nonce)) return refuse('nonce_used');
      nonces.add(nonce);
      verified.push(found);
      json(response, 200, { ok: true });
    } catch (error) {
      refuse('signature_invalid', (error as Error).message);
    }
  });
  const api: SignedApi = Object.assign(Object.create(server) as RecordingServer, {
    verified,
    aheadS: 0,
    tellsDate: true,
    before: () => false,
  });
  return api;
}
