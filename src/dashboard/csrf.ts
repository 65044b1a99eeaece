import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The cookie that must agree with the header of each action. */
const COOKIE = 'forge_auth_csrf';
const HEADER = 'x-csrf-token';
/** As `randomBytes(24)` in base64url. */
const TOKEN = /^[\w-]{32}$/;

/**
 * A token for a page, which its actions send back in a header; and the cookie that they are compared with, for the
 * browser alone. No process needs to remember it: any of a fleet takes the action.
 * @see [OWASP, double submit](https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html)
 */
export function csrfFor(request: IncomingMessage): { readonly token: string; readonly cookie: string } {
  const token = cookieOf(request) ?? randomBytes(24).toString('base64url');
  const secure = 'encrypted' in request.socket && request.socket.encrypted === true ? '; Secure' : '';
  return { token, cookie: `${COOKIE}=${token}; HttpOnly; SameSite=Strict${secure}` };
}

/** Checks whether an action comes from a page of ours: its header agrees with its cookie. */
export function carriesToken(request: IncomingMessage): boolean {
  const [cookie, header] = [cookieOf(request), request.headers[HEADER]];
  if (cookie === undefined || typeof header !== 'string' || !TOKEN.test(header)) return false;
  return timingSafeEqual(Buffer.from(cookie), Buffer.from(header));
}

/** Checks whether a request is from another origin's page. Without `Origin` it is from no page, or from our own. */
export function isForeign({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return true;
  const { origin } = headers;
  if (origin === undefined || site === 'same-origin') return false;
  const hosts = [headers.host, headers['x-forwarded-host']];
  return !URL.canParse(origin) || !hosts.includes(new URL(origin).host);
}

function cookieOf({ headers }: IncomingMessage): string | undefined {
  for (const part of (headers.cookie ?? '').split(';')) {
    const [name = '', value = ''] = part.split('=');
    if (name.trim() === COOKIE && TOKEN.test(value.trim())) return value.trim();
  }
  return undefined;
}
