import { checkOptions, definitionPlace, type OptionRules } from '../option-check/option-check.js';
import { oneOf, RULES } from '../option-check/option-rules.js';
import type { HeaderSpelling } from '../http/http-request.js';
import { addSpelling, spellingOf } from '../http/axios/spelled-headers.js';
import { withQueryParam } from '../http/query-of-url.js';
import type { AuthenticatedRequest, Authenticator, CredentialParameters, CredentialSource } from './authenticator.js';
import { checkCredential, checkHeaderName, readCredential } from './credential.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link ApiKeyAuth}. */
export interface ApiKeyAuthOptions {
  /** Name of the header, or of the query parameter. @default 'X-API-Key' */
  headerName?: string;
  /** Place of the key: a header, or the query. @default 'header' */
  in?: 'header' | 'query';
}

const DEFAULT_NAME = 'X-API-Key';

const RULES_OF: OptionRules<ApiKeyAuthOptions> = Object.freeze({
  headerName: RULES.text,
  in: oneOf('header', 'query'),
});

/** An API key in a header or in the query. */
export class ApiKeyAuth implements Authenticator {
  readonly credentialHeaders: readonly string[] | undefined;
  readonly credentialParameters: CredentialParameters | undefined;
  readonly #key: CredentialSource;
  readonly #name: string;
  /** Undefined: the key goes into the query. */
  readonly #header: string | undefined;
  readonly #spelling: HeaderSpelling | undefined;

  /**
   * @param key the key, or a function that is asked for each request
   * @throws {ConfigurationError} when the key is missing or an option malformed
   */
  constructor(key: CredentialSource, given: ApiKeyAuthOptions = {}) {
    checkOptions(given, RULES_OF, definitionPlace(this));
    const options = ownOptions(given);
    checkCredential(key, 'ApiKeyAuth: the key');
    const place = options.in ?? 'header';
    this.#key = key;
    this.#name = options.headerName ?? DEFAULT_NAME;
    this.#header = place === 'query' ? undefined : checkHeaderName(this.#name, 'ApiKeyAuth: headerName');
    this.#spelling = this.#header === undefined ? undefined : spellingOf(undefined, { [this.#name]: true });
    this.credentialHeaders = this.#header === undefined ? undefined : [this.#header];
    this.credentialParameters = this.#header === undefined ? { query: [this.#name] } : undefined;
  }

  authenticate(request: AuthenticatedRequest): void | Promise<void> {
    const key = readCredential(this.#key, 'the API key', request.serviceName);
    if (typeof key !== 'string') return key.then((value) => this.#write(request, value));
    this.#write(request, key);
  }

  #write(request: AuthenticatedRequest, key: string): void {
    if (this.#header !== undefined) {
      request.headers[this.#header] = key;
      addSpelling(request, this.#spelling);
      return;
    }
    request.url = withQueryParam(request.url, this.#name, key);
  }
}
