import { type Clock, systemClock } from '../../clock.js';
import { ConfigurationError } from '../../errors.js';
import { callDeclared, declared } from '../../option-check/own-options.js';
import { Secret } from '../keys/secret.js';
import type {
  ClientAuthDefinition,
  ClientAuthEndpoint,
  ClientAuthentication,
  ClientAuthOptions,
  ClientMaterial,
} from './client-authentication.js';
import type { ClientAuthMethod, ClientOptions } from './client-options.js';
import { functionAuthentication } from './function.js';
import { CLIENT_AUTHENTICATIONS, PREFERRED, UNLISTED, WITHOUT_MATERIAL } from './registry.js';
import { shownValue } from '../../redaction/redact.js';

/** The options that say how to authenticate elsewhere than at the token endpoint. */
const ELSEWHERE = Object.freeze({
  revocation: 'revocationAuthMethod',
  introspection: 'introspectionAuthMethod',
} as const);
const ELSEWHERE_ENTRIES = Object.entries(ELSEWHERE);

/** Definitions with a check of their own: found once, as an application may have thousands of clients. */
const CHECKING: readonly ClientAuthDefinition[] = CLIENT_AUTHENTICATIONS.filter(
  (definition: ClientAuthDefinition) => declared(definition, 'check') !== undefined,
);

/** Names under which servers list the methods, by their names here. */
const LISTED_NAMES: ReadonlyMap<string, string> = new Map(
  CLIENT_AUTHENTICATIONS.map((definition) => [definition.name, declared(definition, 'aliasOf') ?? definition.name]),
);

/** The client of one bound provider: its id, its credentials, and the ways to show them. */
export class Client {
  readonly id: string;
  readonly #options: ClientAuthOptions & ClientOptions;
  readonly #owner: string;
  readonly #secret: Secret | undefined;
  /** Ways that the options have the material for, in order of preference. */
  readonly #used: ClientAuthentication[] = [];
  readonly #candidates: readonly ClientAuthentication[];
  /** Those of endpoints that have ways of their own; undefined where none has. */
  readonly #elsewhere: ReadonlyMap<ClientAuthEndpoint, readonly ClientAuthentication[]> | undefined;

  readonly #warn: (problem: string) => void;
  /** True once it was logged that the issuer does not list the one method that is configured. */
  #warnedOfUnlisted = false;

  /**
   * @param warn called once for a method that is configured by name, and that the issuer does not list
   * @throws {ConfigurationError} when `authMethod` is unknown, or the material for it is missing
   */
  constructor(
    options: ClientAuthOptions & ClientOptions,
    owner: string,
    clock: Clock = systemClock,
    warn: (problem: string) => void = () => undefined,
  ) {
    this.#warn = warn;
    const { clientId, clientSecret, authMethod } = options;
    this.id = clientId ?? '';
    this.#options = options;
    this.#owner = owner;
    this.#secret = clientSecret === undefined ? undefined : new Secret(`${owner}: clientSecret`, clientSecret, clock);
    for (const definition of CHECKING) definition.check?.(options, owner);
    const material: ClientMaterial = { options, owner, secret: this.#secret, clock };
    this.#candidates = authMethod === undefined ? preferred(material) : configured(authMethod, material, 'authMethod');
    let elsewhere: Map<ClientAuthEndpoint, readonly ClientAuthentication[]> | undefined;
    for (const [endpoint, option] of ELSEWHERE_ENTRIES) {
      const methods = options[option];
      if (methods === undefined) continue;
      (elsewhere ??= new Map()).set(endpoint as ClientAuthEndpoint, configured(methods, material, option));
    }
    this.#elsewhere = elsewhere;
  }

  /**
   * The way to use at an endpoint of a server.
   * @param supported what the server lists for each endpoint in its metadata; undefined without discovery
   * @throws {ConfigurationError} when there is none that both sides know
   */
  authentication(
    supported: Partial<Record<ClientAuthEndpoint, readonly string[]>> | undefined,
    endpoint: ClientAuthEndpoint = 'token',
  ): ClientAuthentication {
    const used = this.#authentication(supported, endpoint);
    if (!this.#used.includes(used)) this.#used.push(used);
    return used;
  }

  #authentication(
    supported: Partial<Record<ClientAuthEndpoint, readonly string[]>> | undefined,
    endpoint: ClientAuthEndpoint,
  ): ClientAuthentication {
    const own = this.#elsewhere?.get(endpoint);
    if (own !== undefined)
      return this.#choose(own, ELSEWHERE[endpoint as keyof typeof ELSEWHERE], supported?.[endpoint]);
    const listed = endpoint === 'token' ? undefined : supported?.[endpoint];
    const offered = listed && this.#mayChoose('authMethod') ? firstOf(this.#candidates, listed) : undefined;
    return offered ?? this.#choose(this.#candidates, 'authMethod', supported?.token ?? (supported && UNLISTED));
  }

  /** @param offered what the server lists; undefined where it is not asked, or does not say */
  #choose(
    candidates: readonly ClientAuthentication[],
    option: 'authMethod' | 'revocationAuthMethod' | 'introspectionAuthMethod',
    offered: readonly string[] | undefined,
  ): ClientAuthentication {
    const [first] = candidates;
    if (first !== undefined && (offered === undefined || !this.#mayChoose(option))) {
      if (offered !== undefined && offered !== UNLISTED) this.#noteUnlisted(first, option, offered);
      return first;
    }
    const chosen = firstOf(candidates, offered ?? []) ?? candidates.find(({ listed }) => listed === 'maybe');
    if (chosen !== undefined) return chosen;
    const names = candidates.map(({ name }) => name).join(', ');
    throw new ConfigurationError(
      `${this.#owner}: the issuer supports none of ${names}; it lists ${namesOf(offered ?? [])}. Set ${option} to one of them.`,
    );
  }

  /** One method by name is used whatever the issuer lists: many lists are incomplete. */
  #noteUnlisted({ name, listed }: ClientAuthentication, option: keyof ClientOptions, offered: readonly string[]): void {
    const asked = LISTED_NAMES.get(name);
    const isCustom = asked === undefined;
    if (this.#warnedOfUnlisted || isCustom || listed === 'maybe' || offered.includes(asked)) return;
    this.#warnedOfUnlisted = true;
    this.#warn(`${this.#owner}: the issuer does not list ${option} ${asked}; it lists ${namesOf(offered)}.`);
  }

  /** Checks whether the server's list decides: one method by name is the app's decision. */
  #mayChoose(option: keyof ClientOptions): boolean {
    const { issuer, [option]: given } = this.#options;
    return issuer !== undefined && (given === undefined || Array.isArray(given));
  }

