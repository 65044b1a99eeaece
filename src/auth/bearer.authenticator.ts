import type { AuthenticatedRequest, Authenticator, CredentialSource } from './authenticator.js';
import { checkCredential, readCredential } from './credential.js';

/** A bearer token that is simply there. It is not renewed: a rejection stands. @see [RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1) */
export class BearerAuth implements Authenticator {
  readonly credentialHeaders: readonly string[] = ['authorization'];
  readonly #token: CredentialSource;

  /**
   * @param token the token, or a function that is asked for each request
   * @throws {ConfigurationError} when it is missing
   */
  constructor(token: CredentialSource) {
    checkCredential(token, 'BearerAuth: the token');
    this.#token = token;
  }

  authenticate(request: AuthenticatedRequest): void | Promise<void> {
    const token = readCredential(this.#token, 'the bearer token', request.serviceName);
    if (typeof token !== 'string') return token.then((value) => this.#write(request, value));
    this.#write(request, token);
  }

  #write(request: AuthenticatedRequest, token: string): void {
    request.headers['authorization'] = `Bearer ${token}`;
  }
}
