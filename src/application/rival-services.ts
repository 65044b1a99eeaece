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
  for (const names of await rivalsAmong(services)) {
    const [first, ...others] = names.map((name) => `"${name}"`);
    logger.warn(
      `Services ${[first, ...others].join(', ')} ask for the same token, each for itself: an issuer that revokes the older token with each new one has them revoke each other's. Share one: give ${others.join(', ')} auth: { tokenManager: '${names[0]}' }.`,
    );
  }
}

/** The services of each group that asks for one token. */
async function rivalsAmong(services: readonly NamedSources[]): Promise<readonly (readonly string[])[]> {
  const groups = new Groups();
  const seen = new Set<TokenSource>();
  for (const { name, sources } of services) {
    for (const source of sources) {
      const { origin } = source;
      if (origin === undefined || origin.definition instanceof StaticTokenProvider || seen.has(source)) continue;
      seen.add(source);
      await groups.add({ service: name, origin });
    }
  }
  return groups.all
    .map((group) => [...new Set(group.map(({ service }) => service))])
    .filter(({ length }) => length > 1);
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
