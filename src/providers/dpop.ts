import { createHash, randomUUID } from 'node:crypto';
import { challengeWith } from '../challenges.js';
import type { HttpHeaders } from '../http/http-request.js';
import type { PresentedRequest, TokenPresenter } from '../token/token-presenter.js';
import type { Token } from '../token/token.js';
import type { IssuerClock } from './issuer/issuer-clock.js';
import type { SigningKey } from './keys/signing-key.js';

/** Target of a proof. */
export interface ProofTarget {
  readonly method: string;
  readonly url: string;
  /** At a service: the token that is shown with the proof. */
  readonly accessToken?: string;
}

/** Nonces kept for one origin that have not been used yet. */
const MAX_UNUSED = 16;
/** Origins whose nonces are kept. */
const MAX_ORIGINS = 256;

/**
 * Signs proofs of possession with one key, and keeps the nonces that servers ask for.
 * @see [RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)
 */
export class DpopSigner {
  readonly #key: SigningKey;
  readonly #clock: IssuerClock;
  readonly #nonces = new Map<string, Nonces>();

  constructor(key: SigningKey, issuerClock: IssuerClock) {
    this.#key = key;
    this.#clock = issuerClock;
  }

  /** Distinguishes its tokens from those of another key. @see [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638) */
  async thumbprint(): Promise<string> {
    return (await this.#key.read()).thumbprint;
  }

  /** One proof, for one request. */
  async proof({ method, url, accessToken }: ProofTarget): Promise<string> {
    const { key, alg, publicJwk } = await this.#key.read();
    const target = new URL(url);
    const nonce = this.#nonces.get(target.origin)?.take();
    const claims = {
      jti: randomUUID(),
      htm: method,
      htu: `${target.origin}${target.pathname}`,
      iat: Math.floor(this.#clock.now() / 1000),
      ...(nonce === undefined ? undefined : { nonce }),
      ...(accessToken === undefined
        ? undefined
        : { ath: createHash('sha256').update(accessToken).digest('base64url') }),
    };
    const { SignJWT } = await import('jose');
    return new SignJWT(claims).setProtectedHeader({ typ: 'dpop+jwt', alg, jwk: publicJwk }).sign(key);
  }

  /** Remembers the nonce of an answer for its origin. Returns whether there was one. */
  observe(url: string, headers: Readonly<HttpHeaders>): boolean {
    const [nonce] = [headers['dpop-nonce'] ?? []].flat();
    if (nonce === undefined || nonce === '') return false;
    const { origin } = new URL(url);
    const nonces = this.#nonces.get(origin) ?? new Nonces();
    this.#nonces.delete(origin);
    this.#nonces.set(origin, nonces);
    nonces.add(nonce);
    const [oldest] = this.#nonces.keys();
    if (this.#nonces.size > MAX_ORIGINS && oldest !== undefined) this.#nonces.delete(oldest);
    return true;
  }
}

/** The nonces of one origin: the newest unused one first, since some servers take each but once. */
class Nonces {
  readonly #unused: string[] = [];
  #last: string | undefined;

  add(nonce: string): void {
    if (nonce === this.#last) return;
    this.#last = nonce;
    this.#unused.push(nonce);
    if (this.#unused.length > MAX_UNUSED) this.#unused.shift();
  }

  take(): string | undefined {
    return this.#unused.pop() ?? this.#last;
  }
}

/** Shows bound tokens with a proof, others as the service wants them. */
export class DpopPresenter implements TokenPresenter {
  readonly #signer: DpopSigner;
  readonly #placement: TokenPresenter;

  constructor(signer: DpopSigner, placement: TokenPresenter) {
    this.#signer = signer;
    this.#placement = placement;
  }

  async write(request: PresentedRequest, token: Token): Promise<void> {
    await this.#placement.write(request, token);
    if (!/^dpop$/i.test(token.tokenType)) return;
    const { method, url } = request;
    request.headers['dpop'] = await this.#signer.proof({ method, url, accessToken: token.accessToken });
  }

  observe(
    { status, headers }: { readonly status: number; readonly headers: HttpHeaders },
    { url }: PresentedRequest,
  ): 'resend' | undefined {
    const known = this.#signer.observe(url, headers);
    const asked = (status === 401 || status === 400) && challengeWith('use_dpop_nonce', headers['www-authenticate']);
    return known && asked !== undefined && asked !== false ? 'resend' : undefined;
  }
}
