/**
 * Tools for tests: an issuer, a clock, a recording client, contracts.
 * @module nestjs-forge-auth/testing
 */
export type { Contract, ContractSubject } from './contract.js';
export { FakeClock, type FakeClockOptions } from './fake-clock.js';
export { ForgeTestingModule, type ForgeTestingOptions } from './forge-testing.module.js';
export type { IssuerRequest } from './issuer/issuer-request.js';
export type { IssuerFailure } from './issuer/issuer-script.js';
export type { IssuedToken } from './issuer/issuer-tokens.js';
export { TestIssuer } from './issuer/test-issuer.js';
export type { TestClient, TestIssuerOptions } from './issuer/test-issuer.options.js';
export { RecordingForgeClient, type RecordingForgeClientOptions } from './recording.forge-client.js';
export type { RecordedAnswer, RecordedAnswerSource, RecordedCall } from './recording.transport.js';
export { staticToken } from './static-token.js';
export { tokenLockContract } from './token-lock.contract.js';
export {
  expiringTokenStorageContract,
  fencedTokenStorageContract,
  tokenStorageContract,
} from './token-storage.contract.js';
export { transportContract } from './transport.contract.js';
