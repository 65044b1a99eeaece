import type { ServerMetadata } from 'openid-client';
import { AuthenticationError, ConfigurationError, ConnectionError, TlsError } from '../../errors.js';
import type { HttpRequester } from '../../http/http-requester.js';
import { ownOptions } from '../../option-check/own-options.js';
import { hasCertificate } from '../client-authentication/client-certificate.js';
import type { ServiceScope } from '../../token/runtime.js';
import type { Compliance } from '../compliance.js';
import {
  ENDPOINT_OPTIONS,
  type EndpointName,
  endpointOption,
  type EndpointOptions,
  givenEndpoints,
} from './endpoints.js';
import { assertSecureUrl, type GrantOptions } from '../grant-options.js';
import { Instant } from '../../clock.js';
import { IssuerClock } from './issuer-clock.js';
import { discoverResource, type ResourceMetadata } from './resource-metadata.js';
import { discoverIssuer } from './issuer-metadata.js';
import { NOT_THERE, REDIRECTS } from './token-response.js';

/** The options that say where an issuer is, and how it is reached. */
export type IssuerOptions = EndpointOptions &
  Pick<GrantOptions, 'issuer' | 'resource' | 'http' | 'allowInsecure' | 'compliance'>;

/** In place of an issuer: the service itself names it. */
const FROM_RESOURCE = 'from-resource';

/** The authorization server of one bound provider: its metadata, the way to it, its time. */
export class Issuer {
  readonly http: HttpRequester;
  readonly clock: IssuerClock;
  readonly compliance: Compliance;
  readonly serviceName: string | undefined;
  /** For messages about configuration: `Service "payments": ClientCredentialsTokenProvider`. */
  readonly owner: string;
  /** For messages about requests: `"payments"`. */
  readonly label: string;
  readonly #options: IssuerOptions;
  /** The document that was used last. */
  #document: ServerMetadata | undefined;
  readonly #scope: ServiceScope;
  #identity: string | undefined;

  constructor(options: IssuerOptions, scope: ServiceScope, owner: string, http: HttpRequester) {
    this.#options = options;
    this.#scope = scope;
    this.owner = owner;
    this.serviceName = scope.serviceName;
    this.label =
      scope.serviceName === undefined
        ? `the token endpoint${options.issuer === FROM_RESOURCE ? '' : ` ${new URL((options.tokenUrl ?? options.issuer) as string).origin}`}`
        : `"${scope.serviceName}"`;
    this.compliance = ownOptions(options.compliance);
    this.http = http;
    this.clock = new IssuerClock(scope.clock);
  }

  /** True when its metadata is discovered, rather than given. */
  get discovers(): boolean {
    return this.#options.issuer !== undefined;
  }

  /** This machine's time, epoch milliseconds. */
  now(): number {
    return this.#scope.clock.now();
  }

