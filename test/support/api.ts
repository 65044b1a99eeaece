import { give } from './answer.js';
import type { RecordedRequest } from './recorded-request.js';
import { startServer, type Handler, type RecordingServer, type ServerOptions } from './recording-server.js';
import { Script, type Scripted, type ScriptOptions } from './script.js';

/** Whoever can tell a good access token: a token endpoint, an authorization server, or a test. */
export interface TokenValidator {
  isValid(accessToken: string): boolean | Promise<boolean>;
}

export interface ApiOptions extends ServerOptions, ScriptOptions {
  /** Answers those who may come in. @default 200 and `{ ok, method, url }` */
  handler?: Handler;
}

/** A running {@link startApi}. */
export interface Api extends Scripted {
  readonly origin: string;
  /** The server under it, with `requests`, `received`, `maxConcurrent` and the rest. */
  readonly server: RecordingServer;
  /** The bearer token of every request that carried one, in order of arrival. */
  readonly tokens: readonly string[];
  /** How many times a token was refused or missing. */
  readonly unauthorized: number;
  /** Changes how the API behaves from now on. */
  configure(options: ScriptOptions): void;
  /** Keeps answers back from now on. They are made on arrival: a held 401 stays one, whatever happens meanwhile. */
  holdResponses(): void;
  /** Sends the answers kept back, and stops keeping them. */
  release(): void;
  close(): Promise<void>;
}

/**
 * Starts an API that answers 401 unless a request says `Authorization: Bearer <a token that is valid>`.
 *
 * `/health` and everything under `/public/` are open. `answerNext` and `respond` go before the check.
 */
export async function startApi(
  validator: TokenValidator | TokenValidator['isValid'],
  options: ApiOptions = {},
): Promise<Api> {
  const isValid = typeof validator === 'function' ? validator : validator.isValid.bind(validator);
  const { handler = welcome, tls } = options;
  const script = new Script(options);
  const tokens: string[] = [];
  let unauthorized = 0;

  const server = await startServer(
    async (request, res) => {
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
      if (token !== undefined) tokens.push(token);
      const scripted = await script.answerTo(request);
      const admitted = scripted || isOpen(request) || (token !== undefined && (await isValid(token)));
      if (!admitted) unauthorized += 1;
      await script.turn();
      if (scripted) return give(res, scripted);
      if (admitted) return handler(request, res);
      give(res, { status: 401, headers: { 'www-authenticate': challenge(token) }, json: { error: 'unauthorized' } });
    },
    { ...(tls !== undefined && { tls }) },
  );

  return {
    origin: server.origin,
    server,
    tokens,
    get unauthorized() {
      return unauthorized;
    },
    get held() {
      return script.held;
    },
    configure: (changes) => script.configure(changes),
    answerNext: (...answers) => script.answerNext(...answers),
    holdResponses: () => script.hold(),
    release: () => script.release(),
    close: () => server.close(),
  };
}

function isOpen({ path }: RecordedRequest): boolean {
  return path === '/health' || path.startsWith('/public/');
}

/** RFC 6750 §3: an error is named only where a token was sent. */
function challenge(token: string | undefined): string {
  return token === undefined ? 'Bearer' : 'Bearer error="invalid_token"';
}

const welcome: Handler = ({ method, url }, res) => give(res, { json: { ok: true, method, url } });
