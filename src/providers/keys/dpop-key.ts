import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { ConfigurationError } from '../../errors.js';
import type { KeySource } from './key-material.js';
import { SigningKey } from './signing-key.js';

/** Options of the proof that a token's key is possessed. */
export interface DpopOptions {
  /** JWS algorithm. @default ES256; with a key, the usual one of its kind */
  alg?: string;
  /**
   * The private key. All processes that are given the same one share their tokens.
   * @default one that is made by each process
   */
  key?: KeySource;
}

/**
 * Returns the key that proofs are signed with, made where none is given.
 * @throws {ConfigurationError} when the key cannot be used
 */
export function dpopKey(options: true | DpopOptions, owner: string, clock: Clock): SigningKey {
  const { alg, key } = options === true ? ({} as DpopOptions) : options;
  return new SigningKey(`${owner}: dpop.key`, key ?? generatedKey(alg, owner), alg, clock);
}

function generatedKey(alg: string | undefined, owner: string): KeyObject {
  const curve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg ?? 'ES256'];
  if (curve !== undefined) return generateKeyPairSync('ec', { namedCurve: curve }).privateKey;
  if (alg === 'EdDSA' || alg === 'Ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (/^[RP]S(?:256|384|512)$/.test(alg ?? '')) return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  throw new ConfigurationError(
    `${owner}: dpop.alg must be one of ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512.`,
  );
}
