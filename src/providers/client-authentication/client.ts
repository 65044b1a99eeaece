import { type Clock, systemClock } from '../../clock.js';
import { ConfigurationError } from '../../errors.js';
import { Secret } from '../secret.js';
import type {
  ClientAuthDefinition,
  ClientAuthentication,
  ClientAuthOptions,
  ClientMaterial,
} from './client-authentication.js';
import type { ClientAuthMethod } from './client-options.js';
import { functionAuthentication } from './function.js';
import { CLIENT_AUTHENTICATIONS } from './registry.js';

/** What a server supports that lists nothing (RFC 8414 §2). */
const UNLISTED = ['client_secret_basic'];

/** Whether a method is worth asking a server for: one that is not listed has no name there. */
const ALIASES: Readonly<Record<string, string>> = { body: 'client_secret_post', header: 'client_secret_basic' };

/** The client of one bound provider: its id, its credentials, and the ways to show them. */
export class Client {
  readonly id: string;
  readonly #options: ClientAuthOptions;
  readonly #owner: string;
  readonly #secret: Secret | undefined;
  /** Ways that the options have the material for, in order of preference. */
  readonly #candidates: readonly ClientAuthentication[];

  /** @throws {ConfigurationError} when `authMethod` is unknown, or the material for it is missing */
  constructor(options: ClientAuthOptions, owner: string, clock: Clock = systemClock) {
    const { clientId, clientSecret, authMethod } = options;
    this.id = clientId;
    this.#options = options;
    this.#owner = owner;
    this.#secret = clientSecret === undefined ? undefined : new Secret(`${owner}: clientSecret`, clientSecret, clock);
    const material: ClientMaterial = { options, owner, secret: this.#secret };
    this.#candidates = [authMethod ?? []].flat().map((method) => configured(method, material));
    if (authMethod === undefined) this.#candidates = preferred(material);
  }

  /**
   * The way to use at a server.
   * @param supported what the server lists in its metadata; undefined without discovery
   * @throws {ConfigurationError} when there is none that both sides know
   */
  authentication(supported: readonly string[] | undefined): ClientAuthentication {
    const [first, ...others] = this.#candidates;
    const mayChoose =
      this.#options.issuer !== undefined && (this.#options.authMethod === undefined || others.length > 0);
    if (first !== undefined && (!mayChoose || first.name === 'none' || first.name === 'function')) return first;
    const offered = supported ?? UNLISTED;
    const chosen = this.#candidates.find(({ name }) => offered.includes(ALIASES[name] ?? name));
    if (chosen !== undefined) return chosen;
    const names = this.#candidates.map(({ name }) => name).join(', ');
    throw new ConfigurationError(
      `${this.#owner}: the issuer supports none of ${names}. Set authMethod to what it asks for.`,
    );
  }

  /** @param withSecret whether the client secret is to be among them */
  async keyParts(withSecret: boolean): Promise<readonly string[]> {
    const methods = this.#options.authMethod === undefined ? [] : this.#candidates.map(({ name }) => name);
    const parts = await Promise.all(this.#candidates.map((candidate) => candidate.keyParts?.() ?? []));
    const secret = withSecret ? ((await this.#secret?.fingerprint()) ?? '') : '';
    return [this.id, methods.join(' '), secret, ...parts.flat()];
  }

  /** Reads its credentials again. Returns whether one has changed. */
  async reread(): Promise<boolean> {
    const changed = await Promise.all([
      this.#secret?.reread(),
      ...this.#candidates.map((candidate) => candidate.reread?.()),
    ]);
    return changed.includes(true);
  }
}

function configured(method: ClientAuthMethod, material: ClientMaterial): ClientAuthentication {
  const { owner, options } = material;
  if (typeof method === 'function') return functionAuthentication(method, material);
  const definition = CLIENT_AUTHENTICATIONS.find(({ name }) => name === method);
  if (definition === undefined) {
    const known = CLIENT_AUTHENTICATIONS.map(({ name }) => name).join(', ');
    throw new ConfigurationError(`${owner}: authMethod must be a function or one of ${known}, not ${String(method)}.`);
  }
  const missing = definition.missing(options);
  if (missing !== undefined) throw new ConfigurationError(`${owner}: authMethod ${method} needs a ${missing}.`);
  return definition.bind(material);
}

/** What the options have the material for; a client that has none shows its id alone. */
function preferred(material: ClientMaterial): readonly ClientAuthentication[] {
  const end = CLIENT_AUTHENTICATIONS.findIndex(({ name }) => name === 'none');
  const usable = (definition: ClientAuthDefinition): boolean => definition.missing(material.options) === undefined;
  const found = CLIENT_AUTHENTICATIONS.slice(0, end).filter(usable);
  return (found.length > 0 ? found : CLIENT_AUTHENTICATIONS.slice(end, end + 1)).map((it) => it.bind(material));
}
