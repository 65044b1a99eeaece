import type { KeyObject } from 'node:crypto';
import { ConfigurationError } from '../../errors.js';

const ALGORITHM_OF_CURVE: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/**
 * Returns the algorithm that a key usually signs with.
 * @throws {ConfigurationError} when nothing can be signed with it
 */
export function usualAlgorithm(key: KeyObject, name: string): string {
  const [usual] = algorithmsOf(key);
  if (usual !== undefined) return usual;
  throw new ConfigurationError(
    `${name} is a key of kind ${String(key.asymmetricKeyType)}, which nothing can be signed with. Give an RSA, EC (P-256, P-384, P-521) or Ed25519 key.`,
  );
}

/** Returns the algorithms that a key can sign with, the usual one first. */
function algorithmsOf(key: KeyObject): readonly string[] {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key;
  if (kind === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
  if (kind === 'rsa-pss') return ['PS256', 'PS384', 'PS512'];
  if (kind === 'ec') return [ALGORITHM_OF_CURVE[details?.namedCurve ?? ''] ?? []].flat();
  return kind === 'ed25519' ? ['EdDSA', 'Ed25519'] : [];
}

/** @throws {ConfigurationError} when a key cannot sign with an algorithm, or is too short for signatures */
export function checkAlgorithm(key: KeyObject, alg: string, name: string): void {
  const possible = algorithmsOf(key);
  if (!possible.includes(alg)) {
    throw new ConfigurationError(
      `${name} is a key of kind ${String(key.asymmetricKeyType)}, which cannot sign with ${shownAlg(alg)}. Set alg to ${possible.join(' or ')}, or give another key.`,
    );
  }
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < 2048)
    throw new ConfigurationError(
      `${name} is an RSA key of ${bits} bits. Signatures need 2048 or more (RFC 7518 §3.3).`,
    );
}

function shownAlg(alg: unknown): string {
  return typeof alg === 'string' && /^[A-Za-z]{2,3}\d{0,5}[A-Za-z]{0,4}\d{0,5}$/.test(alg)
    ? alg
    : 'the alg that is set';
}