  /** This instant, by this machine's clocks. */
  instant(): Instant {
    return new Instant(this.#scope.clock);
  }

  /**
   * Endpoints and abilities: discovered once for all providers of the issuer, or as the options name them.
   * @throws {AuthenticationError} when discovery fails
   */
  async metadata(): Promise<ServerMetadata> {
    const { tokenUrl, allowInsecure = false } = this.#options;
    const given = givenEndpoints(this.#options);
    const issuer = (await this.resource())?.issuer ?? this.#options.issuer;
    if (issuer === undefined) return { ...given, issuer: new URL(tokenUrl as string).origin };
    const fetch = async (): Promise<Record<string, unknown>> => ({
      ...(await discoverIssuer(issuer, this.http, this.owner, allowInsecure, () => this.now())),
    });
    const document = (await this.#scope.discovery.get(issuer, fetch)) as ServerMetadata;
    this.#document = document;
    return { ...document, ...this.#aliases(document), ...given };
  }

  /**
   * Returns what the service says of itself, where it names its issuer; undefined where the options do.
   * @throws {AuthenticationError} when it does not say
   */
  async resource(): Promise<ResourceMetadata | undefined> {
    if (this.#options.issuer !== FROM_RESOURCE) return undefined;
    const url = this.#resourceUrl();
    const fetch = async (): Promise<Record<string, unknown>> => ({
      ...(await discoverResource(url, this.http, this.owner, (asked) => this.assertSecure(asked))),
    });
    return (await this.#scope.discovery.get(`resource ${url}`, fetch)) as unknown as ResourceMetadata;
  }

  #resourceUrl(): string {
    const { baseUrl } = this.#scope;
    const [resource] = [this.#options.resource ?? []].flat();
    const url = baseUrl ?? resource;
    if (url !== undefined) return url;
    throw new ConfigurationError(`${this.owner}: issuer 'from-resource' needs the service's baseUrl, or resource.`);
  }

  /**
   * Does what asks a discovered endpoint. Where that leads nowhere, the document is fetched again; the work is done once
   * more if it names other endpoints now.
   */
  async rediscovering<T>(work: () => Promise<T>): Promise<T> {
    const known = this.#document;
    try {
      return await work();
    } catch (error) {
      const before = known ?? this.#document;
      if (before === undefined || !leadsNowhere(error) || !(await this.#hasMovedSince(before))) throw error;
      return work();
    }
  }

  async #hasMovedSince(before: ServerMetadata): Promise<boolean> {
    this.#scope.discovery.expire(before);
    await this.metadata();
    return endpointsOf(this.#document as ServerMetadata) !== endpointsOf(before);
  }

  /** Endpoints for a client with a certificate. @see [RFC 8705 §5](https://www.rfc-editor.org/rfc/rfc8705#section-5) */
  #aliases({ mtls_endpoint_aliases: aliases }: ServerMetadata): Partial<ServerMetadata> {
    if (typeof aliases !== 'object' || aliases === null || !hasCertificate(ownOptions(this.#options.http).tls))
      return {};
    return Object.fromEntries(Object.entries(aliases).filter(([, url]) => typeof url === 'string'));
  }

  /** @throws {ConfigurationError} when it is not known where to ask, or secrets would travel in the clear there */
  async endpoint(name: EndpointName): Promise<string> {
    const { [name]: url } = await this.metadata();
    if (typeof url === 'string') {
      this.assertSecure(url, name);
      return url;
    }
    const service = this.serviceName === undefined ? {} : { serviceName: this.serviceName };
    const option = endpointOption(name);
    // A document may be another one tomorrow; options may not.
    if (this.discovers)
      throw new AuthenticationError(
        `${this.owner}: the issuer's document names no ${name}. Give ${option} as well.`,
        service,
      );
    throw new ConfigurationError(
      `Token provider of ${this.label}: no ${name} is known. Give ${option}, or issuer in place of tokenUrl.`,
      service,
    );
  }

  /** Its place, for the token's key. */
  get identity(): string {
    return (this.#identity ??= this.#identify());
  }

  #identify(): string {
    const { tokenUrl, issuer } = this.#options;
    if (issuer === FROM_RESOURCE) return `issuer of ${this.#resourceUrl()}`;
    const url = String(issuer ?? tokenUrl);
    const written = URL.canParse(url) ? new URL(url).href : url;
    return issuer === undefined ? written : `issuer ${written}`;
  }

  /**
   * Secrets do not travel in the clear.
   * @param what name of the endpoint, for the message
   * @throws {ConfigurationError} when `url` is none, or plain http elsewhere than on this machine
   */
  assertSecure(url: string, what = 'the endpoint'): void {
    assertSecureUrl(url, what, this.owner, this.#options.allowInsecure ?? false);
  }

  async close(): Promise<void> {
    await this.http.close();
  }
}

/** Statuses that say that nobody is there. */
const NOWHERE: ReadonlySet<number> = new Set([...NOT_THERE, ...REDIRECTS]);

/** Checks for a failure of an endpoint that is not, or not any more, where a document says. */
function leadsNowhere(error: unknown): boolean {
  if (!(error instanceof AuthenticationError)) return false;
  const { status, cause } = error;
  if (status !== undefined) return NOWHERE.has(status);
  return cause instanceof TlsError || (cause instanceof ConnectionError && cause.nothingSent);
}

/** The places that a document names, in one text. */
function endpointsOf({ mtls_endpoint_aliases: aliases, ...document }: ServerMetadata): string {
  return JSON.stringify([...ENDPOINT_OPTIONS.map(([, name]) => document[name]), aliases]);
}
