import type { ForgeLogger } from '../logger.js';
import { StaticTokenProvider } from '../providers/grants/static-token.provider.js';
import type { TokenOrigin, TokenSource } from '../token/token-source.js';

/** A service, and what its tokens are from. */
interface NamedSources {
  readonly name: string;
  readonly sources: readonly TokenSource[];
}

interface Rival {
  readonly service: string;
  readonly origin: TokenOrigin;
}

/**
 * Names services that ask for the same token, each for itself: an issuer that revokes the older token with each new one
 * has them revoke each other's without end.
 */
export async function warnOfRivals(services: readonly NamedSources[], logger: ForgeLogger): Promise<void> {
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
  const owner = rivals.find(({ origin: { step } }) => step === undefined);
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
async function rivalsAmong(services: readonly NamedSources[]): Promise<readonly (readonly Rival[])[]> {
  const groups = new Groups();
  const seen = new Set<TokenSource>();
  for (const { name, sources } of services) {
    for (const source of sources) {
      if (seen.has(source)) continue;
      seen.add(source);
      for (const origin of source.origins ?? [])
        if (!(origin.definition instanceof StaticTokenProvider)) await groups.add({ service: name, origin });
    }
  }
  return withoutRepeated(
    groups.all
      .map((group) =>
        group.filter(({ service }, index) => group.findIndex((rival) => rival.service === service) === index),
      )
      .filter(({ length }) => length > 1),
  );
}

/** Services that share a whole pipeline share its steps, too: that is said once. */
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

  async add(rival: Rival): Promise<void> {
    const { definition, endpoint } = rival.origin;
    const atEndpoint = endpoint === undefined ? [] : (this.#byEndpoint.get(endpoint) ?? []);
    const group = this.#byDefinition.get(definition) ?? (await groupOf(rival, atEndpoint)) ?? [];
    if (group.push(rival) === 1) this.all.push(group);
    this.#byDefinition.set(definition, group);
    if (endpoint !== undefined && !atEndpoint.includes(group)) this.#byEndpoint.set(endpoint, [...atEndpoint, group]);
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
