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
  readonly source: TokenSource;
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
  const groups: Rival[][] = [];
  for (const { name, sources } of services) {
    for (const source of sources) {
      const { origin } = source;
      if (origin === undefined || origin.definition instanceof StaticTokenProvider) continue;
      if (groups.flat().some((known) => known.source === source)) continue;
      const rival = { service: name, source, origin };
      const group = await groupOf(rival, groups);
      if (group === undefined) groups.push([rival]);
      else group.push(rival);
    }
  }
  return groups.map((group) => [...new Set(group.map(({ service }) => service))]).filter(({ length }) => length > 1);
}

async function groupOf({ origin }: Rival, groups: readonly Rival[][]): Promise<Rival[] | undefined> {
  for (const group of groups) for (const known of group) if (await isSame(origin, known.origin)) return group;
  return undefined;
}

/** Secrets are read for a comparison only where endpoint and client are the same. */
async function isSame(a: TokenOrigin, b: TokenOrigin): Promise<boolean> {
  if (a.definition === b.definition) return true;
  if (a.endpoint === undefined || a.endpoint !== b.endpoint) return false;
  const [identity, other] = await Promise.all([a.identity(), b.identity()]).catch(() => []);
  return identity !== undefined && identity === other;
}
