import { inspect } from 'node:util';

/**
 * A token and its secret, as a server of OAuth 1.0a issues them. Prints and serialises redacted: keep the two fields.
 */
export class OAuth1Token {
  readonly token: string;
  readonly tokenSecret: string;
  readonly #extra: Readonly<Record<string, string>>;
  readonly #subject: string | undefined;

  constructor(token: string, tokenSecret: string, extra: Readonly<Record<string, string>> = {}, subject?: string) {
    this.token = token;
    this.tokenSecret = tokenSecret;
    this.#extra = Object.freeze({ ...extra });
    this.#subject = subject;
  }

  /** Owner of the token, where `requestToken({ subject })` named one. */
  get subject(): string | undefined {
    return this.#subject;
  }

  /** Further parameters of the server's answer: the user's id, a screen name. A getter: it is never printed. */
  get extra(): Readonly<Record<string, string>> {
    return this.#extra;
  }

  /** Returns the kind of object alone: a token that slips into a JSON text shows nothing. */
  toJSON(): string {
    return '[OAuth1Token]';
  }

  [inspect.custom](): string {
    return '[OAuth1Token]';
  }
}
