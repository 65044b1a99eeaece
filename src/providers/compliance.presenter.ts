import { askFor } from '../option-check/at-once.js';
import { callDeclared } from '../option-check/own-options.js';
import { ConfigurationError } from '../errors.js';
import type { HttpResponse } from '../http/http-request.js';
import type { PresentedRequest, TokenPresenter } from '../token/token-presenter.js';
import type { Token } from '../token/token.js';
import type { ProtectedRequestComplianceHook } from './compliance.js';

/** Lets `compliance.protectedRequest` change a call before its token is written to it and signed. */
export class CompliancePresenter implements TokenPresenter {
  readonly #hook: ProtectedRequestComplianceHook;
  readonly #inner: TokenPresenter;
  readonly #label: string;

  constructor(hook: ProtectedRequestComplianceHook, inner: TokenPresenter, label: string) {
    this.#hook = hook;
    this.#inner = inner;
    this.#label = label;
  }

  /** @throws {ConfigurationError} when the hook sends the call to another origin: its token is not for that one */
  async write(request: PresentedRequest, token: Token): Promise<void> {
    const seen = { method: request.method, url: request.url, headers: { ...request.headers } };
    const { url = seen.url, headers = seen.headers } =
      (await askFor('compliance.protectedRequest', () => this.#hook(seen))) ?? seen;
    if (new URL(url).origin !== new URL(request.url).origin) {
      throw new ConfigurationError(
        `Service ${this.#label}: compliance.protectedRequest must leave the origin of a call as it is.`,
      );
    }
    request.url = url;
    request.headers = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    await this.#inner.write(request, token);
  }

  observe(response: Pick<HttpResponse, 'status' | 'headers'>, request: PresentedRequest): 'resend' | undefined {
    return callDeclared(this.#inner, 'observe', response, request);
  }
}
