import { ConfigurationError } from '../errors.js';
import type { AuthenticatedRequest, Authenticator, CredentialSource } from './authenticator.js';
import { checkMounted, readText } from './credential.js';
import { noteSecret } from '../redaction/known-secrets.js';

/** HTTP Basic authentication, in UTF-8. @see [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617) */
export class BasicAuth implements Authenticator {
  readonly credentialHeaders: readonly string[] = ['authorization'];
  readonly #username: string;
  /** The whole header where the password is known, else what reads it. */
  readonly #credential: CredentialSource;

  /**
   * @param password the password, or a function that is asked for each request
   * @throws {ConfigurationError} when one is missing, the user name holds a colon, or one ends in a line break
   */
  constructor(username: string, password: CredentialSource) {
    if (typeof username !== 'string' || username === '' || username.includes(':')) {
      throw new ConfigurationError('BasicAuth: the user name must be a text that is not empty and holds no colon.');
    }
    checkMounted(username, 'BasicAuth: the user name');
    if (typeof password !== 'string' && typeof password !== 'function') {
      throw new ConfigurationError('BasicAuth: the password is missing. Is the variable that it is read from set?');
    }
    if (typeof password === 'string') checkMounted(password, 'BasicAuth: the password');
    noteSecret(password);
    this.#username = username;
    this.#credential = typeof password === 'string' ? this.#encode(password) : password;
  }

  authenticate(request: AuthenticatedRequest): void | Promise<void> {
    if (typeof this.#credential !== 'string') return this.#ask(request, this.#credential);
    request.headers['authorization'] = this.#credential;
  }

  async #ask(request: AuthenticatedRequest, source: () => string | Promise<string>): Promise<void> {
    request.headers['authorization'] = this.#encode(await readText(source, 'the password', request.serviceName));
  }

  #encode(password: string): string {
    return `Basic ${Buffer.from(`${this.#username}:${password}`, 'utf8').toString('base64')}`;
  }
}
