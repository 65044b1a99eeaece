import { type Authenticator, isAuthenticator } from '../auth/authenticator.js';
import { CompositeAuth } from '../auth/composite.authenticator.js';
import { createPathExclusion, type PathExclusion } from '../auth/path-exclusion.js';
import { PLACEMENT_RULES, TokenAuth, type TokenAuthPlacement } from '../auth/token.authenticator.js';
import { isClass, type OptionPlace, type Refuse, warningsOf } from '../option-check/option-check.js';
import type { ForgeServiceOptions, TokenAuthOptions } from '../options/options.js';
import { checkTokenAuth, cureOfAuth } from '../options/token-auth-rules.js';
import { atOnce } from '../option-check/at-once.js';
import { declared, ownOptions } from '../option-check/own-options.js';
import { ForgeAuthError } from '../errors.js';
import { ownCause } from '../redaction/own-cause.js';
import type { Runtime } from '../token/runtime.js';
import type { TokenManager } from '../token/token-manager.js';

type AuthMember = Authenticator | TokenAuthOptions;

/** Authentication of a service's calls. */
export interface ResolvedAuth {
  readonly authenticator: Authenticator | false;
  /** True when calls may ask for tokens of their own: `{ scope }`. */
  readonly usesTokens: boolean;
}

/**
 * The authenticator that a service's `auth` stands for.
 * @param managerFor finds the manager that token options stand for; the first set of a service is the one that is injected
 * @throws {ConfigurationError} when it stands for none
 */
export async function resolveAuth(
  options: ForgeServiceOptions,
  runtime: Runtime,
  managerFor: (auth: TokenAuthOptions) => TokenManager,
  place: OptionPlace,
): Promise<ResolvedAuth> {
  const { auth } = options;
  const { refuse } = place;
  if (auth === undefined) {
    if ('auth' in options) throw refuse('auth is undefined. Leave it out if the service needs no credential.');
    return { authenticator: false, usesTokens: false };
  }
  if (auth instanceof CompositeAuth) {
    const composite = auth as CompositeAuth<AuthMember>;
    const usesTokens = composite.members.some(takesTokenRequest);
    const resolved = composite.resolve((member) => {
      refuseExclusions(member, refuse);
      return memberOf(member, managerFor, place);
    });
    return { authenticator: resolved, usesTokens };
  }
  if (typeof auth === 'function') {
    const cure = cureOfAuth(auth);
    if (cure !== undefined) throw refuse(cure);
    const made = isClass(auth, 'authenticate')
      ? await runtime.instantiate<Authenticator>(auth, `Service "${options.name}": auth`)
      : madeBy(auth as () => Authenticator, runtime, refuse);
    if (!isAuthenticator(made)) {
      throw refuse(
        `auth is a function, and must make an authenticator: something with a method authenticate(request). A function that reads a token is auth: new BearerAuth(readToken).`,
      );
    }
    return { authenticator: made, usesTokens: takesTokenRequest(made) };
  }
  return {
    authenticator: memberOf(auth, managerFor, place),
    usesTokens: takesTokenRequest(auth),
  };
}

function takesTokenRequest(auth: AuthMember): boolean {
  return !isAuthenticator(auth) || declared(auth, 'takesTokenRequest') === true;
}

/** Paths that are called bare: those of the service, and those of its token options. */
export function resolveExclusion(options: ForgeServiceOptions): PathExclusion | undefined {
  const auth = options.auth as TokenAuthOptions | undefined;
  const own = createPathExclusion({
    serviceName: options.name,
    excludedPaths: options.excludedPaths,
    excludedPathPatterns: options.excludedPathPatterns,
  });
  if (auth === undefined || isAuthenticator(auth) || typeof auth === 'function') return own;
  const more = createPathExclusion({
    serviceName: options.name,
    excludedPaths: auth.excludedPaths,
    excludedPathPatterns: auth.excludedPathPatterns,
  });
  if (own === undefined || more === undefined) return own ?? more;
  return (path) => own(path) || more(path);
}

function madeBy(make: () => Authenticator, { revealCauses }: Runtime, refuse: Refuse): Authenticator {
  try {
    return atOnce(make(), 'auth()');
  } catch (error) {
    if (error instanceof ForgeAuthError) throw error;
    throw refuse(`auth is a function, which threw ${ownCause(error, { reveal: revealCauses }).summary}.`);
  }
}

function memberOf(
  given: AuthMember,
  managerFor: (auth: TokenAuthOptions) => TokenManager,
  place: OptionPlace,
): Authenticator {
  if (isAuthenticator(given)) return given;
  const { refuse } = place;
  const cure = cureOfAuth(given);
  if (cure !== undefined) throw refuse(cure);
  if (typeof given !== 'object' || given === null)
    throw refuse(
      'auth must be an authenticator, its class, or token options. Leave it out for calls without a credential.',
    );
  const auth = ownOptions(given);
  checkTokenAuth(auth, place);
  for (const warning of warningsOf(auth.retry)) place.warn?.(warning);
  const sources = ['provider', 'tokenManager', 'pipeline'].filter(
    (name) => (auth as Record<string, unknown>)[name] !== undefined,
  );
  if (sources.length !== 1) {
    const undefinedOne = ['provider', 'tokenManager', 'pipeline'].find((name) => name in auth);
    throw refuse(
      undefinedOne !== undefined && sources.length === 0
        ? `auth.${undefinedOne} is undefined. Give it, or leave auth out if the service needs no credential.`
        : `auth must have exactly one of provider, tokenManager and pipeline, or a method authenticate(request).`,
    );
  }
  return new TokenAuth(managerFor(auth), placementOf(auth));
}

/** Options of how the token is put on requests, alone. */
function placementOf(auth: TokenAuthOptions): TokenAuthPlacement {
  return Object.fromEntries(Object.entries(auth).filter(([name]) => Object.hasOwn(PLACEMENT_RULES, name)));
}

/** Excluded paths go out bare: one member cannot decide that for the others. */
function refuseExclusions(member: AuthMember, refuse: Refuse): void {
  for (const name of ['excludedPaths', 'excludedPathPatterns']) {
    if (typeof member === 'object' && member !== null && Object.hasOwn(member, name) && !isAuthenticator(member))
      throw refuse(`auth.${name} is not read in a member of a CompositeAuth. Give it to the service.`);
  }
}
