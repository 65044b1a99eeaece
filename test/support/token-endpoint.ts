import { give, type Answer } from './answer.js';
import { authenticatesClient, type ClientAuthentication, type Clients } from './client-authentication.js';
import { IssuedTokens, type IssuedToken, type RefreshTokens } from './issued-tokens.js';
import type { RecordedRequest } from './recorded-request.js';
import { startServer, type RecordingServer, type ServerOptions } from './recording-server.js';
import { Script, type Scripted, type ScriptOptions } from './script.js';

/** The client that a token endpoint knows by default. */
export const CLIENT = { clientId: 'test-client', clientSecret: 'test-client-secret' } as const;

/** The user that a token endpoint knows by default. */
export const USER = { username: 'alice', password: 'alice-in-wonderland' } as const;

/** Behaviour that can be changed while the endpoint runs, by `configure`. */
export interface TokenEndpointBehaviour extends ScriptOptions {
  /** `expires_in`, as it goes into the JSON. `undefined` leaves it out. @default 3_600 */
  expiresIn?: number | string | null | undefined;
  /** `token_type`. `undefined` leaves it out. @default 'Bearer' */
  tokenType?: string | undefined;
  /**
   * Mode in which refresh tokens are issued. `true`: one that stays, and that a refresh does not repeat.
   * `'rotate'`: each is good for one use; a second use is counted and revokes the whole family.
   * @default false
   */
  refreshTokens?: RefreshTokens | undefined;
  /** Further members of each answer; they win over the usual ones. */
  extra?: Record<string, unknown> | undefined;
  /** Secrets by client id. A public client has the secret `''`. @default {@link CLIENT} */
  clients?: Clients | undefined;
  /** Passwords by user name, for the password grant. @default {@link USER} */
  users?: Readonly<Record<string, string>> | undefined;
  /** How clients must authenticate. @default 'any' */
  authenticate?: ClientAuthentication | undefined;
  /** The grant types served. @default every one */
  grants?: readonly string[] | undefined;
}

export interface TokenEndpointOptions extends TokenEndpointBehaviour, ServerOptions {
  /** @default '/token' */
  path?: string;
  /** The endpoint's time, in epoch milliseconds: pass a fake clock's. @default Date.now */
  now?: () => number;
}

/** A running {@link startTokenEndpoint}. */
export interface TokenEndpoint extends Scripted {
  /** URL of the token endpoint. */
  readonly url: string;
  /** The server under it, with `requests`, `received`, `maxConcurrent` and the rest. */
  readonly server: RecordingServer;
  /** Number of requests to the token endpoint so far. */
  readonly tokenRequests: number;
  /** `grant_type` of each of them, in order. */
  readonly grantTypes: readonly string[];
  /** Refresh tokens that were presented, in order. */
  readonly presentedRefreshTokens: readonly string[];
  /** Tokens issued so far, in order. */
  readonly issued: readonly IssuedToken[];
  /** Number of times that a used-up refresh token was presented again (`'rotate'`). */
  readonly refreshTokenReuses: number;
  /** Changes how the endpoint behaves from now on. */
  configure(behaviour: TokenEndpointBehaviour): void;
  /** Keeps requests waiting, unprocessed, from now on. */
  hold(): void;
  /** Lets the held requests, and all later ones, go on. */
  release(): void;
  /** Checks whether an access token was issued here, has not expired, and was not revoked. */
  isValid(accessToken: string): boolean;
  /** Revokes one access or refresh token. */
  revoke(token: string): void;
  /** Revokes every access token issued so far. Refresh tokens stay good. */
  revokeAll(): void;
  /** Revokes every refresh token issued so far. Access tokens stay good. */
  revokeRefreshTokens(): void;
  close(): Promise<void>;
}

/**
 * Starts a scriptable OAuth token endpoint on a real server.
 *
 * It checks the client, issues unique opaque tokens, and answers mistakes as RFC 6749 §5.2 says.
 * A test overrides single answers with `answerNext`, or all of them with `respond`.
 */
