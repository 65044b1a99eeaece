import { ConfigurationError } from '../errors.js';
import type { AuthenticatedRequest, Authenticator, CredentialSource } from './authenticator.js';
import { readCredential } from './credential.js';

/** HTTP Basic authentication, in UTF-8. @see [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617) */
export class BasicAuth implements Authenticator {
  readonly credentialHeader = 'authorization';
  readonly #username: string;
  readonly #password: CredentialSource;

  /**
   * @param password the password, or a function that is asked for each request
   * @throws {ConfigurationError} when one is missing, or the user name holds a colon
   */
  constructor(username: string, password: CredentialSource) {
    if (typeof username !== 'string' || username === '' || username.includes(':')) {
      throw new ConfigurationError('BasicAuth: the user name must be a text that is not empty and holds no colon.');
    }
    if (typeof password !== 'string' && typeof password !== 'function') {
      throw new ConfigurationError('BasicAuth: the password is missing. Is the variable that it is read from set?');
    }
    this.#username = username;
    this.#password = typeof password === 'string' ? this.#encode(password) : password;
  }

  authenticate(request: AuthenticatedRequest): void | Promise<void> {
    if (typeof this.#password === 'string') {
      request.headers['authorization'] = this.#password;
      return;
    }
    return Promise.resolve(readCredential(this.#password, 'the password', request.serviceName)).then((password) => {
      request.headers['authorization'] = this.#encode(password);
    });
  }

  #encode(password: string): string {
    return `Basic ${Buffer.from(`${this.#username}:${password}`, 'utf8').toString('base64')}`;
  }
}
