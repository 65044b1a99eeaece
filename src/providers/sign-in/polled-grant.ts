import type { Token } from '../../token/token.js';
import type { Grant, GrantExchange } from '../grants/grant.js';

/** Nothing of ours ends the wait for a person: the expiry of what the issuer gave out does. */
const LONGEST_WAIT_MS = 24 * 3_600_000;

/**
 * A grant that waits for a person's answer elsewhere, and asks for the token again and again. It cannot run again without
 * them, and a rotated secret of the client does not orphan its refresh token.
 */
export function polledGrant(
  grantType: string,
  obtain: (context: GrantExchange) => Promise<Token>,
  keyParts: readonly string[] = [],
): Grant {
  return {
    grantType,
    rerunnable: false,
    secretInKey: false,
    deadlineMs: LONGEST_WAIT_MS,
    keyParts: () => keyParts,
    parameters: () => ({}),
    obtain,
  };
}
