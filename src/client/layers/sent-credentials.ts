import { type QueryParams, serializeParams } from '../../http/query-params.js';
import type { HttpHeaders, HttpRequest } from '../../http/http-request.js';
import { isSecret, percentDecoded } from '../../redaction/echoed-secret.js';
import { basicParts } from '../../redaction/known-secrets.js';
import { REDACTED, redactUrl } from '../../redaction/redact.js';

/** The parts of a request that a credential may be in. */
interface Carrier {
  readonly url: string;
  readonly headers: Readonly<HttpHeaders>;
}

/** Credentials among the parameters of an `Authorization: OAuth` header or a form: those beside them are no secrets. */
const CREDENTIAL_PARAMETERS: ReadonlySet<string> = new Set(['access_token', 'oauth_token', 'oauth_signature']);

/** Headers of a service that another origin may see: they say nothing but how to answer. */
export const HARMLESS_DEFAULTS: ReadonlySet<string> = new Set(['accept', 'accept-language', 'user-agent']);

const PLAIN_WORDS = /^[a-z ]+$/i;

/** Shorter texts are found everywhere; of these only a parameter's whole value counts. */
const SHORTEST_PART = 8;

/** A credential that is shorter still cannot be recognised. */
const SHORTEST_SEGMENT = 4;

/** An address may have been encoded once for each other one that it was wrapped into. */
const MOST_ENCODINGS = 3;

/** Credentials that one call's authenticators write. A service may echo one into a Location; it goes no further. */
export class SentCredentials {
  readonly #names = new Set<string>();
  readonly #values = new Set<string>();
  /** Parameters that the service has for its own origins, as `name=value`. */
  readonly #ownParams = new Set<string>();
  /** Parameters that a credential was sent in, as `name=value`. */
  readonly #sentParams = new Set<string>();
  /** Credentials, however short: as a whole segment of a path one stands there by no chance. */
  readonly #segments = new Set<string>();
  /** Plain words, which may well stand in an address for another reason: only a parameter's whole value counts. */
  readonly #words = new Set<string>();

  /** Remembers what `sent` has and `asked` has not. */
  note(asked: Carrier, sent: Carrier & Pick<HttpRequest, 'body'>): void {
    const own = new URL(asked.url).searchParams;
    for (const [name, value] of new URL(sent.url).searchParams) {
      if (own.getAll(name).includes(value)) continue;
      this.#noteParameter(name, value);
    }
    for (const [name, value] of Object.entries(sent.headers)) {
      if (name === 'content-type' || asked.headers[name] === value) continue;
      for (const text of [value].flat()) {
        for (const part of [text.slice(text.indexOf(' ') + 1), ...basicParts(text)]) {
          this.#values.add(part);
          if (part.length >= SHORTEST_SEGMENT && !PLAIN_WORDS.test(part)) this.#segments.add(part);
        }
        if (text.startsWith('OAuth ')) this.#noteParameters(text.matchAll(/(\w+)="([^"]*)"/g));
      }
    }
    const { body } = sent;
    const isForm = String(sent.headers['content-type']).startsWith('application/x-www-form-urlencoded');
    if (isForm && (typeof body === 'string' || Buffer.isBuffer(body)))
      this.#noteParameters(body.toString().matchAll(/(?:^|&)(\w+)=([^&]*)/g));
  }

  #noteParameters(parameters: Iterable<RegExpMatchArray>): void {
    for (const [, name = '', value = ''] of parameters) {
      if (!CREDENTIAL_PARAMETERS.has(name)) continue;
      this.#noteParameter(name, percentDecoded(value));
    }
  }

  #noteParameter(name: string, value: string): void {
    this.#names.add(name);
    this.#values.add(value);
    this.#sentParams.add(`${name}=${value}`);
    if (value.length >= SHORTEST_SEGMENT && !PLAIN_WORDS.test(value)) this.#segments.add(value);
  }

  /** Remembers what the service has for its own origins alone: of its texts those that are no plain words. */
  noteOwn(headers: Readonly<HttpHeaders>, params: QueryParams | undefined): void {
    const ofQuery = [...new URLSearchParams(params === undefined ? '' : serializeParams(params))];
    for (const [name, value] of ofQuery) this.#ownParams.add(`${name}=${value}`);
    const ofHeaders = Object.entries(headers).filter(([name]) => !HARMLESS_DEFAULTS.has(name));
    for (const text of [...ofQuery, ...ofHeaders].flatMap(([, value]) => value)) {
      if (PLAIN_WORDS.test(text)) this.#words.add(text);
      else this.#values.add(text);
    }
  }

  /**
   * Takes credentials out of the query of a redirect's target.
   * @param elsewhere whether the target is of another origin: at home a service may name what it likes
   * @returns whether none is left in it
   */
  removeFrom(target: URL, elsewhere: boolean): boolean {
    for (const [name, value] of Array.from(target.searchParams)) {
      const echoed = this.#names.has(name) && this.#values.has(value);
      const own = this.#ownParams.has(`${name}=${value}`);
      if (
        echoed ||
        (elsewhere &&
          (own || this.#words.has(value) || this.#names.has(name) || this.#values.has(value) || this.#isIn(value)))
      )
        target.searchParams.delete(name);
    }
    return !elsewhere || !this.#isIn(target.href);
  }

  /** Origin and path of an address; at home a service may redirect to one that holds the credential: then the origin. */
  shown(url: string): string {
    const shown = redactUrl(url);
    return this.#isIn(shown) ? `${new URL(url).origin}/${REDACTED}` : shown;
  }

  #isIn(text: string): boolean {
    const long = [...this.#values].filter((value) => value.length >= SHORTEST_PART);
    return isSecret(text, long) || this.#isPartOf(text);
  }

  /** Checks for what is too short to be looked for anywhere: as one parameter of an address in it, or one segment. */
  #isPartOf(text: string): boolean {
    let reading = text;
    for (let encodings = 0; encodings <= MOST_ENCODINGS; encodings += 1) {
      const parts = reading.split(/[?&;#]/);
      if (parts.some((part) => this.#ownParams.has(part) || this.#sentParams.has(part))) return true;
      if (reading.split(/[/?&;#]/).some((part) => this.#segments.has(part))) return true;
      reading = percentDecoded(reading);
    }
    return false;
  }
}