  /** True when what it has written carries a time, and so depends on the clock. */
  get timed(): boolean {
    return this.#used.some(({ timed }) => timed === true);
  }

  /** @param withSecret whether the client secret is to be among them */
  async keyParts(withSecret: boolean): Promise<readonly string[]> {
    const methods = this.#options.authMethod === undefined ? [] : this.#candidates.map(({ name }) => name);
    const parts = await Promise.all(this.#candidates.map((candidate) => callDeclared(candidate, 'keyParts') ?? []));
    return [...(await this.identityParts(withSecret)), methods.join(' '), ...parts.flat()];
  }

  /** Returns the parts of the key that say who it is, however it shows that. */
  async identityParts(withSecret: boolean): Promise<readonly string[]> {
    return [this.id, withSecret ? ((await this.#secret?.fingerprint()) ?? '') : ''];
  }

  /** Reads its credentials again. Returns whether one has changed. */
  async reread(): Promise<boolean> {
    const changed = await Promise.all([
      this.#secret?.reread(),
      ...this.#all.map((candidate) => callDeclared(candidate, 'reread')),
    ]);
    return changed.includes(true);
  }

  get #all(): readonly ClientAuthentication[] {
    return [...this.#candidates, ...[...(this.#elsewhere?.values() ?? [])].flat()];
  }
}

/** The first way that a server lists, or has no name for. */
function firstOf(
  candidates: readonly ClientAuthentication[],
  offered: readonly string[],
): ClientAuthentication | undefined {
  return candidates.find(({ name, listed }) => listed === false || offered.includes(LISTED_NAMES.get(name) ?? name));
}

/** @throws {ConfigurationError} when a method is unknown, or the options have the material for none of them */
function configured(
  methods: NonNullable<ClientOptions['authMethod']>,
  material: ClientMaterial,
  name: string,
): readonly ClientAuthentication[] {
  const { owner, options } = material;
  const missing: string[] = [];
  const usable = ([methods] as ClientAuthMethod[][]).flat(2).flatMap((method) => {
    if (typeof method === 'function') return [functionAuthentication(method, material)];
    const definition = definitionOf(method, `${owner}: ${name}`);
    const option = definition.missing(options);
    if (option === undefined) return [definition.bind(material)];
    missing.push(`${name} ${method} needs a ${option}`);
    return [];
  });
  if (usable.length > 0) return usable;
  throw new ConfigurationError(`${owner}: ${missing.join(', ') || `${name} is an empty list`}.`);
}

function definitionOf(method: unknown, option: string): ClientAuthDefinition {
  const definition = CLIENT_AUTHENTICATIONS.find(({ name }) => name === method);
  if (definition !== undefined) return definition;
  const known = CLIENT_AUTHENTICATIONS.map(({ name }) => name).join(', ');
  throw new ConfigurationError(`${option} must be a function or one of ${known}, not ${shownValue(method)}.`);
}

/** Returns the methods that the options have the material for; a client that has none shows its id alone. */
function preferred(material: ClientMaterial): readonly ClientAuthentication[] {
  const { options } = material;
  const certain = PREFERRED.filter(
    (definition) =>
      definition.missing(options) === undefined && (callDeclared(definition, 'isCertain', options) ?? true),
  );
  return (certain.length > 0 ? certain : [WITHOUT_MATERIAL]).map((definition) => definition.bind(material));
}

/** Of an issuer's words, those that are registered. */
function namesOf(offered: readonly string[]): string {
  const known = offered.filter((name) => LISTED_NAMES.has(name));
  return known.length === 0 ? 'none that is known here' : known.join(', ');
}
