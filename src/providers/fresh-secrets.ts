import { AuthenticationError } from '../errors.js';
import { callDeclared } from '../option-check/own-options.js';
import type { Client } from './client-authentication/client.js';
import type { Grant } from './grants/grant.js';
import type { Issuer } from './issuer/issuer.js';

/**
 * Repeats refused work once: a secret may have been rotated since it was read, the issuer may have moved, and what is
 * signed with a time is signed anew once the issuer's clock is known.
 */
export class FreshSecrets {
  readonly #issuer: Issuer;
  readonly #client: Client;
  readonly #grant: Grant;
  /** True when requests carry proofs of possession, which are signed with a time. */
  readonly #proves: boolean;

  constructor(issuer: Issuer, client: Client, grant: Grant, proves: boolean) {
    this.#issuer = issuer;
    this.#client = client;
    this.#grant = grant;
    this.#proves = proves;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const { clock } = this.#issuer;
    const { offsetMs } = clock;
    try {
      return await this.#issuer.rediscovering(work);
    } catch (error) {
      if (!(error instanceof AuthenticationError) || !mayBeRotated(error)) throw error;
      const timed = (this.#grant.timed ?? false) || this.#client.timed || this.#proves;
      const changed = await Promise.all([this.#client.reread(), callDeclared(this.#grant, 'reread')]);
      if (!changed.includes(true) && !(timed && clock.hasMoved(offsetMs))) throw error;
      return work();
    }
  }
}

/** Checks for a refusal that another secret or password may cure. */
function mayBeRotated(error: AuthenticationError): boolean {
  const { transient, status, error: code } = error;
  if (transient) return false;
  return code === undefined
    ? status === 401 || status === 403
    : status === 401 || code === 'invalid_client' || code === 'invalid_grant' || code === 'invalid_dpop_proof';
}
