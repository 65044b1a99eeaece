import { Inject } from '@nestjs/common';
import { ConfigurationError } from '../errors.js';

/** Text that the injection token of every client begins with. */
export const CLIENT_TOKENS = 'FORGE_CLIENT:';

/** Text that the injection token of every manager begins with. */
export const MANAGER_TOKENS = 'FORGE_TOKEN_MANAGER:';

/**
 * Injection token of a service's {@link ForgeHttpClient}.
 * @throws {ConfigurationError} when `name` is no text
 */
export function getForgeClientToken(name: string): string {
  return tokenOf(CLIENT_TOKENS, name);
}

/**
 * Injection token of a service's {@link TokenManager}.
 * @throws {ConfigurationError} when `name` is no text
 */
export function getTokenManagerToken(name: string): string {
  return tokenOf(MANAGER_TOKENS, name);
}

/**
 * Injection token of the provider of a service's tokens.
 * @throws {ConfigurationError} when `name` is no text
 */
export function getTokenProviderToken(name: string): string {
  return tokenOf('FORGE_TOKEN_PROVIDER:', name);
}

/**
 * Injection token of a service's {@link TokenFetchPipeline}.
 * @throws {ConfigurationError} when `name` is no text
 */
export function getTokenPipelineToken(name: string): string {
  return tokenOf('FORGE_TOKEN_PIPELINE:', name);
}

/**
 * Injects the {@link ForgeHttpClient} of the service `name`.
 * @throws {ConfigurationError} when `name` is no text
 */
export function InjectForgeClient(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getForgeClientToken(name)) as ParameterDecorator & PropertyDecorator;
}

/**
 * Injects the {@link TokenManager} of the service `name`.
 * @throws {ConfigurationError} when `name` is no text
 */
export function InjectTokenManager(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getTokenManagerToken(name)) as ParameterDecorator & PropertyDecorator;
}

/**
 * Injects the provider of the tokens of the service `name`, bound to it: an `AuthorizationCodeTokenProvider`, say, whose
 * sign-ins are stored where the service's tokens are.
 * @throws {ConfigurationError} when `name` is no text
 */
export function InjectTokenProvider(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getTokenProviderToken(name)) as ParameterDecorator & PropertyDecorator;
}

/**
 * Injects the {@link TokenFetchPipeline} behind the tokens of the service `name`: the very one that its client uses.
 * @throws {ConfigurationError} when `name` is no text
 */
export function InjectTokenPipeline(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getTokenPipelineToken(name)) as ParameterDecorator & PropertyDecorator;
}

function tokenOf(kind: string, name: unknown): string {
  if (typeof name === 'string') return kind + name;
  throw new ConfigurationError(
    `The name of a service must be a text, and is ${name === null ? 'null' : `of type ${typeof name}`}. Does it come from a file that imports this one, and is not loaded yet?`,
  );
}
