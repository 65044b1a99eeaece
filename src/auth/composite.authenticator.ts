import { checkOptions, definitionPlace, type OptionRules } from '../option-check/option-check.js';
import { oneOf } from '../option-check/option-rules.js';
import { ConfigurationError } from '../errors.js';
import type { ForgeResponse } from '../http/forge-response.js';
import type { AuthRetryStrategy } from '../retry/auth-retry.strategy.js';
import {
  type AuthenticatedRequest,
  type Authenticator,
  type CredentialParameters,
  type CredentialVerdict,
  isAuthenticator,
} from './authenticator.js';
import { verdictOf } from './credential-verdict.js';
import { askAtOnce } from '../option-check/at-once.js';
import { callDeclared, declared, ownOptions } from '../option-check/own-options.js';
import { isTaken, type OwnCredentials, parametersWrittenBy, writtenBy } from './credential-headers.js';

/** Options of {@link CompositeAuth}. */
export interface CompositeAuthOptions {
  /** `first_match`: the first that applies to the request; `all`: every one that does. @default 'first_match' */
  strategy?: 'first_match' | 'all';
}

const BY_WEIGHT: readonly CredentialVerdict[] = ['replaced', 'resend', 'rejected'];

const RULES_OF: OptionRules<CompositeAuthOptions> = Object.freeze({ strategy: oneOf('first_match', 'all') });

/** Several authenticators as one. */
export class CompositeAuth<Member = Authenticator> implements Authenticator {
  readonly #members: readonly Member[];
  readonly #all: boolean;
  /** Members that wrote each request: only they are asked about its answer. */
  readonly #writers = new WeakMap<AuthenticatedRequest, Authenticator[]>();

  /** @throws {ConfigurationError} when there is no member, or the strategy is unknown */
  constructor(members: readonly Member[], given: CompositeAuthOptions = {}) {
    checkOptions(given, RULES_OF, definitionPlace(this));
    const options = ownOptions(given);
    const strategy = options.strategy ?? 'first_match';
    if (!Array.isArray(members) || members.length === 0)
      throw new ConfigurationError('CompositeAuth needs a list of authenticators.');
    this.#members = [...members];
    this.#all = strategy === 'all';
  }

  /** Members that the composite was made of. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /** The headers that its members write. A call that sets one of them itself is left alone by that member. */
  get headersOfMembers(): readonly string[] {
    return this.#authenticators().flatMap((member) => credentialHeadersOf(member));
  }

  /** The parameters that its members write. A call that brings one of them itself is left alone by that member. */
  get parametersOfMembers(): Required<CredentialParameters> {
    const written = this.#authenticators().map((member) => credentialParametersOf(member));
    return { query: written.flatMap(({ query }) => query), form: written.flatMap(({ form }) => form) };
  }

  /** A composite of the same kind, its members made into authenticators: token options get a manager when they are bound. */
  resolve(toAuthenticator: (member: Member) => Authenticator): CompositeAuth {
    return new CompositeAuth(this.#members.map(toAuthenticator), { strategy: this.#all ? 'all' : 'first_match' });
  }

  /** The longest patience of its members. */
  get retry(): AuthRetryStrategy | undefined {
    const strategies = this.#authenticators().flatMap((member) => declared(member, 'retry') ?? []);
    return strategies.sort((a, b) => b.maxRetries - a.maxRetries)[0];
  }

  async authenticate(request: AuthenticatedRequest): Promise<void> {
    if (!this.#members.every((member) => isAuthenticator(member))) {
      throw new ConfigurationError(
        'CompositeAuth: token options get their manager from a service. Give the composite as its auth, or a TokenAuth as the member.',
      );
    }
    const writers: Authenticator[] = [];
    this.#writers.set(request, writers);
    const chosen = this.#chosen(request);
    const own = {
      ownParameters: request.ownParameters,
      // It takes the place of the member that would write it, and of all others where there is no such one.
      ownAuthorization: request.ownAuthorization === true && !chosen.some((member) => writesAuthorization(member)),
    };
    for (const member of signersLast(chosen)) {
      if (isLeftAlone(member, request, own)) continue;
      await member.authenticate(request);
      writers.push(member);
    }
  }

  appliesTo(request: AuthenticatedRequest): boolean {
    return this.#chosen(request).length > 0;
  }

  /** The verdict of the member that has most to say: one that replaced its credential, then one that asks for a resend. */
  async onResponse(response: ForgeResponse, request: AuthenticatedRequest): Promise<CredentialVerdict> {
    const writers = this.#writers.get(request) ?? [];
    const verdicts = await Promise.all(writers.map((member) => verdictOf(member, response, request)));
    return BY_WEIGHT.find((verdict) => verdicts.includes(verdict)) ?? 'accepted';
  }

  #chosen(request: AuthenticatedRequest): readonly Authenticator[] {
    const applying = this.#authenticators().filter(
      (member) => askAtOnce('appliesTo()', () => callDeclared(member, 'appliesTo', request)) ?? true,
    );
    return this.#all ? applying : applying.slice(0, 1);
  }

  #authenticators(): readonly Authenticator[] {
    return this.#members.filter((member) => isAuthenticator(member));
  }
}

function writesAuthorization(authenticator: Authenticator): boolean {
  return credentialHeadersOf(authenticator).includes('authorization');
}

/** Checks whether a call brings what takes an authenticator's place. A composite decides by its members. */
export function isLeftAlone(
  authenticator: Authenticator,
  request: Pick<AuthenticatedRequest, 'headers' | 'withheld'>,
  own: OwnCredentials,
): boolean {
  return !(authenticator instanceof CompositeAuth) && isTaken(authenticator, request, own);
}

/** Moves authenticators that sign to the end: they must see the request as it is sent. */
function signersLast(members: readonly Authenticator[]): readonly Authenticator[] {
  return members.toSorted((a, b) => Number(signs(a)) - Number(signs(b)));
}

function signs(authenticator: Authenticator): boolean {
  return declared(authenticator, 'signsRequest') ?? false;
}

/** The headers that an authenticator is known to write, by itself or by its members. */
export function credentialHeadersOf(authenticator: Authenticator): readonly string[] {
  return authenticator instanceof CompositeAuth ? authenticator.headersOfMembers : writtenBy(authenticator);
}

/** The parameters that an authenticator is known to write, by itself or by its members. */
export function credentialParametersOf(authenticator: Authenticator): Required<CredentialParameters> {
  return authenticator instanceof CompositeAuth
    ? authenticator.parametersOfMembers
    : parametersWrittenBy(authenticator);
}
