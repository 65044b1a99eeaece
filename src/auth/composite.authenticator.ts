import { ConfigurationError } from '../errors.js';
import type { ForgeResponse } from '../http/forge-response.js';
import type { AuthRetryStrategy } from '../retry/auth-retry.strategy.js';
import { type AuthenticatedRequest, type Authenticator, isAuthenticator } from './authenticator.js';

/** Options of {@link CompositeAuth}. */
export interface CompositeAuthOptions {
  /** `first_match`: the first that applies to the request; `all`: every one that does. @default 'first_match' */
  strategy?: 'first_match' | 'all';
}

/** Several authenticators as one. */
export class CompositeAuth<Member = Authenticator> implements Authenticator {
  readonly #members: readonly Member[];
  readonly #all: boolean;

  /** @throws {ConfigurationError} when there is no member, or the strategy is unknown */
  constructor(members: readonly Member[], options: CompositeAuthOptions = {}) {
    const strategy = options.strategy ?? 'first_match';
    if (strategy !== 'first_match' && strategy !== 'all') {
      throw new ConfigurationError(`CompositeAuth: strategy must be 'first_match' or 'all', not ${String(strategy)}.`);
    }
    if (!Array.isArray(members) || members.length === 0)
      throw new ConfigurationError('CompositeAuth needs a list of authenticators.');
    this.#members = [...members];
    this.#all = strategy === 'all';
  }

  /** What the composite was made of. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /** A composite of the same kind, its members made into authenticators: token options get a manager when they are bound. */
  resolve(toAuthenticator: (member: Member) => Authenticator): CompositeAuth {
    return new CompositeAuth(this.#members.map(toAuthenticator), { strategy: this.#all ? 'all' : 'first_match' });
  }

  /** The longest patience of its members. */
  get retry(): AuthRetryStrategy | undefined {
    const strategies = this.#authenticators().flatMap(({ retry }) => retry ?? []);
    return strategies.sort((a, b) => b.maxRetries - a.maxRetries)[0];
  }

  async authenticate(request: AuthenticatedRequest): Promise<void> {
    if (!this.#members.every((member) => isAuthenticator(member))) {
      throw new ConfigurationError(
        'CompositeAuth: token options get their manager from a service. Give the composite as its auth, or a TokenAuth as the member.',
      );
    }
    for (const member of this.#chosen(request)) {
      const set = member.credentialHeader !== undefined && request.headers[member.credentialHeader] !== undefined;
      if (!set) await member.authenticate(request);
    }
  }

  appliesTo(request: AuthenticatedRequest): boolean {
    return this.#chosen(request).length > 0;
  }

  async onRejected(response: ForgeResponse, request: AuthenticatedRequest): Promise<boolean> {
    const renewed = await Promise.all(
      this.#chosen(request).map((member) => member.onRejected?.(response, request) ?? false),
    );
    return renewed.includes(true);
  }

  countsReplay(request: AuthenticatedRequest): boolean {
    return this.#chosen(request).every((member) => member.countsReplay?.(request) ?? true);
  }

  onSettled(request: AuthenticatedRequest, rejected: boolean): void {
    for (const member of this.#chosen(request)) member.onSettled?.(request, rejected);
  }

  #chosen(request: AuthenticatedRequest): readonly Authenticator[] {
    const applying = this.#authenticators().filter((member) => member.appliesTo?.(request) ?? true);
    return this.#all ? applying : applying.slice(0, 1);
  }

  #authenticators(): readonly Authenticator[] {
    return this.#members.filter((member) => isAuthenticator(member));
  }
}
