import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { json, send } from '../support/answer.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { type Secrets, type Verified, verifyRequest } from './verifier.js';

/** The client that an {@link OAuth1Server} knows. */
export const CLIENT = { clientId: 'printer & co', clientSecret: 'client/secret=ü&more' } as const;

/** A server of all three legs: it verifies every signature, uses every token once, and lets users consent. */
export interface OAuth1Server extends RecordingServer {
  readonly urls: {
    readonly requestTokenUrl: string;
    readonly authorizationUrl: string;
    readonly accessTokenUrl: string;
  };
  /** Signatures verified so far, by path. */
  readonly verified: readonly { readonly path: string; readonly found: Verified }[];
  /** Consents as the user at this URL. Returns where the browser is sent to, or the verifier of `oob`. */
  consent(authorizationUrl: string): string;
  /** Serves the legs at further paths, as a provider has them. */
  serveAt(paths: Readonly<Record<string, string>>): void;
  /** Answers before anything is looked at. Returns whether it did. */
  before: (request: RecordedRequest, response: ServerResponse) => boolean;
  /** Label of the token answers. */
  label: string;
  /** Seconds by which the server's clock is ahead of this machine's. */
  aheadS: number;
}

const WINDOW_S = 300;

/** With characters that must be encoded. */
const word = (): string => randomBytes(9).toString('base64');

export async function startOAuth1Server(known: Partial<Secrets> = {}): Promise<OAuth1Server> {
  const requestTokens = new Map<string, { secret: string; callback: string; verifier?: string }>();
  const accessTokens = new Map<string, string>();
  const verified: { path: string; found: Verified }[] = [];
  const nonces = new Set<string>();
  const aliases: Record<string, string> = {};

  /** @throws {Error} with the problem as its message */
  function check(request: RecordedRequest, secretOf: (token: string | undefined) => string): Verified {
    const token = (
      /oauth_token="([^"]*)"/.exec(request.headers.authorization ?? '')?.[1] ??
      /(?:^|[?&])oauth_token=([^&]*)/.exec(`${request.url}&${request.text}`)?.[1]
    )?.replace(/%([\dA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    const found = verifyRequest(request, server.origin, {
      clientSecret: CLIENT.clientSecret,
      ...known,
      tokenSecret: secretOf(token),
    });
    const now = Date.now() / 1_000 + api.aheadS;
    if (found.oauth['oauth_consumer_key'] !== CLIENT.clientId) throw new Error('consumer_key_unknown');
    if (Math.abs(Number(found.oauth['oauth_timestamp']) - now) > WINDOW_S) throw new Error('timestamp_refused');
    const nonce = found.oauth['oauth_nonce'] ?? '';
    if (nonces.has(nonce)) throw new Error('nonce_used');
    nonces.add(nonce);
    verified.push({ path: request.path, found });
    return found;
  }

  function answer(response: ServerResponse, fields: Record<string, string>): void {
    send(response, 200, new URLSearchParams(fields).toString(), { 'content-type': api.label });
  }

  const legs: Record<string, (request: RecordedRequest, response: ServerResponse) => void> = {
    '/initiate'(request, response) {
      const { oauth } = check(request, () => '');
      const [token, secret] = [word(), word()];
      if (oauth['oauth_callback'] === undefined) throw new Error('parameter_absent');
      requestTokens.set(token, { secret, callback: oauth['oauth_callback'] });
      answer(response, { oauth_token: token, oauth_token_secret: secret, oauth_callback_confirmed: 'true' });
    },
    '/token'(request, response) {
      const { oauth } = check(request, (token) => requestTokens.get(token ?? '')?.secret ?? 'none');
      const asked = requestTokens.get(oauth['oauth_token'] ?? '');
      if (asked?.verifier === undefined || asked.verifier !== oauth['oauth_verifier'])
        throw new Error('verifier_invalid');
      requestTokens.delete(oauth['oauth_token'] ?? '');
      const [token, secret] = [word(), word()];
      accessTokens.set(token, secret);
      answer(response, {
        oauth_token: token,
        oauth_token_secret: secret,
        user_id: '38895958',
        screen_name: 'theSeanCook',
      });
    },
    '/photos'(request, response) {
      const { oauth } = check(request, (token) => accessTokens.get(token ?? '') ?? 'none');
      json(response, 200, { token: oauth['oauth_token'] });
    },
  };

  const server = await startServer((request, response) => {
    response.sendDate = false;
    response.setHeader('date', new Date(Date.now() + api.aheadS * 1_000).toUTCString());
    if (api.before(request, response)) return;
    try {
      legs[aliases[request.path] ?? request.path]?.(request, response);
    } catch (error) {
      const { message } = error as Error;
      const problem = /^\w+$/.test(message) ? message : 'signature_invalid';
      send(response, 401, `oauth_problem=${problem}&oauth_problem_advice=${encodeURIComponent(message)}`);
    }
  });

  const api: OAuth1Server = Object.assign(Object.create(server) as RecordingServer, {
    urls: {
      requestTokenUrl: `${server.origin}/initiate`,
      authorizationUrl: `${server.origin}/authorize?lang=en`,
      accessTokenUrl: `${server.origin}/token`,
    },
    verified,
    consent(authorizationUrl: string): string {
      const token = new URL(authorizationUrl).searchParams.get('oauth_token') ?? '';
      const asked = requestTokens.get(token);
      if (asked === undefined) throw new Error('The request token is unknown.');
      asked.verifier = word();
      if (asked.callback === 'oob') return asked.verifier;
      const url = new URL(asked.callback);
      url.searchParams.set('oauth_token', token);
      url.searchParams.set('oauth_verifier', asked.verifier);
      return url.href;
    },
    serveAt: (paths: Readonly<Record<string, string>>) => void Object.assign(aliases, paths),
    before: () => false,
    label: 'application/x-www-form-urlencoded',
    aheadS: 0,
  });
  return api;
}
