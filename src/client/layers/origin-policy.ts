import { ConfigurationError, OriginNotAllowedError } from '../../errors.js';
import { redactUrl } from '../../redaction/redact.js';
import { originOf } from '../../http/origin.js';
import { type BaseUrl } from '../../http/url.js';

/** Origins that may see a service's credential: its own, and those it names. */
export class OriginPolicy {
  readonly #serviceName: string;
  readonly #origins: readonly string[];
  /** The base's origin with a slash: what nearly every URL starts with. */
  readonly #ownPrefix: string | undefined;

  /** @throws {ConfigurationError} when an allowed origin is none */
  constructor(serviceName: string, base: BaseUrl | undefined, allowedOrigins: readonly string[]) {
    this.#serviceName = serviceName;
    this.#ownPrefix = base && `${base.origin}/`;
    const allowed = allowedOrigins.map((origin) => this.#check(origin));
    this.#origins = base === undefined ? allowed : [base.origin, ...allowed];
  }

  /** Checks whether a credential may go to `url`, an absolute and normalised one. */
  allows(url: string): boolean {
    if (this.#ownPrefix !== undefined && url.startsWith(this.#ownPrefix)) return true;
    return this.#origins.includes(originOf(url));
  }

  /** @throws {OriginNotAllowedError} unless a credential may go to `url` */
  assertAllows(url: string): void {
    if (this.allows(url)) return;
    throw new OriginNotAllowedError(
      `${redactUrl(url)} is not of service "${this.#serviceName}": its credential stays here. Add the origin to allowedOrigins, or call with auth: false.`,
      { serviceName: this.#serviceName },
    );
  }

  #check(origin: string): string {
    // A browser's URL makes an asterisk of `%2A` and of wide ones, too.
    const url = URL.canParse(origin) ? new URL(origin) : undefined;
    if (`${origin}${url?.hostname}`.includes('*')) {
      throw new ConfigurationError(
        `Service "${this.#serviceName}": allowedOrigins holds a wildcard, which would match nothing. List each origin by its name, such as https://files.example.`,
        { serviceName: this.#serviceName },
      );
    }
    if (url !== undefined && isBare(url)) return url.origin;
    throw new ConfigurationError(
      `Service "${this.#serviceName}": allowedOrigins must list origins such as https://files.example, each by its whole name, without a path or a wildcard.`,
      { serviceName: this.#serviceName },
    );
  }
}

/** Checks whether a URL is the origin of a host with a name or an address, and nothing more. */
function isBare({ protocol, hostname, username, password, pathname, search, hash }: URL): boolean {
  const more = [username, password, search, hash].join('');
  return (
    /^https?:$/.test(protocol) &&
    /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])$/.test(hostname) &&
    pathname === '/' &&
    more === ''
  );
}
