import { ownJson } from '../../option-check/own-json.js';
import { randomUUID, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { declared } from '../../option-check/own-options.js';
import { fingerprintOf } from '../../token/token-key.js';
import { Token } from '../../token/token.js';
import type { TokenOrigin } from '../../token/token-source.js';
import { BodyTokenFetcher } from '../fetchers/body.fetcher.js';
import { HeaderTokenFetcher } from '../fetchers/header.fetcher.js';
import { HttpTokenFetcher } from '../fetchers/http.fetcher.js';
import type { FetchContext, TokenFetcher } from '../fetchers/token-fetcher.js';

const derive = promisify(scrypt) as (text: string, salt: string, length: number) => Promise<Buffer>;

/**
 * Returns what distinguishes a fetcher's tokens from another's of the same name: its own `identity`, else its class,
 * its properties and the request that it builds. Secrets in there enter derived slowly: they may be passwords.
 *
 * A fetcher that says nothing of itself shares its tokens with nobody, unless they are stored under a name of the app's
 * choosing; one with a transport or agents of its own shares them with nobody either.
 */
export async function fetcherIdentity(fetcher: TokenFetcher, named: boolean): Promise<readonly string[]> {
  const given = declared(fetcher, 'identity');
  if (given !== undefined) return ['given', ...given];
  const parts = ownJson([fetcher.constructor.name, requestOf(fetcher), propertiesOf(fetcher)]);
  const own = opaqueOf(fetcher).length > 0 || (!named && !buildsItsRequest(fetcher));
  const opaque = own ? [randomUUID()] : [];
  return ['seen', (await derive(parts, fetcher.name, 32)).toString('base64url'), ...opaque];
}

/** Names what may change a fetcher's request and shows in no part of its key; nothing where it states an identity. */
export function opaqueOf(fetcher: TokenFetcher): readonly string[] {
  return fetcher instanceof HttpTokenFetcher && fetcher.identity === undefined ? fetcher.opaque : [];
}

/** Its client certificate, read for each key: one that is rotated gets tokens of its own. */
export async function certificateIdentity(fetcher: TokenFetcher): Promise<readonly string[]> {
  const certificates = fetcher instanceof HttpTokenFetcher ? await fetcher.certificates() : [];
  return certificates.length === 0 ? [] : [fingerprintOf(certificates)];
}

/** Returns the origin of a fetcher's tokens: another one that sends the same request would get the same. */
export function originOfFetcher(fetcher: TokenFetcher): TokenOrigin {
  const { name } = fetcher.constructor;
  const given = declared(fetcher, 'identity');
  const comparable = given !== undefined || (buildsItsRequest(fetcher) && opaqueOf(fetcher).length === 0);
  return {
    definition: fetcher,
    endpoint: comparable ? fingerprintOf([name, ...(given ?? [])]) : undefined,
    identity: async () =>
      comparable
        ? fingerprintOf([ownJson([name, given ?? requestOf(fetcher)]), ...(await certificateIdentity(fetcher))])
        : undefined,
  };
}

/** Checks whether `fetch` is ours: then the request shows everything. */
function buildsItsRequest(fetcher: TokenFetcher): boolean {
  const { fetch } = fetcher;
  return fetch === BodyTokenFetcher.prototype.fetch || fetch === HeaderTokenFetcher.prototype.fetch;
}

/** The request, with stand-ins for the tokens of other steps. */
function requestOf(fetcher: TokenFetcher): unknown {
  if (!(fetcher instanceof HttpTokenFetcher)) return undefined;
  try {
    return fetcher.keyParts(standIns);
  } catch {
    return randomUUID(); // It cannot be built without the tokens: nobody knows what is in it.
  }
}

/** Properties of its own that can be written down: not what was injected. */
function propertiesOf(fetcher: TokenFetcher): unknown {
  return written({ ...fetcher });
}

/** A value in one canonical form; undefined where it is an instance of something. */
function written(value: unknown): unknown {
  if (['string', 'number', 'boolean'].includes(typeof value) || value === null) return value;
  if (Array.isArray(value)) return value.map(written);
  if (typeof value !== 'object') return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, property]) => [name, written(property)]);
}

const standIns: FetchContext = {
  token: (name) => new Token({ accessToken: `token-of-${Buffer.from(name).toString('hex')}` }),
  accessToken: (name) => standIns.token(name).accessToken,
  has: () => true,
  signal: new AbortController().signal,
};
