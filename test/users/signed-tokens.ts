import type { webcrypto } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/** A key pair of an issuer, and its public half as it is published. */
export interface SigningKey {
  readonly kid: string | undefined;
  readonly alg: string;
  readonly privateKey: webcrypto.CryptoKey;
  readonly jwk: Record<string, unknown>;
}

/** Makes a key that an issuer may sign with. */
export async function signingKey(kid: string | undefined, alg = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), use: 'sig', alg, ...(kid === undefined ? undefined : { kid }) };
  return { kid, alg, privateKey, jwk };
}

/** Signs claims as they are: nothing is added. */
export async function sign(key: SigningKey, claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
  const kid = key.kid === undefined ? undefined : { kid: key.kid };
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, ...kid, ...header }).sign(key.privateKey);
}

/** A server that publishes keys. */
export interface KeyServer {
  readonly server: RecordingServer;
  readonly url: string;
  keys: readonly SigningKey[];
}

export async function startKeyServer(...keys: readonly SigningKey[]): Promise<KeyServer> {
  const server = await startServer((_request, response) =>
    json(response, 200, { keys: published.keys.map(({ jwk }) => jwk) }),
  );
  const published: KeyServer = { server, url: `${server.origin}/jwks`, keys };
  return published;
}
