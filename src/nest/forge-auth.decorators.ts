import { Inject } from '@nestjs/common';

/** Injection token of a service's {@link ForgeHttpClient}. */
export function getForgeClientToken(name: string): string {
  return `FORGE_CLIENT:${name}`;
}

/** Injection token of a service's {@link TokenManager}. */
export function getTokenManagerToken(name: string): string {
  return `FORGE_TOKEN_MANAGER:${name}`;
}

/** Injection token of the provider of a service's tokens. */
export function getTokenProviderToken(name: string): string {
  return `FORGE_TOKEN_PROVIDER:${name}`;
}

/** Injection token of a service's {@link TokenFetchPipeline}. */
export function getTokenPipelineToken(name: string): string {
  return `FORGE_TOKEN_PIPELINE:${name}`;
}

/** Injects the {@link ForgeHttpClient} of the service `name`. */
export function InjectForgeClient(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getForgeClientToken(name)) as ParameterDecorator & PropertyDecorator;
}

/** Injects the {@link TokenManager} of the service `name`. */
export function InjectTokenManager(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getTokenManagerToken(name)) as ParameterDecorator & PropertyDecorator;
}

/**
 * Injects the provider of the tokens of the service `name`, bound to it: an `AuthorizationCodeTokenProvider`, say, whose
 * sign-ins are stored where the service's tokens are.
 */
export function InjectTokenProvider(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getTokenProviderToken(name)) as ParameterDecorator & PropertyDecorator;
}

/** Injects the {@link TokenFetchPipeline} behind the tokens of the service `name`: the very one that its client uses. */
export function InjectTokenPipeline(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getTokenPipelineToken(name)) as ParameterDecorator & PropertyDecorator;
}
