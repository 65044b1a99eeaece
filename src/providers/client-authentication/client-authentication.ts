import type { Clock } from '../../clock.js';
import type { HttpRequesterOptions } from '../../http/http-requester.js';
import type { IssuerClock } from '../issuer/issuer-clock.js';
import type { Secret } from '../keys/secret.js';
import type { ClientAuthRequest, ClientCredentials } from './client-credentials.js';

/** Details of the issuer that a client authentication may need. */
export interface ClientAuthTarget {
  /** The audience of an assertion: the token endpoint, whichever endpoint is asked. */
  readonly tokenEndpoint: string;
  /** The time by the clock of the issuer. */
  readonly clock: IssuerClock;
}

/** One way of showing who the client is, bound to one provider. */
export interface ClientAuthentication {
  /** Its name in `authMethod`. */
  readonly name: string;
  /** Writes the client's credential to the headers or body of a request. Called for each attempt. */
  apply(request: ClientAuthRequest, target: ClientAuthTarget): void | Promise<void>;
  /** Returns what of its credential, beside the client secret, distinguishes two clients; keys only as fingerprints. */
  keyParts?(): readonly string[] | Promise<readonly string[]>;
  /** Reads a credential other than the client secret again. Returns whether it has changed. */
  reread?(): Promise<boolean>;
  /** True when what it writes carries a time, and so depends on the clock. @default false */
  readonly timed?: boolean;
  /**
   * True when issuers list its name. `false`: it has none, so it is used whatever they list; `'maybe'`: it is
   * used where nothing else that the options have is listed.
   * @default true
   */
  readonly listed?: boolean | 'maybe';
}

/** Endpoints that a client may authenticate at in ways of their own. */
export type ClientAuthEndpoint = 'token' | 'revocation' | 'introspection';

/** Material that client authentications are made of. */
export interface ClientMaterial {
  readonly options: ClientAuthOptions;
  /** For messages about configuration. */
  readonly owner: string;
  /** The client secret, where there is one: read once for all who use it. */
  readonly secret: Secret | undefined;
  readonly clock: Clock;
}

/** The options that client authentications are chosen by. */
export interface ClientAuthOptions extends ClientCredentials {
  readonly issuer?: string;
  readonly http?: HttpRequesterOptions;
}

/**
 * One method of client authentication.
 *
 * To add one: a file that exports a definition, a line in the registry, a spec.
 */
export interface ClientAuthDefinition<Name extends string = string> {
  /** Its name in `authMethod`. */
  readonly name: Name;
  /**
   * Name of the method that issuers list it under, where it is another name of one.
   * @default its name
   */
  readonly aliasOf?: string;
  /**
   * Checks options of its own, which may be malformed where it is not used, too. What two of them share, one checks.
   * @throws {ConfigurationError} when one is
   */
  check?(options: ClientAuthOptions, owner: string): void;
  /**
   * Names options of its own that can change what is asked for and cannot be read: their tokens stay in the process.
   * @default none
   */
  opaque?(options: ClientAuthOptions): readonly string[];
  /** The option that it cannot do without, where the options do not have it: `clientSecret`. */
  missing(options: ClientAuthOptions): string | undefined;
  /**
   * Checks whether options that do not name a method, and miss nothing, mean this one.
   * @default true
   */
  isCertain?(options: ClientAuthOptions): boolean;
  /** @throws {ConfigurationError} when an option of it is malformed */
  bind(material: ClientMaterial): ClientAuthentication;
}
