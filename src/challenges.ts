/** One challenge of a `WWW-Authenticate` header. @see [RFC 9110 §11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1) */
export interface Challenge {
  /** Scheme as it was written: `Bearer`. Compare it without regard to case. */
  readonly scheme: string;
  /** Names are lower-case; of a name that comes twice the first counts. */
  readonly params: Readonly<Record<string, string>>;
  /** Text in place of parameters: `Negotiate YII…`. */
  readonly token68?: string;
}

const TOKEN = /[!#$%&'*+\-.^_`|~\dA-Za-z]+/y;
const TOKEN68 = /([A-Za-z\d\-._~+/]+=*)[ \t]*(?=,|$)/y;
const PARAM = /([!#$%&'*+\-.^_`|~\dA-Za-z]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\[\s\S])*)"|([!#$%&'*+\-.^_`|~\dA-Za-z]+))/y;
const SEPARATOR = /[ \t]*(?:,[ \t]*)+/y;
const SPACE = /[ \t]+/y;

/** Reads `WWW-Authenticate`: several challenges in one header, or in several. What is malformed is passed over. */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  // Several headers are one list (RFC 9110 §5.3); read one by one, a malformed one does not spoil the others.
  return [header ?? []].flat().flatMap((value) => new ChallengeReader(value).read());
}

class ChallengeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.trim();
  }

  read(): Challenge[] {
    const challenges: Challenge[] = [];
    while (this.#at < this.#text.length) {
      this.#take(SEPARATOR);
      const scheme = this.#take(TOKEN)?.[0];
      if (scheme === undefined) this.#skipToComma();
      else challenges.push(this.#rest(scheme));
    }
    return challenges;
  }

  #rest(scheme: string): Challenge {
    if (this.#take(SPACE) === undefined) return { scheme, params: {} };
    const token68 = this.#take(TOKEN68)?.[1];
    if (token68 !== undefined) return { scheme, params: {}, token68 };
    const params = new Map<string, string>();
    for (;;) {
      const [, name = '', quoted, plain = ''] = this.#take(PARAM) ?? [];
      if (name === '') break;
      const key = name.toLowerCase();
      if (!params.has(key)) params.set(key, quoted === undefined ? plain : quoted.replace(/\\([\s\S])/g, '$1'));
      const before = this.#at;
      if (this.#take(SEPARATOR) === undefined) break;
      // What follows the comma is another parameter, or the next challenge.
      if (this.#peek(PARAM)) continue;
      this.#at = before;
      break;
    }
    return { scheme, params: Object.fromEntries(params) };
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  #peek(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text);
  }

  #skipToComma(): void {
    const comma = this.#text.indexOf(',', this.#at);
    this.#at = comma === -1 ? this.#text.length : comma + 1;
  }
}

/** The first challenge with this `error`, of any scheme. @see [RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1) */
export function challengeWith(error: string, header: string | readonly string[] | undefined): Challenge | undefined {
  return parseChallenges(header).find(({ params }) => params['error'] === error);
}
