import { Inject, Injectable } from '@nestjs/common';
import type { ForgeHttpClient } from '../client/forge-http-client.js';
import { ConfigurationError } from '../errors.js';
import type { ForgeAuthState } from '../application/state.js';
import type { Telemetry } from '../application/telemetry.js';
import type { SignInProvider } from '../application/sign-in-provider.js';
import type { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import { hasMethods } from '../option-check/option-check.js';
import { ForgeAuthRegistry } from './forge-auth.registry.js';
import type { TokenManager } from '../token/token-manager.js';

/** Looks services up by name, at run time. */
@Injectable()
export class ForgeAuthService {
  readonly #registry: ForgeAuthRegistry;

  constructor(@Inject(ForgeAuthRegistry) registry: ForgeAuthRegistry) {
    this.#registry = registry;
  }

  /** Returns the client of a service. @throws {ConfigurationError} when no service has the name */
  client(name: string): ForgeHttpClient {
    return this.#registry.injectedClient(this.#known(name));
  }

  /**
   * Returns the token manager of a service.
   * @throws {ConfigurationError} when no service has the name, or the one that has it has no tokens
   */
  tokens(name: string): TokenManager {
    if (this.#registry.hasTokens(this.#known(name))) return this.#registry.injectedTokens(name);
    throw new ConfigurationError(
      `Service "${name}" has no tokens. Give it auth: { provider }, { tokenManager } or { pipeline }.`,
      { serviceName: name },
    );
  }

  /**
   * The pipeline behind a service's tokens.
   * @throws {ConfigurationError} when no service has the name, or the one that has it has no pipeline
   */
  pipeline(name: string): TokenFetchPipeline {
    if (this.#registry.client(this.#known(name)).pipeline !== undefined) return this.#registry.injectedPipeline(name);
    throw new ConfigurationError(`Service "${name}" has no pipeline. Give it auth: { pipeline: { steps: [ … ] } }.`, {
      serviceName: name,
    });
  }

  /**
   * Returns the state of every service: its token, last renewal and failure, backoff, circuit, pipeline; and of the
   * storages. Plain data without a secret: safe to print and to serialise.
   */
  describe(): ForgeAuthState {
    return this.#registry.describe();
  }

  /**
   * Measures or traces what happens, until the application closes.
   * @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when `telemetry` has no method `attach`
   */
  attach(telemetry: Telemetry): void {
    if (!hasMethods(telemetry, 'attach'))
      throw new ConfigurationError(
        'ForgeAuthService.attach() takes a Telemetry. Give an observer as { attach: ({ observer }) => observer.add(yours) }.',
      );
    this.#registry.attach(telemetry);
  }

  /**
   * The provider of a service's tokens, bound to it: sign-ins through it are stored where the service's tokens are.
   * @throws {ConfigurationError} when no service has the name
   */
  provider(name: string): SignInProvider {
    return this.#registry.tokenProvider(this.#known(name));
  }

  /** Names of all services of the application. */
  names(): string[] {
    return this.#registry.names();
  }

  #known(name: string): string {
    const names = this.names();
    if (names.includes(name)) return name;
    throw new ConfigurationError(`No service is named "${name}". Registered: ${names.join(', ')}.`, {
      serviceName: name,
    });
  }
}
