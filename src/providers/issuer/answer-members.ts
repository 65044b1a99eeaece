/**
 * Checks whether a member of an answer says anything: issuers write an empty `error` into answers that are a success. A
 * list or an object of empty values is empty, too.
 */
export function saysAnything(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  return typeof value === 'object' && value !== null ? Object.values(value).some(saysAnything) : Boolean(value);
}

/** Names that answers are known to have in place of `access_token`, in small letters alone. */
const INSTEAD: ReadonlySet<string> = new Set([
  'access',
  'accesskey',
  'accesstoken',
  'accesstokens',
  'apikey',
  'authenticationtoken',
  'authorization',
  'authorizationtoken',
  'authtoken',
  'bearer',
  'bearertoken',
  'body',
  'content',
  'credential',
  'credentials',
  'data',
  'idtoken',
  'jwt',
  'jwttoken',
  'key',
  'oauthtoken',
  'payload',
  'response',
  'result',
  'results',
  'session',
  'sessionid',
  'sessiontoken',
  'ticket',
  'token',
  'tokens',
  'usertoken',
  'value',
]);

/** Names the members of an answer that a token may have been meant to be in: of those names that are known, however they are written. */
export function namesInstead(answer: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(answer).filter(
    (name) =>
      name !== 'access_token' && /^[A-Za-z_-]+$/.test(name) && INSTEAD.has(name.toLowerCase().replace(/[_-]/g, '')),
  );
}
