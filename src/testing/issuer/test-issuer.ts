import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../../clock.js';
import { IssuerAuthorizations } from './issuer-authorizations.js';
import { answerRequest, PATHS } from './issuer-endpoints.js';
import { IssuerKeys } from './issuer-keys.js';
import { type IssuerRequest, readRequest } from './issuer-request.js';
import { type IssuerAnswer, type IssuerFailure, IssuerScript, refusal, sendAnswer } from './issuer-script.js';
import type { IssuerState } from './issuer-state.js';
import { type IssuedToken, IssuerTokens } from './issuer-tokens.js';
import { TEST_ISSUER_RULES, type TestIssuerOptions } from './test-issuer.options.js';
import { ConfigurationError } from '../../errors.js';
import { checkOptions } from '../../option-check/option-check.js';
import { ownOptions } from '../../option-check/own-options.js';

/** Lifetime of tokens. */
const EXPIRES_IN_MS = 3_600_000;

/**
 * An OAuth 2 and OpenID Connect server for tests, in this process, on a port of 127.0.0.1.
 *
 * It issues tokens by every grant, revokes and introspects them, and does wrong what a test asks of it. It keeps
 * nothing but memory, is no model of a safe server, and must never face anybody but a test.
 */
export class TestIssuer {
  readonly #server: Server;
  readonly #state: IssuerState;
  readonly #requests: IssuerRequest[] = [];
  readonly #closing = new AbortController();

