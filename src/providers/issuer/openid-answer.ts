import { ownJson } from '../../option-check/own-json.js';
import { defineOwn, ownOptions } from '../../option-check/own-options.js';
import type { ComplianceResponse } from '../compliance.js';

/** Statuses that must not have a body: `Response` refuses one. */
const BODILESS: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);

/** Returns an answer for whoever reads it by itself. A challenge is left out: `openid-client` would not look at the body. */
export function asItCame({ status, headers, body }: ComplianceResponse): Response {
  const kept = Object.entries(headers).filter(
    ([name]) => !['www-authenticate', 'content-length', 'content-encoding'].includes(name),
  );
  const text = typeof body === 'string' ? body : ownJson(body);
  return new Response(
    BODILESS.has(status) ? null : text,
    ownOptions({
      status,
      headers: kept.flatMap(([name, value]) => [value].flat().map((item): [string, string] => [name, item])),
    }),
  );
}

/** Members that issuers write in ways of their own; `Token.fromResponse` understands or refuses them. */
const READ_BY_US: ReadonlySet<string> = new Set(['error', 'expires_in', 'refresh_token', 'scope', 'id_token']);

/** Returns what `openid-client`, stricter than issuers are, needs to see. The token is made of the answer itself. */
export function acceptable(answer: Record<string, unknown>): Response {
  const { token_type: type } = answer;
  const dpop = typeof type === 'string' && type.toLowerCase() === 'dpop';
  const seen = { ...answer, token_type: dpop ? 'dpop' : 'bearer' };
  const kept = Object.entries(seen).filter(([name, value]) => value !== null && !READ_BY_US.has(name));
  const members = Object.fromEntries(kept);
  const response = new Response(
    // A body would be a stream, made of an object that inherits.
    null,
    ownOptions({ status: 200, headers: { 'content-type': 'application/json' } }),
  );
  // JSON makes objects that inherit: what is left out would be read from `Object.prototype`.
  return defineOwn(response, 'json', { value: async () => ownOptions(members) });
}
