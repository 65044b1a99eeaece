import { CompositeAuth } from '../auth/composite.authenticator.js';
import { TokenAuth } from '../auth/token.authenticator.js';
import type { ForgeLogger } from '../logger.js';
import { StaticTokenProvider } from '../providers/grants/static-token.provider.js';
import { TokenManager } from '../token/token-manager.js';
import type { ServiceRuntime } from './service-runtime.js';
import type { TokenOrigin, TokenSource } from '../token/token-source.js';

interface Rival {
  readonly service: string;
  readonly origin: TokenOrigin;
  /** True for tokens of a manager that the app has put into an authenticator: no other service can name them. */
  readonly unnamed: boolean;
}

/**
 * Names services that ask for the same token, each for itself: an issuer that revokes the older token with each new one
 * has them revoke each other's without end.
 */
export async function warnOfRivals(services: readonly ServiceRuntime[], logger: ForgeLogger): Promise<void> {
  for (const rivals of await rivalsAmong(services)) {
    const named = rivals.map(({ service, origin: { step } }) =>
      step === undefined ? `"${service}"` : `"${service}" (step "${step}")`,
    );
    logger.warn(
      `Services ${named.join(', ')} ask for the same token, each for itself: an issuer that revokes the older token with each new one has them revoke each other's. Share one: ${cureOf(rivals)}.`,
    );
  }
}

/** One of them keeps its provider; a token that only steps ask for gets a service of its own. */
function cureOf(rivals: readonly Rival[]): string {
  if (rivals.every(({ unnamed }) => unnamed))
    return `give the TokenAuth of ${rivals.map(({ service }) => `"${service}"`).join(', ')} the same TokenManager`;
  const owner = rivals.find(({ unnamed, origin: { step } }) => step === undefined && !unnamed);
  const others = rivals.filter((rival) => rival !== owner);
  const services = others.filter(({ origin: { step } }) => step === undefined).map(({ service }) => `"${service}"`);
  const steps = others.flatMap(({ service, origin: { step } }) =>
    step === undefined ? [] : `"${step}" of "${service}"`,
  );
  const name = owner?.service ?? '…';
  return [
    ...(owner === undefined ? ['declare a service for it'] : []),
    ...(services.length === 0 ? [] : [`give ${services.join(', ')} auth: { tokenManager: '${name}' }`]),
    ...(steps.length === 0
      ? []
      : [`give step ${steps.join(', ')} tokenManager: '${name}' in place of what obtains it`]),
  ].join(', and ');
}

/** Those of each group that asks for one token; a service once, by the first of its tokens. */
async function rivalsAmong(services: readonly ServiceRuntime[]): Promise<readonly (readonly Rival[])[]> {
  const groups = new Groups();
  for (const rival of await rivalsOf(services)) {
    const compared = groups.add(rival);
    if (compared !== undefined) await compared;
  }
  const several = groups.all.filter(({ length }) => length > 1).map(oncePerService);
  return withoutRepeated(several.filter(({ length }) => length > 1));
}

function oncePerService(group: readonly Rival[]): readonly Rival[] {
  return group.filter(({ service }, index) => group.findIndex((rival) => rival.service === service) === index);
}

/** Every token that is asked for, once, by the service that is the first to ask. */
async function rivalsOf(services: readonly ServiceRuntime[]): Promise<readonly Rival[]> {
  const shareable = new Set(services.flatMap(({ sources }) => sources));
  const seen = new Set<TokenSource>();
  const rivals: Rival[] = [];
  const add = (service: string, source: TokenSource, unnamed: boolean): void => {
    if (seen.has(source)) return;
    seen.add(source);
    for (const origin of source.origins ?? [])
      if (!(origin.definition instanceof StaticTokenProvider)) rivals.push({ service, origin, unnamed });
  };
  for (const { name, sources, core } of services) {
    for (const source of sources) add(name, source, false);
    for (const manager of managersIn(core?.service.authenticator)) {
      // One that the app made may be wrong, and is not used yet: its first call says so.
      const source = manager.source ?? (await manager.ready().catch(() => undefined));
      if (source !== undefined && !shareable.has(source)) add(name, source, true);
    }
  }
  return rivals;
}

/** Returns the managers that put their tokens on the calls of a service. */
function managersIn(authenticator: unknown): readonly TokenManager[] {
  if (authenticator instanceof CompositeAuth) return authenticator.members.flatMap(managersIn);
  const manager = authenticator instanceof TokenAuth ? authenticator.manager : undefined;
  return manager instanceof TokenManager ? [manager] : [];
}

/** Services that share a whole pipeline share its steps, too: that is logged once. */
function withoutRepeated(groups: readonly (readonly Rival[])[]): readonly (readonly Rival[])[] {
  const whole = groups.filter((group) => group.every(({ origin: { step } }) => step === undefined));
  const isWithin = (group: readonly Rival[]): boolean =>
    whole.some((other) => group.every(({ service }) => other.some((rival) => rival.service === service)));
  return groups.filter((group) => whole.includes(group) || !isWithin(group));
}

/** Rivals by what they have in common. An application may have thousands of services: only likely ones are compared. */
class Groups {
  readonly all: Rival[][] = [];
  readonly #byDefinition = new Map<unknown, Rival[]>();
  /** Those of one endpoint and client. */
  readonly #byEndpoint = new Map<string, Rival[][]>();

  /** Adds one; later where it has to be compared. */
  add(rival: Rival): Promise<void> | undefined {
    const { definition, endpoint } = rival.origin;
    const known = this.#byDefinition.get(definition);
    const atEndpoint = endpoint === undefined ? undefined : this.#byEndpoint.get(endpoint);
    if (known === undefined && atEndpoint !== undefined)
      return groupOf(rival, atEndpoint).then((group = []) => this.#put(rival, group));
    this.#put(rival, known ?? []);
    return undefined;
  }

  #put(rival: Rival, group: Rival[]): void {
    const { definition, endpoint } = rival.origin;
    if (group.push(rival) === 1) this.all.push(group);
    this.#byDefinition.set(definition, group);
    if (endpoint === undefined) return;
    const atEndpoint = this.#byEndpoint.get(endpoint) ?? [];
    if (!atEndpoint.includes(group)) this.#byEndpoint.set(endpoint, [...atEndpoint, group]);
  }
}

async function groupOf({ origin }: Rival, groups: readonly Rival[][]): Promise<Rival[] | undefined> {
  for (const group of groups) for (const known of group) if (await hasSameIdentity(origin, known.origin)) return group;
  return undefined;
}

/** Secrets are read for a comparison only where endpoint and client are the same. */
async function hasSameIdentity(a: TokenOrigin, b: TokenOrigin): Promise<boolean> {
  const [identity, other] = await Promise.all([a.identity(), b.identity()]).catch(() => []);
  return identity !== undefined && identity === other;
}
