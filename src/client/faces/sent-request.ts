/**
 * Stand-in for the request that was sent: the parts of a `ClientRequest` that code asks for, and none of its
 * headers. The URL that answered is `res.responseUrl`.
 */
export class SentRequest {
  readonly method: string;
  readonly #url: string;

  constructor(method: string, url: string) {
    this.method = method;
    this.#url = url;
  }

  get protocol(): string {
    return new URL(this.#url).protocol;
  }

  get host(): string {
    return new URL(this.#url).hostname;
  }

  get path(): string {
    const { pathname, search } = new URL(this.#url);
    return pathname + search;
  }

  get res(): { readonly responseUrl: string } {
    return { responseUrl: this.#url };
  }
}
