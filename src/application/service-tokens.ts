import { shownWord } from '../option-check/option-suggestion.js';
import { ConfigurationError } from '../errors.js';
import { loadedWhenCalled } from '../lazy.js';
import type { TokenAuthOptions } from '../options/options.js';
import type { BoundPipeline } from '../pipeline/bound-pipeline.js';
import type { SlotEvents } from '../token/slot/slot-events.js';
import { TokenManager } from '../token/token-manager.js';
import type { BoundTokenProvider } from '../token/token-provider.js';
import type { TokenSource } from '../token/token-source.js';
import type { ApplicationScope, Service } from './application-scope.js';
import { boundPipelineOf } from './service-pipeline.js';
import { withServiceName } from './with-service-name.js';

const createTokenSource = loadedWhenCalled(async () => (await import('./token-source.factory.js')).createTokenSource);

const NO_USES: ReadonlyMap<string, string> = new Map();

/** The token managers of one service: which is injected, which its client uses, and how each is opened. */
export class ServiceTokens {
  readonly #service: Service;
  readonly #application: ApplicationScope;
  /** The manager of the service's own; one without token options throws when it is used. */
  readonly #own: TokenManager;
  /** Token options that the injected manager stands for, known when the service is opened. */
  #options: TokenAuthOptions | undefined;
  /** A manager that the app made, and will close. */
  #external: TokenManager | undefined;
  /** Replacement that a test has put in the place of the manager. */
  #override: unknown;
  /** Managers of further token options: members of a composite. */
  readonly #further: TokenManager[] = [];
  #uses: Map<string, string> | undefined;

  constructor(service: Service, application: ApplicationScope) {
    this.#service = service;
    this.#application = application;
    this.#own = TokenManager.deferred((events) => this.#open(events));
  }

  /** Name of the service. */
  get name(): string {
    return this.#service.name;
  }

  /** Takes a manager that the app made for the service's. */
  use(manager: TokenManager): void {
    this.#external = manager;
  }

  /** Takes what a test has put in the place of the manager, if anything. */
  override(replacement: unknown): void {
    this.#override = replacement;
  }

  /** Names of the services whose tokens this one's are, or are made with, and the options that say so. */
  get uses(): ReadonlyMap<string, string> {
    return this.#uses ?? NO_USES;
  }

  /** True when there are any, as far as the service was opened. */
  get known(): boolean {
    return this.#options !== undefined || this.#external !== undefined;
  }

