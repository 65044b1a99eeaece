import { createHash, randomBytes } from 'node:crypto';
import { type IssuerAnswer, refusal } from './issuer-script.js';
import type { IssuerRequest } from './issuer-request.js';

/** Consent of a person, until a client exchanges it for tokens. */
export interface Authorization {
  readonly clientId: string;
  readonly subject: string;
  readonly scope: string | undefined;
  readonly redirectUri?: string | undefined;
  readonly codeChallenge?: string | undefined;
  readonly nonce?: string | undefined;
}

/** A device that waits for a person. */
interface PendingDevice extends Authorization {
  readonly userCode: string;
  state: 'pending' | 'approved' | 'denied';
  approvedAs: string | undefined;
}

/** Consents of people: authorization codes, and devices. There is no page: whoever is asked, agrees. */
export class IssuerAuthorizations {
  readonly #codes = new Map<string, Authorization>();
  readonly #devices = new Map<string, PendingDevice>();

  /** Answers an authorization request with the redirect that a person who agrees is sent on. */
  authorize({ query }: IssuerRequest, issuer: string, defaultSubject: string): IssuerAnswer {
    const { redirect_uri: redirectUri, client_id: clientId = '', state } = query;
    if (redirectUri === undefined || !URL.canParse(redirectUri)) return refusal('invalid_request', 'No redirect_uri.');
    const code = `test-code-${randomBytes(12).toString('base64url')}`;
    this.#codes.set(code, {
      clientId,
      subject: query['login_hint'] ?? defaultSubject,
      scope: query['scope'],
      redirectUri,
      codeChallenge: query['code_challenge'],
      nonce: query['nonce'],
    });
    const location = new URL(redirectUri);
    location.searchParams.set('code', code);
    if (state !== undefined) location.searchParams.set('state', state);
    location.searchParams.set('iss', issuer);
    return { status: 302, headers: { location: location.href } };
  }

  /** Exchanges a code for a token, once. @see [RFC 7636 §4.6](https://www.rfc-editor.org/rfc/rfc7636#section-4.6) */
  exchangeCode(form: IssuerRequest['form']): Authorization | undefined {
    const code = form['code'] ?? '';
    const found = this.#codes.get(code);
    this.#codes.delete(code);
    if (found === undefined || found.redirectUri !== form['redirect_uri']) return undefined;
    if (found.codeChallenge === undefined) return found;
    const verifier = form['code_verifier'] ?? '';
    const challenges = [createHash('sha256').update(verifier).digest('base64url'), verifier];
    return challenges.includes(found.codeChallenge) ? found : undefined;
  }

  /** @see [RFC 8628 §3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2) */
  startDevice(authorization: Authorization, verificationUri: string, approved: boolean): IssuerAnswer {
    const deviceCode = `test-device-${randomBytes(12).toString('base64url')}`;
    const userCode = randomBytes(4).toString('hex').toUpperCase();
    const state = approved ? 'approved' : 'pending';
    this.#devices.set(deviceCode, { ...authorization, userCode, state, approvedAs: undefined });
    return {
      json: {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: verificationUri,
        verification_uri_complete: `${verificationUri}?user_code=${userCode}`,
        expires_in: 600,
        interval: 1,
      },
    };
  }

  /** Lets a person decide about one device, or about all that wait. */
  decideDevice(userCode: string | undefined, state: 'approved' | 'denied', subject?: string): void {
    for (const device of this.#devices.values()) {
      if (userCode !== undefined && device.userCode !== userCode) continue;
      device.state = state;
      device.approvedAs = subject;
    }
  }

  /** Exchanges a device code for a token, or returns why not yet. @see [RFC 8628 §3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5) */
  exchangeDeviceCode(deviceCode: string): Authorization | string {
    const device = this.#devices.get(deviceCode);
    if (device === undefined) return 'expired_token';
    if (device.state === 'pending') return 'authorization_pending';
    this.#devices.delete(deviceCode);
    if (device.state === 'denied') return 'access_denied';
    return { ...device, subject: device.approvedAs ?? device.subject };
  }
}