export async function startTokenEndpoint(options: TokenEndpointOptions = {}): Promise<TokenEndpoint> {
  const { path = '/token', now = Date.now, tls } = options;
  let behaviour: TokenEndpointBehaviour = {
    expiresIn: 3_600,
    tokenType: 'Bearer',
    clients: { [CLIENT.clientId]: CLIENT.clientSecret },
    users: { [USER.username]: USER.password },
    ...options,
  };
  const script = new Script(options);
  const tokens = new IssuedTokens(now);

  const server = await startServer(
    async (request, res) => {
      if (request.path !== path) return give(res, { status: 404 });
      const scripted = await script.answerTo(request);
      await script.turn();
      give(res, scripted ?? answerTo(request));
    },
    { ...(tls !== undefined && { tls }) },
  );

  function answerTo(request: RecordedRequest): Answer {
    if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST' } };
    const params = parametersOf(request);
    const grantType = params['grant_type'];
    if (!authenticatesClient(request, params, behaviour.clients ?? {}, behaviour.authenticate)) {
      const challenge = request.headers.authorization ? { 'www-authenticate': 'Basic realm="test"' } : {};
      return { ...refusal('invalid_client', 401), headers: challenge };
    }
    if (!grantType) return refusal('invalid_request');
    if (behaviour.grants && !behaviour.grants.includes(grantType)) return refusal('unsupported_grant_type');
    if (grantType === 'password' && !knowsUser(params)) return refusal('invalid_grant');

    const { refreshTokens = false, expiresIn, tokenType, extra } = behaviour;
    const issued =
      grantType === 'refresh_token'
        ? tokens.refresh(params['refresh_token'] ?? '', expiresIn, refreshTokens, params)
        : tokens.issue(grantType, expiresIn, refreshTokens, params);
    if (!issued) return refusal('invalid_grant');
    return {
      headers: { 'cache-control': 'no-store' },
      json: {
        access_token: issued.accessToken,
        token_type: tokenType,
        expires_in: expiresIn,
        refresh_token: issued.refreshToken,
        ...extra,
      },
    };
  }

  function knowsUser(params: Readonly<Record<string, string>>): boolean {
    const password = behaviour.users?.[params['username'] ?? ''];
    return password !== undefined && password === params['password'];
  }

  const tokenRequests = (): readonly RecordedRequest[] => server.requests.filter((request) => request.path === path);
  return {
    url: server.origin + path,
    server,
    get tokenRequests() {
      return tokenRequests().length;
    },
    get grantTypes() {
      return tokenRequests().map((request) => parametersOf(request)['grant_type'] ?? '');
    },
    get presentedRefreshTokens() {
      return tokenRequests().flatMap((request) => parametersOf(request)['refresh_token'] ?? []);
    },
    get issued() {
      return tokens.all;
    },
    get refreshTokenReuses() {
      return tokens.refreshTokenReuses;
    },
    get held() {
      return script.held;
    },
    configure(changes) {
      behaviour = { ...behaviour, ...changes };
      script.configure(changes);
    },
    answerNext: (...answers) => script.answerNext(...answers),
    hold: () => script.hold(),
    release: () => script.release(),
    isValid: (accessToken) => tokens.isValid(accessToken),
    revoke: (token) => tokens.revoke(token),
    revokeAll: () => tokens.revokeAll(),
    revokeRefreshTokens: () => tokens.revokeRefreshTokens(),
    close: () => server.close(),
  };
}

function refusal(error: string, status = 400): { status: number; json: unknown } {
  return { status, json: { error, error_description: `Refused: ${error}.` } };
}

/** A form, or JSON as some servers take it. */
function parametersOf(request: RecordedRequest): Readonly<Record<string, string>> {
  if (!request.headers['content-type']?.includes('json')) return Object.fromEntries(request.form());
  try {
    return request.json<Record<string, string>>();
  } catch {
    return {};
  }
}