  /** Manager that is injected; one of a service without tokens throws when it is used. */
  get injected(): TokenManager {
    return (this.#override as TokenManager | undefined) ?? this.manager;
  }

  /** Manager of the client's own tokens, whatever is injected. */
  get manager(): TokenManager {
    return this.#override === undefined ? (this.#external ?? this.#own) : this.#own;
  }

  /** Sources of the tokens, as far as they were opened; one that is shared with another service among them. */
  get sources(): readonly TokenSource[] {
    return [this.manager, ...this.#further].flatMap(({ source }) => source ?? []);
  }

  /** The manager that token options stand for. */
  managerFor(auth: TokenAuthOptions): TokenManager {
    const given = auth.tokenManager !== undefined && typeof auth.tokenManager !== 'string';
    if (given && this.#override === undefined) {
      const manager = auth.tokenManager as TokenManager;
      if (this.#options === undefined) this.#external ??= manager;
      return manager;
    }
    if (this.#options === undefined) {
      this.#options = auth;
      return this.#own;
    }
    const manager = TokenManager.deferred((events) => this.#sourceOf(auth, events));
    this.#further.push(manager);
    return manager;
  }

  /** Opens every manager. @throws {ConfigurationError} */
  async ready(): Promise<void> {
    if (this.#options !== undefined) await this.#own.ready();
    if (this.#external instanceof TokenManager) await this.#external.ready();
    for (const manager of this.#further) await manager.ready();
  }

  /** True when the token is to be obtained at the start. */
  get warmsUp(): boolean {
    return this.#options?.warmUp === true;
  }

  /** Obtains the token of a service that asks for it. */
  async warmUp(): Promise<void> {
    if (this.warmsUp) await this.#own.getToken();
  }

  /** Closes the managers, but not one that the app made. */
  async close(): Promise<void> {
    await Promise.all([this.#own, ...this.#further].map((manager) => manager.close()));
  }

  /** @throws {ConfigurationError} when there is none */
  async provider(): Promise<BoundTokenProvider> {
    const source = await this.#opened();
    if (source?.provider !== undefined) return source.provider;
    throw this.#refuse('has no token provider. Give it auth: { provider: … }.');
  }

  /** @throws {ConfigurationError} when there is none */
  async pipeline(): Promise<BoundPipeline> {
    const pipeline = boundPipelineOf(await this.#opened());
    if (pipeline !== undefined) return pipeline;
    throw this.#refuse('has no pipeline. Give it auth: { pipeline: { steps: [ … ] } }.');
  }

  async #opened(): Promise<TokenSource | undefined> {
    await this.#service.open();
    return this.known ? this.manager.ready() : undefined;
  }

  async #open(events: SlotEvents): Promise<TokenSource> {
    await this.#service.open();
    if (this.#override instanceof TokenManager) return this.#override.ready();
    if (this.#override !== undefined) {
      const { foreignSource } = await import('../token/foreign.token-source.js');
      return foreignSource(this.#override, `Service "${this.#service.name}"`);
    }
    if (this.#options !== undefined) return this.#sourceOf(this.#options, events);
    throw this.#refuse('has no tokens: its auth is no token auth.');
  }

  async #sourceOf(auth: TokenAuthOptions, events: SlotEvents): Promise<TokenSource> {
    const service = this.#service;
    try {
      if (typeof auth.tokenManager === 'string') return await this.#sharedSource(auth.tokenManager, auth)();
      const sharedSource = (other: string, what: string) => this.#sharedSource(other, auth, what);
      return await createTokenSource(auth, service, this.#application, sharedSource, events);
    } catch (error) {
      throw withServiceName(error, service.name);
    }
  }

  /** @throws {ConfigurationError} when there is no such service, or its tokens are made with this one's */
  #sharedSource(other: string, auth: TokenAuthOptions, what = 'auth.tokenManager'): () => Promise<TokenSource> {
    const { name } = this.#service;
    // What others share are the tokens of the injected manager.
    if (auth === this.#options || other === name) {
      (this.#uses ??= new Map()).set(other, what);
      this.#assertNoCircle(other);
    }
    const sharing = this.#application.find(other);
    if (sharing?.options !== undefined) return () => sharing.source();
    const known = this.#application.names().filter((candidate) => candidate !== name);
    throw refuseSharing(
      name,
      what,
      `names service "${shownWord(other)}", which is not there. Registered: ${known.map(shownWord).join(', ')}`,
    );
  }

  /** Whichever of its services is opened last, the error begins the circle with the one that was declared first. */
  #assertNoCircle(other: string): void {
    const circle = this.#pathBackFrom(other);
    if (circle === undefined) return;
    const first = this.#application.names().find((name) => circle.includes(name)) ?? this.#service.name;
    const start = circle.indexOf(first);
    const path = [...circle.slice(start), ...circle.slice(0, start), first];
    const what = this.#application.find(first)?.uses.get(path[1] ?? first) ?? 'auth.tokenManager';
    throw refuseSharing(first, what, `names a circle: ${path.join(' → ')}`);
  }

  /** Returns the services from `from` to this one, each made with the tokens of the next. */
  #pathBackFrom(from: string, seen = new Set<string>()): readonly string[] | undefined {
    if (from === this.#service.name) return [from];
    if (seen.has(from)) return undefined;
    seen.add(from);
    for (const next of this.#application.find(from)?.uses.keys() ?? []) {
      const path = this.#pathBackFrom(next, seen);
      if (path !== undefined) return [from, ...path];
    }
    return undefined;
  }

  #refuse(problem: string): ConfigurationError {
    const { name } = this.#service;
    return new ConfigurationError(`Service "${name}" ${problem}`, { serviceName: name });
  }
}

function refuseSharing(serviceName: string, what: string, problem: string): ConfigurationError {
  return new ConfigurationError(`Service "${serviceName}": ${what} ${problem}.`, { serviceName });
}
