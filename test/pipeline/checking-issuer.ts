import { BodyTokenFetcher, type BodyTokenFetcherOptions, type FetchContext } from 'nestjs-forge-auth';
import { type Answer, give } from '../support/answer.js';
import { Gate } from '../support/gate.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/** An issuer of any graph of tokens: a step is served under its name if the tokens that it brings are good. */
export class CheckingIssuer {
  server!: RecordingServer;
  /** Lifetimes in seconds, by step. */
  readonly lifetimes = new Map<string, number>();
  readonly #valid = new Map<string, Set<string>>();
  readonly #scripted = new Map<string, Answer[]>();
  readonly #gates = new Map<string, Gate>();
  #serial = 0;

  static async start(): Promise<CheckingIssuer> {
    const issuer = new CheckingIssuer();
    issuer.server = await startServer(async (request, response) => {
      const step = request.path.slice(1);
      const tokens = Object.entries(request.headers).filter(([name]) => name.startsWith('x-token-'));
      const good = tokens.every(([name, token]) => issuer.isValid(name.slice('x-token-'.length), String(token)));
      const scripted = issuer.#scripted.get(step)?.shift();
      await issuer.#gates.get(step)?.pass();
      if (scripted !== undefined) return give(response, scripted);
      if (!good) return give(response, { status: 401, json: { error: 'invalid_token' } });
      const accessToken = `${step}-${(issuer.#serial += 1)}`;
      issuer.#tokens(step).add(accessToken);
      give(response, { json: { access_token: accessToken, expires_in: issuer.lifetimes.get(step) } });
    });
    return issuer;
  }

  /** A fetcher of a step that brings the tokens of those that it depends on. */
  fetcher(name: string, dependsOn: string[] = [], options: Partial<BodyTokenFetcherOptions> = {}): BodyTokenFetcher {
    const requestHeaders = (context: FetchContext): Record<string, string> =>
      Object.fromEntries(dependsOn.map((parent) => [`X-Token-${parent}`, context.accessToken(parent)]));
    return new BodyTokenFetcher({
      name,
      dependsOn,
      baseUrl: this.server.origin,
      endpoint: name,
      requestHeaders,
      ...options,
    });
  }

  /** Requests by step, of those that received any. */
  get counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { path } of this.server.requests) counts[path.slice(1)] = (counts[path.slice(1)] ?? 0) + 1;
    return counts;
  }

  isValid(step: string, token: string): boolean {
    return this.#valid.get(step)?.has(token) === true;
  }

  /** All that was issued for the steps so far is no good any more. */
  revoke(...steps: string[]): void {
    for (const step of steps) this.#valid.delete(step);
  }

  /** Queues the answers that come next instead of a token. */
  answerNext(step: string, ...answers: Answer[]): void {
    this.#scripted.set(step, [...(this.#scripted.get(step) ?? []), ...answers]);
  }

  /** Keeps the answers of a step back; they are made on arrival. */
  hold(step: string): void {
    const gate = this.#gates.get(step) ?? new Gate();
    this.#gates.set(step, gate);
    gate.hold();
  }

  release(step: string): void {
    this.#gates.get(step)?.release();
  }

  close(): Promise<void> {
    return this.server.close();
  }

  #tokens(step: string): Set<string> {
    const known = this.#valid.get(step) ?? new Set();
    this.#valid.set(step, known);
    return known;
  }
}
