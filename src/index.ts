// More than 250 lines: the list of what the package exports.
/**
 * The module, its clients, and what is configured of them.
 * @module nestjs-forge-auth
 */
export { ApiKeyAuth, type ApiKeyAuthOptions } from './auth/api-key.authenticator.js';
export type {
  AuthenticatedRequest,
  Authenticator,
  CredentialParameters,
  CredentialSource,
  CredentialVerdict,
} from './auth/authenticator.js';
export { BasicAuth } from './auth/basic.authenticator.js';
export { BearerAuth } from './auth/bearer.authenticator.js';
export { CallerTokenAuth, type CallerTokenAuthOptions } from './auth/caller-token.authenticator.js';
export type { CallerInit } from './auth/caller.js';
export { CompositeAuth, type CompositeAuthOptions } from './auth/composite.authenticator.js';
export { OAuth1Auth, type OAuth1AuthOptions, type OAuth1UserTokens } from './auth/oauth1.authenticator.js';
export { OAuth1Flow, type OAuth1FlowCall } from './auth/oauth1.flow.js';
export type { OAuth1Callback } from './auth/oauth1/callback.js';
export type { OAuth1FlowOptions } from './auth/oauth1/flow-options.js';
export { OAuth1Token } from './auth/oauth1/oauth1-token.js';
export type { OAuth1UserToken } from './auth/oauth1/user-tokens.js';
export type {
  OAuth1BodyHash,
  OAuth1SignatureMethod,
  OAuth1SignatureMethodName,
  OAuth1SigningKeys,
} from './auth/oauth1/signature-method.js';
export type { OAuth1Placement, OAuth1SigningOptions } from './auth/oauth1/signing-options.js';
export { TokenAuth, type TokenAuthPlacement } from './auth/token.authenticator.js';
export { attachForgeAuth } from './client/faces/attach-forge-auth.js';
export type { ForgeAxiosOptions } from './client/faces/axios.face.js';
export { CorrelationIdHook, type CorrelationIdHookOptions } from './client/hooks/correlation-id.hook.js';
export type { ForgeFetch, ForgeFetchOptions, ForgeRequestInit } from './client/faces/fetch.face.js';
export { ForgeHttpClient } from './client/forge-http-client.js';
export type {
  AfterResponseHook,
  BeforeRequestHook,
  ErrorHook,
  HookedCall,
  OnErrorHook,
  RequestHook,
  ResponseHook,
} from './client/layers/hooks.layer.js';
export type { LoggingOptions } from './client/layers/log.layer.js';
export { type RateLimit, RateLimitHook, type RateLimitHookOptions } from './client/hooks/rate-limit.hook.js';
export type { ForgeRequest, RequestConfig, RequestHeaders } from './client/request/request-config.js';
export type { RequestManyOptions, RequestManyProgress, RequestSource } from './client/request-many.js';
export { type Clock, systemClock } from './clock.js';
export type { ForgeLogger } from './logger.js';
export {
  AuthenticationError,
  type AuthenticationErrorOptions,
  CircuitOpenError,
  ClientClosedError,
  ConfigurationError,
  ConnectionError,
  type AnswerHead,
  type BodyErrorOptions,
  type ConnectionErrorOptions,
  ForgeAuthError,
  type ForgeAuthErrorCode,
  type ForgeAuthErrorOptions,
  HttpStatusError,
  InvalidRequestError,
  isAuthenticationError,
  isForgeAuthError,
  OriginNotAllowedError,
  ResponseParseError,
  type TimeLimit,
  TimeoutError,
  TlsError,
  TokenRefreshError,
} from './errors.js';
export type { SignInProvider } from './application/sign-in-provider.js';
export { BackchannelTokenProvider } from './providers/grants/backchannel.provider.js';
export type { BackchannelTokenProviderOptions } from './providers/sign-in/backchannel.sign-in.js';
export { DeviceCodeTokenProvider } from './providers/grants/device-code.provider.js';
export type { DeviceCodeTokenProviderOptions, UserCode } from './providers/sign-in/device-code.sign-in.js';
export { ForgeConnectModule, type ForgeConnectOptions } from './nest/forge-connect.module.js';
export {
  isSignInRequired,
  SIGN_IN_REQUIRED_OPTIONS,
  SignInRequiredFilter,
  type SignInRequiredFilterOptions,
} from './nest/sign-in-required.filter.js';
export { AuthorizationCodeTokenProvider } from './providers/grants/authorization-code.provider.js';
export type { AuthorizationCodeTokenProviderOptions } from './providers/sign-in/authorization-code-options.js';
export type { LogoutUrlOptions } from './providers/oidc/openid-connect.js';
export type { Claims } from './providers/oidc/signed-claims.js';
export type { AuthorizationUrlOptions } from './providers/sign-in/authorization-request.js';
export type { FinishedSignIn, SavedSignIn, StartedSignIn } from './providers/sign-in/bound.authorization-code.js';
export type { CallbackSource } from './providers/sign-in/callback.js';
export { SubjectTokens } from './token/subject-tokens.js';
export { createForgeClient, type ForgeClientOptions } from './application/create-forge-client.js';
export {
  getForgeClientToken,
  getTokenManagerToken,
  getTokenPipelineToken,
  getTokenProviderToken,
  InjectForgeClient,
  InjectTokenManager,
  InjectTokenPipeline,
  InjectTokenProvider,
} from './nest/forge-auth.decorators.js';
export { HttpClientConfigBuilder } from './options/http-client-config-builder.js';
export type { HookOptions } from './options/hook-options.js';
export { ForgeAuthExceptionFilter, type ForgeAuthExceptionFilterOptions } from './nest/forge-auth.exception-filter.js';
export { ForgeAuthModule } from './nest/forge-auth.module.js';
export type { ForgeAuthProblem } from './nest/forge-auth.problem.js';
export type {
  ForgeAuthAsyncOptions,
  ForgeAuthOptionsFactory,
  ForgeAuthRootOptions,
  ForgeServiceAsyncOptions,
  ForgeServiceFactoryOptions,
  ForgeServiceOptionsFactory,
} from './nest/forge-auth.module-options.js';
export type {
  AuthOption,
  ForgeAuthOptions,
  ForgeServiceDefaults,
  ForgeServiceOptions,
  PipelineOption,
  RequestContextOptions,
  StorageOption,
  TokenAuthOptions,
} from './options/options.js';
export type { ClassOf } from './options/hook-options.js';
export { ForgeRequestContext, type InboundRequest } from './nest/forge-request-context.js';
export { ForgeAuthEvents } from './nest/forge-auth.events.js';
export { ForgeAuthService } from './nest/forge-auth.service.js';
export type { ForgeAuthEvent, ObservedScope, Observer, TokenRequestCause } from './observer.js';
export type {
  FailureState,
  ForgeAuthState,
  PipelineState,
  RenewalState,
  ServiceState,
  TokenState,
} from './application/state.js';
export type { ObservedApplication, Telemetry } from './application/telemetry.js';
export type { StorageState } from './storage/storage-state.js';
export { AxiosTransport } from './http/axios/axios.transport.js';
export type { AxiosTransportOptions, PoolOptions } from './http/axios/axios-transport-options.js';
export type { Cancellation } from './http/cancellation.js';
export { ForgeResponse } from './http/forge-response.js';
export type { HttpBody, HttpHeaders, HttpRequest, HttpResponse, ResponseType } from './http/http-request.js';
export { HttpRequester, type HttpRequesterOptions, type RequesterRequest } from './http/http-requester.js';
export type { QueryParams } from './http/query-params.js';
export type { RedactedRequest } from './http/redacted-request.js';
export type { TlsOptions, TlsSource } from './http/tls-options.js';
export type { Transport } from './http/transport.js';
export type { RedisClient } from './redis/redis-connection.js';
export { RedisTokenLock, type RedisTokenLockOptions } from './redis/redis.token-lock.js';
export type { AcquireOptions, Lease, TokenLock, TokenSignal } from './lock/token-lock.js';
export { BodyTokenFetcher, type BodyTokenFetcherOptions } from './pipeline/fetchers/body.fetcher.js';
export { HeaderTokenFetcher, type HeaderTokenFetcherOptions } from './pipeline/fetchers/header.fetcher.js';
export { type FetcherRequest, HttpTokenFetcher } from './pipeline/fetchers/http.fetcher.js';
export type { ContextValue, HttpTokenFetcherOptions } from './pipeline/fetchers/http-fetcher-options.js';
export type { PipelineStepOption, TokenFetcherType, TokenFetchPipelineOptions } from './pipeline/pipeline-options.js';
export type { GivenStep, ProviderStep, SharedStep } from './pipeline/steps/pipeline-step.js';
export { PipelineTokenProvider, type PipelineTokenProviderOptions } from './pipeline/pipeline.provider.js';
export type { StepState } from './pipeline/steps/step-state.js';
export { type ExecuteOptions, TokenFetchPipeline } from './pipeline/token-fetch-pipeline.js';
export type { FetchContext, TokenFetcher } from './pipeline/fetchers/token-fetcher.js';
export type {
  ClientAssertionOptions,
  ClientAuthRequest,
} from './providers/client-authentication/client-credentials.js';
export type {
  ClientAuthFunction,
  ClientAuthMethod,
  ClientAuthName,
  ClientOptions,
} from './providers/client-authentication/client-options.js';
export {
  ClientCredentialsTokenProvider,
  type ClientCredentialsTokenProviderOptions,
} from './providers/grants/client-credentials.provider.js';
export type {
  Compliance,
  ComplianceRequest,
  AdjustedComplianceRequest,
  ComplianceResponse,
  RequestComplianceHook,
  ResponseComplianceHook,
} from './providers/compliance.js';
export type { GrantOptions } from './providers/grant-options.js';
export {
  PasswordGrantTokenProvider,
  type PasswordGrantTokenProviderOptions,
} from './providers/grants/password-grant.provider.js';
export type { SecretSource } from './providers/keys/secret.js';
export type { KeyMaterial, KeySource, PrivateJwk, ServiceAccountKey } from './providers/keys/key-material.js';
export type { TextSource } from './providers/keys/text-source.js';
export type { Challenge } from './challenges.js';
export type { DpopOptions } from './providers/keys/dpop-key.js';
export type { EndpointOptions } from './providers/issuer/endpoints.js';
export { GrantTokenProvider, type GrantTokenProviderOptions } from './providers/grants/grant-token.provider.js';
export type { GrantParameters } from './providers/grants/grant.js';
export {
  type JwtBearerAssertion,
  JwtBearerTokenProvider,
  type JwtBearerTokenProviderOptions,
} from './providers/grants/jwt-bearer.provider.js';
export { RefreshTokenProvider, type RefreshTokenProviderOptions } from './providers/grants/refresh-token.provider.js';
export {
  TokenExchangeProvider,
  type TokenExchangeProviderOptions,
  type TokenTextSource,
} from './providers/grants/token-exchange.provider.js';
export { StaticTokenProvider } from './providers/grants/static-token.provider.js';
export type { AuthRetryStrategy } from './retry/auth-retry.strategy.js';
export {
  CircuitBreakerRetryStrategy,
  type CircuitBreakerRetryStrategyOptions,
} from './retry/circuit-breaker.retry.strategy.js';
export {
  ConditionalAuthRetryStrategy,
  type ConditionalAuthRetryStrategyOptions,
} from './retry/conditional.auth-retry.strategy.js';
export {
  ExponentialAuthRetryStrategy,
  type ExponentialAuthRetryStrategyOptions,
} from './retry/exponential.auth-retry.strategy.js';
export {
  ExponentialBackoffRetryStrategy,
  type ExponentialBackoffRetryStrategyOptions,
} from './retry/exponential-backoff.retry.strategy.js';
export { NoAuthRetryStrategy } from './retry/no.auth-retry.strategy.js';
export { NoRetryStrategy } from './retry/no.retry.strategy.js';
export type {
  Circuit,
  CircuitContext,
  CircuitPermit,
  CircuitState,
  RequestRetryStrategy,
  RetryOutcome,
} from './retry/request-retry.strategy.js';
export { SimpleAuthRetryStrategy, type SimpleAuthRetryStrategyOptions } from './retry/simple.auth-retry.strategy.js';
export { SimpleRetryStrategy, type SimpleRetryStrategyOptions } from './retry/simple.retry.strategy.js';
export {
  CacheManagerTokenStorage,
  type CacheManagerTokenStorageOptions,
} from './storage/cache-manager.token-storage.js';
export type { EncryptionOptions } from './storage/encryption.js';
export { InMemoryTokenStorage, type InMemoryTokenStorageOptions } from './storage/in-memory.token-storage.js';
export { RedisTokenStorage, type RedisTokenStorageOptions } from './storage/redis.token-storage.js';
export { type GetSet, type StoredValueOptions, TOKEN_STORAGE, type TokenStorage } from './storage/token-storage.js';
export {
  type RevokeOptions,
  TokenManager,
  type TokenManagerEvents,
  type TokenManagerOptions,
} from './token/token-manager.js';
export type { TokenResponseFields } from './token/read-token-response.js';
export type { PresentedRequest, TokenPresenter } from './token/token-presenter.js';
export type { TokenProvider, TokenRequest, TokenRequestContext } from './token/token-provider.js';
export type { TokenInit } from './token/token-init.js';
export type { TokenKind } from './token/token-source.js';
export type { TokenSettings } from './token/token-settings.js';
export { Token } from './token/token.js';