  private constructor(server: Server, options: TestIssuerOptions) {
    const { port } = server.address() as AddressInfo;
    const resolved = ownOptions({
      subject: 'test-user',
      claims: () => ({}),
      expiresInMs: EXPIRES_IN_MS,
      rotateRefreshTokens: true,
      jwtAccessTokens: false,
      approveDevices: true,
      extra: {},
      clock: systemClock,
      ...options,
    });
    this.#server = server;
    this.#state = {
      issuer: `http://127.0.0.1:${port}`,
      options: resolved,
      keys: new IssuerKeys(),
      tokens: new IssuerTokens(() => resolved.clock),
      authorizations: new IssuerAuthorizations(),
      script: new IssuerScript(),
    };
  }

  /**
   * Starts an issuer. Close it when the tests are done, or declare it with `await using`.
   * @throws {ConfigurationError} when an option is malformed or unknown
   */
  static async start(given: TestIssuerOptions = {}): Promise<TestIssuer> {
    checkOptions(given, TEST_ISSUER_RULES, {
      refuse: (problem) => new ConfigurationError(`TestIssuer.start(): ${problem}`),
    });
    const options = ownOptions(given);
    const server = createServer().listen(options.port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    const issuer = new TestIssuer(server, options);
    server.on('request', (message, response) => {
      void issuer
        .#handle(readRequest(message))
        .then((answer) => sendAnswer(response, answer))
        .catch(() => response.destroy());
    });
    return issuer;
  }

  /** The issuer identifier, `http://127.0.0.1:<port>`: what a provider's `issuer` option takes. */
  get issuer(): string {
    return this.#state.issuer;
  }

  /** As {@link issuer}. */
  get url(): string {
    return this.issuer;
  }

  get tokenUrl(): string {
    return this.issuer + PATHS.token;
  }

  get jwksUrl(): string {
    return this.issuer + PATHS.jwks;
  }

  get revocationUrl(): string {
    return this.issuer + PATHS.revocation;
  }

  get introspectionUrl(): string {
    return this.issuer + PATHS.introspection;
  }

  get userInfoUrl(): string {
    return this.issuer + PATHS.userInfo;
  }

  get authorizationUrl(): string {
    return this.issuer + PATHS.authorization;
  }

  get deviceAuthorizationUrl(): string {
    return this.issuer + PATHS.deviceAuthorization;
  }

  /** Every request so far, in order of arrival. */
  get requests(): readonly IssuerRequest[] {
    return this.#requests;
  }

  /** Number of requests to the token endpoint. */
  get tokenRequests(): number {
    return this.#requests.filter(({ path }) => path === PATHS.token).length;
  }

  /** Numbers of requests by endpoint, and of the tokens that were issued. */
  get counters(): Readonly<Record<'requests' | 'token' | 'revoke' | 'introspect' | 'userinfo' | 'issued', number>> {
    const count = (path: string): number => this.#requests.filter((request) => request.path === path).length;
    return {
      requests: this.#requests.length,
      token: count(PATHS.token),
      revoke: count(PATHS.revocation),
      introspect: count(PATHS.introspection),
      userinfo: count(PATHS.userInfo),
      issued: this.issued.length,
    };
  }

  /** Every token that was issued, the oldest first. */
  get issued(): readonly IssuedToken[] {
    return this.#state.tokens.issued;
  }

  /** Number of times that a refresh token was used again. */
  get refreshTokenReuses(): number {
    return this.#state.tokens.refreshTokenReuses;
  }

  /** Checks whether an access or refresh token is good: for a test's own protected resource. Takes a header, too. */
  isValid(token: string | undefined): boolean {
    return this.#state.tokens.find((token ?? '').replace(/^\S+\s+/, '')) !== undefined;
  }

  /** Tokens that are issued from now on live for so many milliseconds. */
  expireIn(ms: number): void {
    this.#state.options.expiresInMs = ms;
  }

  /** Revokes one token. */
  revoke(token: string): void {
    this.#state.tokens.revoke(token);
  }

  /** Revokes every access token that was issued. @param options `refreshTokens`: these, too. @default false */
  revokeAll({ refreshTokens = false }: { refreshTokens?: boolean } = {}): void {
    this.#state.tokens.revokeAll(refreshTokens);
  }

  /** Sets whether refresh tokens can be used only once, from now on. */
  rotate(enabled = true): void {
    this.#state.options.rotateRefreshTokens = enabled;
  }

  /** Signs with a new key from now on. @param options `keepOld`: the former keys are still published. @default true */
  async rotateKeys({ keepOld = true }: { keepOld?: boolean } = {}): Promise<void> {
    await this.#state.keys.rotate(keepOld);
  }

  /** The next `count` token requests fail. */
  failNext(count = 1, failure: IssuerFailure = 503): void {
    this.#state.script.fail(count, failure);
  }

  /** The next `count` token requests are answered with 200 and a body that is no token answer. @default JSON cut short */
  answerMalformed(count = 1, body?: string): void {
    this.#state.script.malform(count, body);
  }

  /** Every answer waits so many milliseconds from now on; 0 ends it. */
  slowDown(ms: number): void {
    this.#state.script.delayMs = ms;
  }

  /** A person agrees to a device, or to all that wait. */
  approveDevice(userCode?: string, subject?: string): void {
    this.#state.authorizations.decideDevice(userCode, 'approved', subject);
  }

  /** A person refuses a device, or all that wait. */
  denyDevice(userCode?: string): void {
    this.#state.authorizations.decideDevice(userCode, 'denied');
  }

  /** Reckons the age of tokens by this clock from now on. */
  useClock(clock: Clock): void {
    this.#state.options.clock = clock;
  }

  /** Signs a JWT with the issuer's key: an assertion, a logout token, an ID token that is wrong. */
  sign(claims: Record<string, unknown>): Promise<string> {
    return this.#state.keys.sign({ iss: this.issuer, ...claims });
  }

  /** Forgets requests, and what `failNext`, `answerMalformed` and `slowDown` have ordered. Tokens stay. */
  reset(): void {
    this.#requests.length = 0;
    this.#state.script.reset();
  }

  /** Stops listening, and closes every connection. */
  async close(): Promise<void> {
    this.#closing.abort();
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #handle(reading: Promise<IssuerRequest>): Promise<IssuerAnswer> {
    const request = await reading;
    this.#requests.push(request);
    const { delayMs } = this.#state.script;
    const answer = await answerOf(request, this.#state);
    if (delayMs > 0) await delay(delayMs, undefined, { signal: this.#closing.signal });
    return answer;
  }
}

/** Answers a request; what a function of the options throws is the issuer's own failure. */
async function answerOf(request: IssuerRequest, state: IssuerState): Promise<IssuerAnswer> {
  try {
    return await answerRequest(request, state);
  } catch (error) {
    return refusal('server_error', String(error), 500);
  }
}
