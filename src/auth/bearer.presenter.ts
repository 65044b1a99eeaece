import { InvalidRequestError } from '../errors.js';
import type { HeaderSpelling } from '../http/http-request.js';
import { addSpelling } from '../http/axios/spelled-headers.js';
import { withQueryParam } from '../http/query-of-url.js';
import type { PresentedRequest, TokenPresenter } from '../token/token-presenter.js';
import type { Token } from '../token/token.js';
import type { CredentialParameters } from './authenticator.js';

/** Place where a service wants its token. */
export interface BearerPlacement {
  /** Lower-case name of the header that carries it, for `placement: 'header'`. */
  readonly headerName: string | undefined;
  /** Spelling of that name, where not in lower case. */
  readonly spelling?: HeaderSpelling | undefined;
  /** Takes the place of the token's own type; `''` writes the bare token. */
  readonly scheme: string | undefined;
  readonly placement: 'header' | 'body' | 'uri';
}

/** The parameters that carry the token, by its placement. */
export const PARAMETERS_OF_PLACEMENT: Readonly<Record<BearerPlacement['placement'], CredentialParameters | undefined>> =
  Object.freeze({
    header: undefined,
    body: { form: ['access_token'] },
    uri: { query: ['access_token'] },
  });

/**
 * Writes a token as it is: whoever bears it may use it.
 * @see [RFC 6750 §2](https://www.rfc-editor.org/rfc/rfc6750#section-2)
 */
export class BearerPresenter implements TokenPresenter {
  readonly #where: BearerPlacement;

  constructor(where: BearerPlacement) {
    this.#where = where;
  }

  /** @throws {InvalidRequestError} when the token is to stand in a form, and the request has none */
  write(request: PresentedRequest, token: Token): void {
    const { headerName, placement, spelling } = this.#where;
    if (headerName !== undefined) {
      request.headers[headerName] = this.#headerOf(token);
      addSpelling(request, spelling);
    } else if (placement === 'uri') request.url = withQueryParam(request.url, 'access_token', token.accessToken);
    else request.body = intoForm(request, token);
  }

  #headerOf(token: Token): string {
    const { scheme } = this.#where;
    if (scheme === undefined) return token.authorizationHeader;
    return scheme === '' ? token.accessToken : `${scheme} ${token.accessToken}`;
  }
}

/** Only a form body can carry a token (RFC 6750 §2.2). */
function intoForm(request: PresentedRequest, token: Token): string {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(String(request.headers['content-type'] ?? ''));
  if (typeof request.body !== 'string' || !isForm) {
    throw new InvalidRequestError("placement 'body' needs a form body: give data as URLSearchParams.");
  }
  const form = new URLSearchParams(request.body);
  form.set('access_token', token.accessToken);
  return form.toString();
}
